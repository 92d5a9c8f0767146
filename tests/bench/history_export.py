"""A long export: what it takes of memory, and of time."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

from tests.bench.history_stage import Line, asking, recorder_of, recording, resident_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

LOOK_S: Final = 0.05
EARLY: Final = 0.1


class _Memory(threading.Thread):
    """Looks again and again at what processes hold, beside how far it is."""

    def __init__(self, *pids: int) -> None:
        super().__init__()
        self.over = threading.Event()
        self.rows = 0
        self.seen: list[tuple[int, ...]] = []
        self._pids = pids

    def run(self) -> None:
        while not self.over.wait(LOOK_S):
            self.seen.append((self.rows, *map(resident_bytes, self._pids)))


def export(address: str, room: str, form: str = "csv") -> Iterator[Line]:
    """Read the ledger of a room to its end; compare the memory of its first tenth and after."""
    with recording(address) as server, asking(server) as asker:
        memory = _Memory(server.pid, recorder_of(server))
        memory.start()
        began, size = time.monotonic(), 0
        try:
            for piece in asker.stream("export/views", room=room, format=form):
                memory.rows += piece.count(b"\n")
                size += len(piece)
        finally:
            memory.over.set()
            memory.join()
        took_s = time.monotonic() - began
    rows = memory.rows - (form == "csv")
    what = f"export of {rows:,} views as {form}"
    yield Line(what, [rows / took_s], "rows/s", None, f"{size / 1e6:.0f} MB in {took_s:.0f} s")
    for at, name in ((1, "server"), (2, "recorder")):
        early = max(seen[at] for seen in memory.seen if seen[0] <= rows * EARLY)
        most = max(seen[at] for seen in memory.seen)
        note = f"{early / 1e6:.0f} MB in the first tenth, {most / 1e6:.0f} at most"
        yield Line(f"{what}, {name}'s memory grows by", [(most - early) / 1e6], "MB", 10, note)
