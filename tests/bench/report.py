"""Figures in, a Markdown table out."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


@dataclass(frozen=True, slots=True)
class Figure:
    """One measurement; the same one of every repetition has the same `what`."""

    what: str
    value: float
    unit: str
    server_busy: float
    generator_busy: float
    notes: tuple[str, ...] = ()


def table(figures: Iterable[Figure], failures: Iterable[str] = ()) -> str:
    """Lay out the median of each figure, and how far its repetitions lay apart."""
    repeated: dict[str, list[Figure]] = {}
    for figure in figures:
        repeated.setdefault(figure.what, []).append(figure)
    lines = [
        "| measured | figure | | server busy | generator busy |",
        "| --- | ---: | --- | ---: | ---: |",
        *(_row(group) for group in repeated.values()),
        *(f"| **LOST** | {failure.replace('|', '/')} | | | |" for failure in failures),
    ]
    if notes := list(_notes(repeated)):
        lines += ["", *notes]
    return "\n".join(lines) + "\n"


def _row(group: Sequence[Figure]) -> str:
    values = [figure.value for figure in group]
    shown = number(median(values))
    if len(values) > 1:
        shown += f" ({number(min(values))}–{number(max(values))})"
    server = median(figure.server_busy for figure in group)
    generator = median(figure.generator_busy for figure in group)
    return f"| {group[0].what} | {shown} | {group[0].unit} | {server:.0%} | {generator:.0%} |"


def _notes(repeated: dict[str, list[Figure]]) -> Iterator[str]:
    for what, group in repeated.items():
        for note in dict.fromkeys(note for figure in group for note in figure.notes):
            yield f"- {what}: {note}"


def number(value: float) -> str:
    """Give three figures, and no more digits than those."""
    if value >= 1e6:
        return f"{value / 1e6:#.3g} M"
    if value >= 1000:
        digits = len(str(int(value))) - 3
        return f"{round(value, -digits):,.0f}"
    return f"{value:#.3g}".removesuffix(".")
