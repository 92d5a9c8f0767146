"""A room as JSON lines: what each says, and how it gets into a pipe."""

import asyncio
import json
from typing import Any

from presence_client.changes import (
    Change,
    Changed,
    Counted,
    CursorMoved,
    Joined,
    Left,
    Reset,
)
from presence_client.standing import Standing
from presence_client.watch.pipe import Pipe

Line = dict[str, Any]


class Lines:
    """A view that writes one JSON object a line."""

    def __init__(self, fd: int, *, cursors: bool) -> None:
        self._pipe = Pipe(fd)
        self._cursors = cursors
        self._turn = asyncio.Lock()
        self._unread = asyncio.Event()

    async def take(self, change: Change) -> None:
        """Write a change."""
        if self._cursors or not isinstance(change, CursorMoved):
            await self._write(of_change(change))

    async def stand(self, standing: Standing) -> None:
        """Write how the connection stands."""
        await self._write(of_standing(standing))

    async def work(self) -> None:
        """Come back when nobody reads any more."""
        with self._pipe.on_hang_up(self._unread.set):
            await self._unread.wait()

    async def _write(self, line: Line) -> None:
        async with self._turn:  # a line is never torn by another
            try:
                await self._pipe.write(encode(line))
            except BrokenPipeError:
                self._unread.set()


def of_change(change: Change) -> Line:
    """A change, in the words of the wire."""
    match change:
        case Reset(members):
            return {"type": "reset", "members": list(members.values())}
        case Joined(_, entry):
            return {"type": "joined"} | dict(entry) | {"type": "joined"}
        case Changed(_, entry):
            return {"type": "changed"} | dict(entry) | {"type": "changed"}
        case CursorMoved(user_id, cursor):
            return {"type": "cursor", "userId": user_id, "cursor": cursor}
        case Left(user_id, reason):
            return {"type": "left", "userId": user_id, "reason": reason}
        case Counted(members):
            return {"type": "counted", "members": members}


def of_standing(standing: Standing) -> Line:
    """How the connection stands, and why, and when it is dialled again."""
    line: Line = {"type": "status", "status": standing.status}
    if standing.closing is not None:
        line |= {"code": standing.closing.code, "reason": standing.closing.reason}
    if standing.retry_in is not None:
        line["retryInMs"] = round(standing.retry_in * 1000)
    return line


def encode(line: Line) -> bytes:
    """Compact JSON and a line feed; what no terminal should see is escaped."""
    text = json.dumps(line, ensure_ascii=False, separators=(",", ":"))
    if not text.isprintable():
        text = "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)
    return text.encode() + b"\n"
