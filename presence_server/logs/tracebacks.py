"""Exceptions as text: what failed and where, never what a client had sent.

The text of an exception may repeat it ("invalid literal …"), so only those speak whose text is
about code or the system. Neither do its notes, nor the arguments and variables of any frame.
"""

import traceback
from collections.abc import Iterator
from typing import Final

MAX_FRAMES: Final = 40
MAX_CHAIN: Final = 5

_SPEAKS: Final = frozenset(
    {
        *(AssertionError, AttributeError, ImportError, ModuleNotFoundError, NameError),
        *(NotImplementedError, RecursionError, RuntimeError, TypeError, UnboundLocalError),
        *(OSError, BrokenPipeError, ConnectionAbortedError, ConnectionRefusedError),
        *(ConnectionResetError, FileNotFoundError, PermissionError, TimeoutError),
    }
)


def render(error: BaseException) -> str:
    """The exception, what it came from, and what it is a group of."""
    return "\n".join(_lines(error, MAX_CHAIN))


def place(error: BaseException) -> tuple[str, int]:
    """What tells one fault from another: its type, and the line in which it was raised."""
    steps = [*traceback.walk_tb(error.__traceback__)]
    return type(error).__qualname__, steps[-1][1] if steps else 0


def _lines(error: BaseException, most: int) -> Iterator[str]:
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None and most:
        yield from _lines(before, most - 1)
        yield "which led to:"
    yield "Traceback (most recent call last):"
    for step in traceback.extract_tb(error.__traceback__, -MAX_FRAMES).format():
        yield from step.rstrip("\n").split("\n")
    yield _name(error)
    if isinstance(error, BaseExceptionGroup) and most:
        for one in error.exceptions[:MAX_CHAIN]:
            yield from _lines(one, most - 1)


def _name(error: BaseException) -> str:
    kind = type(error)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    says = " ".join(str(error).split()) if kind in _SPEAKS else ""
    return f"{module}{kind.__qualname__}" + (f": {says}" if says else "")
