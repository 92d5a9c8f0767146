"""What was measured, and how its repetitions are put together."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

OURS = "ours"


@dataclass(frozen=True, slots=True)
class Figure:
    """One measurement; the same one of every repetition and server has the same `what`."""

    what: str
    value: float
    unit: str
    server_busy: float
    generator_busy: float
    key: str = OURS
    turn: int = 0
    notes: tuple[str, ...] = ()
    beyond: bool = False  # it is more than this: nobody waited for the end


@dataclass(slots=True)
class Figures:
    """All that was measured, and what could not be."""

    all: list[Figure] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)  # losses of ours
    troubles: dict[tuple[str, str], str] = field(default_factory=dict)  # of others, by row and key

    def of(self, what: str, key: str) -> list[Figure]:
        """Give one server's repetitions."""
        return [figure for figure in self.all if figure.what == what and figure.key == key]

    def whats(self) -> list[str]:
        """Give what was measured, in the order in which it was."""
        return list(dict.fromkeys(figure.what for figure in self.all))

    def servers(self) -> list[str]:
        """Give the servers, ours first."""
        found = dict.fromkeys(figure.key for figure in self.all)
        return sorted(found, key=lambda key: key != OURS)

    def by_turn(self, what: str, key: str) -> dict[int, float]:
        """Give a server's values by repetition."""
        return {figure.turn: figure.value for figure in self.of(what, key)}


def spread(values: Sequence[float]) -> str:
    """Show the median, and the lowest and the highest of several."""
    shown = number(median(values))
    if len(values) > 1:
        shown += f" ({number(min(values))}–{number(max(values))})"
    return shown


def cell(group: Iterable[Figure]) -> str:
    """Show the repetitions of one figure."""
    figures = list(group)
    beyond = "> " if any(figure.beyond for figure in figures) else ""
    return beyond + spread([figure.value for figure in figures])


def number(value: float) -> str:
    """Give three figures, and no more digits than those."""
    if value >= 1e6:
        return f"{value / 1e6:#.3g} M"
    if value >= 1000:
        digits = len(str(int(value))) - 3
        return f"{round(value, -digits):,.0f}"
    return f"{value:#.3g}".removesuffix(".") if value else "0"
