"""A progress bar on stderr, where somebody looks at it."""

import os
import sys
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

_EVERY_S: Final = 0.2


class Bar:
    """A bar that shows one phase after the other and is gone at the end; a context manager.

    Without a terminal it shows nothing.
    """

    def __init__(self) -> None:
        self._is_shown = sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description:<10}", markup=False),
            BarColumn(24),
            TextColumn("{task.fields[says]}", markup=False),
        )
        # It draws when it is told to: a thread of its own would take turns with the event loop.
        self._progress = Progress(
            *columns, console=Console(stderr=True), transient=True, auto_refresh=False
        )
        self._task = self._progress.add_task("", total=None, visible=False, says="")
        self._phase = ""
        self._drawn_at = 0.0

    def __enter__(self) -> Self:
        if self._is_shown:
            self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._is_shown:
            self._progress.stop()

    def show(self, phase: str, done: float, total: float | None, says: str) -> None:
        """A phase, how much of it is done, and that in words; without a total it only moves."""
        now = self._progress.get_time()
        if not self._is_shown or (phase == self._phase and now - self._drawn_at < _EVERY_S):
            return
        self._progress.update(
            self._task, description=phase, total=total, completed=done, says=says, visible=True
        )
        self._phase, self._drawn_at = phase, now
        self._progress.refresh()
