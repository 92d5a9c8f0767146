"""Text of strangers, made fit for a terminal, and times for people. Pure."""

import unicodedata
from typing import Final

LONGEST: Final = 300
MARKS: Final = 2
_STACKING: Final = ("Mn", "Me")


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


def ago(seconds: float) -> str:
    """How long something has lasted, in one unit."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return "now"
