"""Where lines leave the process: through a thread of their own, which may wait for the reader.

Whoever logs never waits. Lines alike are throttled; beyond a megabyte that nobody has taken lines
are dropped, counted, and told of in one line when it flows again.
"""

import logging
import os
import select
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from presence_server.logs import tracebacks
from presence_server.logs.lines import OURS
from presence_server.logs.throttle import NEVER, Throttle

MAX_WAITING: Final = 1_048_576
"""Bytes that may wait; as many may be on their way."""
LAST_LINES_S: Final = 1.0
UNTHROTTLED: Final = f"{OURS}.connections"
"""The logger of lines that an operator wants one by one."""

Count = Callable[[float], object]
"""Adds to a counter, from any thread."""


class Kind(NamedTuple):
    """What lines alike have in common."""

    logger: str
    level: int
    message: str
    reason: str | None
    because: str | None
    place: tuple[str, int] | None


class Outlet(logging.Handler):
    """Writes to a file descriptor."""

    def __init__(
        self,
        descriptor: int,
        formatter: logging.Formatter,
        throttle: "Throttle[Kind]",
        count_dropped: Count,
        count_repeats: Count,
    ) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self._descriptor = descriptor
        self._count_dropped = count_dropped
        self._count_repeats = count_repeats
        self._ready = threading.Condition()
        self._throttle = throttle
        self._lines: list[bytes] = []
        self._size = 0
        self._missed = 0
        self._is_over = False
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    # Whoever logs

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line, unless others said the same."""
        with self._ready:
            if self._is_said_again(record):
                self._count_repeats(1)
            else:
                self._add(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        """A record that can't be shown counts as dropped; it must not show itself on stderr."""
        del record
        self._miss(1)

    def close(self) -> None:
        """Write what waits, within `LAST_LINES_S`; `logging` does it at the end of the process."""
        with self._ready:
            self._sum_up(NEVER)
            self._is_over = True
            self._ready.notify()
        self._thread.join(LAST_LINES_S)
        super().close()

    def _is_said_again(self, record: logging.LogRecord) -> bool:
        if record.name == UNTHROTTLED:
            return False
        error = record.exc_info[1] if record.exc_info else None
        kind = Kind(
            record.name,
            record.levelno,
            str(record.msg),
            _field(record, "reason"),
            _field(record, "because"),
            tracebacks.place(error) if error else None,
        )
        return not self._throttle.admits(kind, time.monotonic())

    def _add(self, record: logging.LogRecord) -> None:
        if self._size >= MAX_WAITING:
            self._miss(1)
            return
        try:
            line = self.format(record).encode() + b"\n"
        except (TypeError, ValueError):
            self.handleError(record)
            return
        self._lines.append(line)
        self._size += len(line)
        self._ready.notify()

    def _miss(self, lines: int) -> None:
        self._missed += lines
        self._count_dropped(lines)

    # The thread

    def _run(self) -> None:
        while lines := self._take():
            try:
                _write(self._descriptor, memoryview(b"".join(lines)))
            except OSError:  # nobody is there any more, or the disk is full: perhaps later
                with self._ready:
                    self._miss(len(lines))

    def _take(self) -> list[bytes]:
        """The lines that wait; nothing once it is over."""
        with self._ready:
            self._sum_up(time.monotonic())
            while not self._lines and not self._is_over:
                self._ready.wait(self._pause())
                self._sum_up(time.monotonic())
            lines, self._lines, self._size = self._lines, [], 0
            if lines and self._missed:
                lines.append(self._tell_missed())
            return lines

    def _pause(self) -> float | None:
        end = self._throttle.next_end()
        return None if end == NEVER else max(0.0, end - time.monotonic())

    def _sum_up(self, now: float) -> None:
        for kind, repeats in self._throttle.ended(now):
            message = f"{kind.message} (said again)"
            said = {
                "reason": kind.reason,
                "because": kind.because,
                "times": repeats,
                "seconds": self._throttle.window_s,
            }
            self._add(_record(kind.logger, kind.level, message, said))

    def _tell_missed(self) -> bytes:
        record = _record(OURS, logging.WARNING, "log lines were dropped", {"lines": self._missed})
        self._missed = 0
        return self.format(record).encode() + b"\n"


def _field(record: logging.LogRecord, name: str) -> str | None:
    value = getattr(record, name, None)
    return None if value is None else str(value)


def _record(
    logger: str, level: int, message: str, fields: Mapping[str, object]
) -> logging.LogRecord:
    said = {"name": logger, "levelno": level, "levelname": logging.getLevelName(level)}
    return logging.makeLogRecord({**said, "msg": message, **fields})


def _write(descriptor: int, data: memoryview) -> None:
    """Write all of it, however long that takes."""
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:  # somebody who shares the descriptor made it so
            select.select((), (descriptor,), ())
