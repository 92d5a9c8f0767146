"""The main figures as horizontal bars, in SVG that reads on white and on black."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from tests.bench.figures import OURS, number
from tests.bench.targets import ACCEPT, ALONE, IDLE, MANY, SOME_LARGE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.bench.figures import Figures

PANELS = {
    ALONE: "deliveries per CPU second, 1,000 members, 1 update in flight",
    SOME_LARGE: "deliveries per CPU second, 1,000 members, 8 in flight",
    MANY: "deliveries per CPU second, 500 members, 128 in flight",
    ACCEPT: "connections accepted per CPU second",
    IDLE: "KiB per idle connection (less is better)",
}
WIDTH, LEFT, RIGHT, LINE, BAR = 820, 260, 70, 22, 14
TEXT, OUR_BAR, OTHER_BAR = "#777", "#2f81f7", "#9aa4b0"
WIDE = 20  # above this ratio of the longest to the shortest a scale is logarithmic


@dataclass(frozen=True, slots=True)
class Scale:
    """From values to lengths."""

    low: float
    high: float

    @classmethod
    def of(cls, values: list[float]) -> Scale:
        """Begin at 0, or at a power of ten where the values lie far apart."""
        low, high = min(values), max(values)
        wide = low > 0 and high / low > WIDE
        return cls(10 ** math.floor(math.log10(low) - 0.3) if wide else 0, high)

    def width(self, value: float) -> float:
        """Give the length of a bar."""
        room = WIDTH - LEFT - RIGHT
        if not self.low:
            return room * value / self.high
        return room * math.log(value / self.low) / math.log(self.high / self.low)


def chart(figures: Figures, names: Mapping[str, str]) -> str:
    """Draw a panel for each main figure that was measured."""
    body: list[str] = []
    y = 0
    for what, title in PANELS.items():
        values = {key: v for key in figures.servers() if (v := _median(figures, what, key))}
        if values:
            body += _panel(title, values, names, y)
            y += LINE * (len(values) + 2)
    size = f'width="{WIDTH}" height="{y}" viewBox="0 0 {WIDTH} {y}"'
    font = 'font-family="system-ui, sans-serif" font-size="13"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font} fill="{TEXT}">'
    return "\n".join([head, *body, "</svg>"]) + "\n"


def _median(figures: Figures, what: str, key: str) -> float:
    values = figures.by_turn(what, key).values()
    return median(values) if values else 0


def _panel(
    title: str, values: Mapping[str, float], names: Mapping[str, str], top: int
) -> Iterator[str]:
    scale = Scale.of(list(values.values()))
    full = f"{title}, log scale" if scale.low else title
    yield f'<text x="4" y="{top + LINE}" font-weight="bold">{escape(full)}</text>'
    for line, (key, value) in enumerate(values.items()):
        yield from _bar(names.get(key, key), value, key == OURS, scale, top + LINE * (line + 1.5))


def _bar(name: str, value: float, is_ours: bool, scale: Scale, top: float) -> Iterator[str]:
    width, base = scale.width(value), top + BAR - 2
    color, weight = (OUR_BAR, "bold") if is_ours else (OTHER_BAR, "normal")
    label = f'font-weight="{weight}" text-anchor="end"'
    yield f'<text x="{LEFT - 8}" y="{base:g}" {label}>{escape(name)}</text>'
    bar = f'width="{width:.1f}" height="{BAR}" fill="{color}"'
    yield f'<rect x="{LEFT}" y="{top:g}" {bar} rx="2"/>'
    yield f'<text x="{LEFT + width + 6:.1f}" y="{base:g}">{number(value)}</text>'
