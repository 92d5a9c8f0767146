"""How much of an export is here, on a bar where somebody looks at it."""

import re
from time import monotonic
from types import TracebackType
from typing import Final, Self

from presence_server.commands.bar import Bar
from presence_server.commands.text import plural, rate, size, span

PATIENCE_S: Final = 1.0
"""What takes no longer than this needs no bar."""
_COUNT: Final = re.compile(r"[1-9][0-9]{0,14}")


class Tally:
    """Counts lines and bytes; `is_quiet` has it show nothing. A context manager."""

    def __init__(self, titles: int, *, is_quiet: bool) -> None:
        self._lines = -titles
        self._expected: int | None = None
        self._bytes = 0
        self._began = monotonic()
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

    def expect(self, rows: str) -> None:
        """So many, more or less, the server says; anything else says nothing."""
        self._expected = int(rows) if _COUNT.fullmatch(rows) else None

    def add(self, piece: bytes) -> None:
        """Count what came. No id has a line's end in it."""
        self._lines += piece.count(b"\n")
        self._bytes += len(piece)
        lasted = monotonic() - self._began
        if self._bar and lasted >= PATIENCE_S:
            self._show(self._bar, lasted)

    def _show(self, bar: Bar, lasted: float) -> None:
        """How far it is, if that can be told: more may come than was expected."""
        if self._expected is None or not 0 < self._rows <= self._expected:
            bar.show("exporting", 0, None, f"{self}, {rate(self._rows / lasted)}")
            return
        share = self._rows / self._expected
        left = max(1.0, lasted / share - lasted)
        says = f"{min(99, int(share * 100))} %, {plural(self._rows, 'row')}, {span(left)} left"
        bar.show("exporting", self._rows, self._expected, says)

    @property
    def _rows(self) -> int:
        return max(self._lines, 0)

    def __str__(self) -> str:
        return f"{plural(self._rows, 'row')}, {size(self._bytes)}"
