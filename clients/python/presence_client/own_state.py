"""What this client says of itself: its location, status and cursor.

Pure: time comes in as an argument. Latest wins: one message per type is kept, whatever was said
before it. All of them are owed again at each welcome: the server may have forgotten us, or, on a
takeover, remember what we have since taken back.
"""

import json
from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

LOCATION: Final = "presence_update"
STATUS: Final = "status_update"
CURSOR: Final = "cursor_update"
ORDER: Final = (LOCATION, STATUS, CURSOR)
PLACE: Final = ("currentPath", "resourceType", "resourceId", "versionId")

MAX_MESSAGE: Final = 16 * 1024
ROOM_FOR_IDLE: Final = len(',"idleMs":') + len(str(2**53))

OwnStatus = Literal["online", "away"]
Fields = Mapping[str, Any]


class Said(NamedTuple):
    """One message as it will be sent; `spoken_at` is when the user gave the last sign of life."""

    fields: Fields
    spoken_at: float | None


class OwnState:
    """The last word on each subject, and which of them the server has yet to hear.

    The setters raise ValueError or TypeError for what can't be sent: not JSON, or too big.
    """

    def __init__(self) -> None:
        self._said: dict[str, Said] = {}
        self._owed: set[str] = set()

    def set_location(self, fields: Fields, idle_ms: int | None, now: float) -> None:
        """Replace the whole location; another place clears the cursor. None means absent."""
        location = _plain({"type": LOCATION} | {k: v for k, v in fields.items() if v is not None})
        moved = LOCATION not in self._said or _place(self._said[LOCATION].fields) != _place(
            location
        )
        self._say(LOCATION, location, _spoken_at(idle_ms, now))
        if moved and CURSOR in self._said:  # as the server does, so it need not be told now
            self._said[CURSOR] = Said({"type": CURSOR, "cursor": None}, None)

    def set_status(self, status: OwnStatus, idle_ms: int | None, now: float) -> None:
        """Say whether the user is at the keyboard."""
        self._say(STATUS, _plain({"type": STATUS, "status": status}), _spoken_at(idle_ms, now))

    def set_cursor(self, cursor: Fields | None) -> None:
        """Move the cursor, or remove it with None."""
        self._say(CURSOR, _plain({"type": CURSOR, "cursor": cursor}), None)

    def _say(self, kind: str, fields: Fields, spoken_at: float | None) -> None:
        self._said[kind] = Said(fields, spoken_at)
        self._owed.add(kind)

    def owe_all(self) -> None:
        """Owe the server everything again: to be called at each welcome."""
        self._owed.update(self._said)

    def take(self, now: float) -> dict[str, Any] | None:
        """The next message that is owed, no longer owed from here on; None when there is none.

        `idleMs` is counted up to now, so that saying it again is not a sign of life.
        """
        for kind in ORDER:
            if kind in self._owed:
                self._owed.remove(kind)
                return _with_idle(self._said[kind], now)
        return None


def _place(location: Fields) -> tuple[object, ...]:
    """What a cursor belongs to; what one does there may change around it."""
    return tuple(location.get(field) for field in PLACE)


def encode(message: Fields) -> str:
    """Compact JSON; what is beyond ASCII stays as it is, for the limits are in UTF-8 bytes."""
    return json.dumps(message, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _plain(message: Fields) -> Fields:
    """A copy as the server would read it: nothing that can't be sent is ever remembered."""
    text = encode(message)
    if len(text.encode()) + ROOM_FOR_IDLE > MAX_MESSAGE:
        raise ValueError(f"a message of more than {MAX_MESSAGE} bytes would end the connection")
    plain: Fields = json.loads(text)
    return plain


def _spoken_at(idle_ms: int | None, now: float) -> float:
    return now - (idle_ms or 0) / 1000


def _with_idle(said: Said, now: float) -> dict[str, Any]:
    message = dict(said.fields)
    if said.spoken_at is not None and (idle_ms := round((now - said.spoken_at) * 1000)) > 0:
        message["idleMs"] = idle_ms
    return message
