"""How much of an export is here, on a bar where somebody looks at it."""

import time
from types import TracebackType
from typing import Final, Self

from presence_server.commands.bar import Bar
from presence_server.commands.text import plural, rate, size

PATIENCE_S: Final = 1.0
"""What takes no longer than this needs no bar."""


class Tally:
    """Counts lines and bytes; `is_quiet` has it show nothing. A context manager."""

    def __init__(self, titles: int, *, is_quiet: bool) -> None:
        self._lines = -titles
        self._bytes = 0
        self._began = time.monotonic()
        self._bar = None if is_quiet else Bar()

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar:
            self._bar.__exit__(kind, error, traceback)

    def add(self, piece: bytes) -> None:
        """Count what came. No id has a line's end in it."""
        self._lines += piece.count(b"\n")
        self._bytes += len(piece)
        lasted = time.monotonic() - self._began
        if self._bar and lasted >= PATIENCE_S:
            says = f"{self}, {rate(max(self._lines, 0) / lasted)}"
            self._bar.show("exporting", 0, None, says)

    def __str__(self) -> str:
        return f"{plural(max(self._lines, 0), 'row')}, {size(self._bytes)}"
