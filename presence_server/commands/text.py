"""Text of strangers, made fit for a terminal, and figures for people. Pure."""

import unicodedata
from math import inf
from typing import Final

LONGEST: Final = 300
MARKS: Final = 2
_STACKING: Final = ("Mn", "Me")
_DURATIONS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def clean(text: object) -> str:
    """One line of what can be printed; no control, escape or direction character is left.

    Of marks that stack on a letter a few are kept, and no more of a text than any column holds.
    """
    kept: list[str] = []
    marks = 0
    for character in str(text)[:LONGEST]:
        marks = marks + 1 if unicodedata.category(character) in _STACKING else 0
        if marks <= MARKS:
            kept.append(_printable(character))
    return "".join(kept).strip()


def _printable(character: str) -> str:
    if character.isprintable():
        return character
    return " " if character.isspace() else "\N{REPLACEMENT CHARACTER}"


def plural(count: int, one: str, more: str = "") -> str:
    """A number of things, in words."""
    return f"{count:,} {one if count == 1 else more or one + 's'}"


def span(seconds: float) -> str:
    """How long something has lasted, in one unit."""
    for size, unit in _DURATIONS:
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return "now"


def size(count: float) -> str:
    """A number of bytes."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"


def figure(count: float) -> str:
    """A number; a small one has a decimal."""
    return f"{count:,.0f}" if count >= 100 or not count else f"{count:.1f}"


def rate(per_second: float) -> str:
    """How often in a second."""
    return f"{figure(per_second)}/s"


def duration(seconds: float | None, most: float = inf) -> str:
    """A short time, of which no more is known from `most` on; None where nothing was measured."""
    if seconds is None:
        return "–"
    if seconds >= most:
        return f"over {most:g} s"
    if seconds < 0.001:
        return f"{seconds * 1000:.2f} ms"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms" if seconds >= 0.01 else f"{seconds * 1000:.1f} ms"
    return f"{seconds:.1f} s"
