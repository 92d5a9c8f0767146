"""Whether a peer is alive and takes what it is sent. Pure: time comes in."""

from enum import Enum, auto

from presence_server.gateway.ports import NEVER


class Beat(Enum):
    """What to do now."""

    NOTHING = auto()
    PING = auto()
    CUT_SILENT = auto()
    CUT_STALLED = auto()


class Pulse:
    """The pings and the patience for one connection.

    A peer is alive if since the last ping any byte came, or its full buffer shrank. One whose
    writes are paused is cut when nothing of them was taken for `timeout`.
    """

    __slots__ = ("_flushed", "_next_ping", "_pinged_at", "_stall_by", "_stall_flushed", "heard")

    def __init__(self, next_ping: float) -> None:
        self.heard = False
        self._next_ping = next_ping
        self._pinged_at: float | None = None
        self._flushed = 0
        self._stall_by = NEVER
        self._stall_flushed = 0

    def paused(self, now: float, flushed: int, timeout: float) -> None:
        """Writes are paused: from now on something must be taken every `timeout` seconds."""
        self._stall_by = now + timeout
        self._stall_flushed = flushed

    def resumed(self) -> None:
        """Everything was taken, which is a sign of life."""
        self._stall_by = NEVER
        self.heard = True

    def ponged(self, now: float) -> float | None:
        """A pong came: the round trip in seconds, or None if no ping waits for one."""
        pinged_at, self._pinged_at = self._pinged_at, None
        return None if pinged_at is None else now - pinged_at

    def beat(self, now: float, flushed: int, interval: float, timeout: float) -> Beat:
        """What is due at `now`; `interval` until the ping after the one that may be due."""
        if self._is_stalled(now, flushed, timeout):
            return Beat.CUT_STALLED
        if self._pinged_at is not None:
            shrank = self._stall_by != NEVER and flushed > self._flushed
            if self.heard or shrank:
                self._pinged_at = None
            elif now >= self._pinged_at + timeout:
                return Beat.CUT_SILENT
            else:
                return Beat.NOTHING
        if now < self._next_ping:
            return Beat.NOTHING
        self.heard = False
        self._pinged_at = now
        self._flushed = flushed
        self._next_ping = now + interval
        return Beat.PING

    def due(self, now: float, timeout: float) -> float:
        """When to call `beat` again."""
        ping = self._next_ping
        if self._pinged_at is not None:
            answer_by = self._pinged_at + timeout
            ping = answer_by if ping <= now else min(ping, max(answer_by, now))
        return min(ping, self._stall_by)

    def _is_stalled(self, now: float, flushed: int, timeout: float) -> bool:
        if now < self._stall_by:
            return False
        if flushed > self._stall_flushed:
            self.paused(now, flushed, timeout)
            return False
        return True
