"""Columns of text on a terminal. Written by hand: a table of rich takes 2 ms for each row."""

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from rich.cells import cell_len, set_cell_size

GAP: Final = 2
NARROWEST: Final = 4


def laid_out(
    rows: Sequence[Sequence[str]], numbers: Collection[int], flexible: Collection[int], width: int
) -> Iterator[str]:
    """Lines with the rows' cells under one another, of which the first holds the titles.

    Columns of `numbers` end at the right; where a line is too long the `flexible` give way, the
    widest first.
    """
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    _shrink(widths, flexible, sum(widths) + GAP * (len(widths) - 1) - width)
    for row in rows:
        cells = [
            _fit(cell, size, is_number=at in numbers)
            for at, (cell, size) in enumerate(zip(row, widths, strict=True))
        ]
        yield (" " * GAP).join(cells).rstrip()


def _shrink(widths: list[int], flexible: Collection[int], excess: int) -> None:
    for _ in range(excess):
        widest = max(flexible, key=lambda at: widths[at])
        if widths[widest] <= NARROWEST:
            return
        widths[widest] -= 1


def _fit(cell: str, width: int, *, is_number: bool) -> str:
    """A cell of exactly this width."""
    length = cell_len(cell)
    if length > width:
        return set_cell_size(cell, width - 1) + "…"
    blanks = " " * (width - length)
    return blanks + cell if is_number else cell + blanks
