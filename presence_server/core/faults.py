"""What a client did wrong of late: whether to tell it, and when it is enough."""

from typing import Final

from presence_server.core.errors import ADVISORY, ErrorCode

TELL_INTERVAL_S: Final = 1.0
MAX_FAULTS: Final = 10
WINDOW_S: Final = 60.0


class Faults:
    """The faults of one connection. Made when the first one happens: most never need it."""

    __slots__ = ("_recent", "_tell_at", "_told")

    def __init__(self) -> None:
        self._recent: list[float] = []
        self._told: set[tuple[ErrorCode, str | None]] = set()
        self._tell_at = 0.0

    def note(self, code: ErrorCode, of: str | None, now: float) -> bool:
        """Count a fault; whether the client is to be told of it.

        At most one is told a second; an advisory one once for each type of message.
        """
        if code in ADVISORY:
            if (code, of) in self._told:
                return False
        else:
            self._recent = [at for at in self._recent if now - at < WINDOW_S]
            self._recent.append(now)
        if now < self._tell_at:
            return False
        self._tell_at = now + TELL_INTERVAL_S
        if code in ADVISORY:
            self._told.add((code, of))
        return True

    @property
    def is_enough(self) -> bool:
        """Whether the client has shown that it doesn't speak the protocol: close with 4400."""
        return len(self._recent) >= MAX_FAULTS
