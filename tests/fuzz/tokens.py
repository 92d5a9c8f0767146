"""Tokens whose signature holds, whatever they say, and addresses.

An input is lines, done one after the other; each begins with a verb, see `VERBS`. One that doesn't
is the payload of a token to dial with, as it stands.
"""

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Any, Final

from jwt.algorithms import HMACAlgorithm

from tests.fuzz.invariants import Seen, check
from tests.fuzz.reading import TEXT, Broken
from tests.fuzz.script import expand, number
from tests.fuzz.stage import Stage, target
from tests.support.world import ROOM, SECRET

MAX_LINES: Final = 24
MAX_WAIT_MS: Final = 60_000
MAX_ID: Final = 128
LEEWAY_S: Final = 5
HEADER: Final = b'{"alg":"HS256","typ":"JWT"}'

_HMAC: Final = HMACAlgorithm(HMACAlgorithm.SHA256)
_ID: Final = b"tokens"


class Desk:
    """One input on its way."""

    def __init__(self) -> None:
        self.stage = Stage()
        self.dialled: list[tuple[int, bytes, bytes, float]] = []
        self._header = HEADER
        self._client = self.stage.peer()

    def take(self, line: bytes) -> None:
        """Do what a line says, and let a moment pass."""
        verb = VERBS.get(line[:1], Desk.payload)
        verb(self, line if verb is Desk.payload else line[1:])
        self.stage.moment()

    def payload(self, payload: bytes) -> None:
        """Dial with a token of this payload."""
        self._note(payload)
        self._client.dial(target(_ID, signed(self._header, payload)))

    def bearer(self, payload: bytes) -> None:
        """The same with the token in a header."""
        self._note(payload)
        headers = b"Authorization: Bearer %b\r\n" % signed(self._header, payload)
        self._client.dial(target(_ID, b""), headers=headers)

    def _note(self, payload: bytes) -> None:
        index = len(self.stage.peers)
        self._client = self.stage.peer()
        self.dialled.append((index, self._header, payload, self.stage.world.wall()))

    def header(self, header: bytes) -> None:
        """What the header of the tokens says from now on."""
        self._header = header

    def refresh(self, payload: bytes) -> None:
        """Send a token of this payload in band."""
        token = signed(self._header, payload).decode()
        message = json.dumps({"type": "token_refresh", "token": token})
        self._client.send_frame(TEXT, message.encode())

    def token(self, token: bytes) -> None:
        """Dial with anything for a token."""
        self._client = self.stage.peer()
        self._client.dial(target(_ID, token))

    def address(self, address: bytes) -> None:
        """Dial any address."""
        self._client = self.stage.peer()
        self._client.dial(address)

    def wait(self, argument: bytes) -> None:
        """Let so many milliseconds pass."""
        self.stage.wait(number(argument, MAX_WAIT_MS) / 1000)

    def turn_wall_clock(self, argument: bytes) -> None:
        """Turn the wall clock so many seconds ahead."""
        self.stage.world.wall_offset += number(argument, 999_999)


VERBS: Final[dict[bytes, Callable[[Desk, bytes], None]]] = {
    b"B": Desk.bearer,
    b"H": Desk.header,
    b"R": Desk.refresh,
    b"T": Desk.token,
    b"A": Desk.address,
    b"W": Desk.wait,
    b"C": Desk.turn_wall_clock,
}


def play(data: bytes, *, thorough: bool = False) -> None:
    """Do what the lines say, and see that everything holds.

    Raises:
        Broken: if it does not.

    """
    desk = Desk()
    for line in expand(data).split(b"\n")[:MAX_LINES]:
        desk.take(line)
    seen = check(desk.stage, thorough=thorough)
    for index, header, payload, now in desk.dialled:
        who_comes_in_has_a_whole_token(seen[index], header, payload, now)


def who_comes_in_has_a_whole_token(seen: Seen, header: bytes, payload: bytes, now: float) -> None:
    """By a second opinion on what a token has to say at least, and the room shows just that."""
    if not seen.messages:
        return
    try:
        claims, head = json.loads(payload), json.loads(header)
        rooms = claims["room"] if isinstance(claims["room"], list) else [claims["room"]]
        is_whole = (
            head["alg"] == "HS256"
            and 0 < len(claims["sub"].encode()) <= MAX_ID
            and type(claims["exp"]) is int
            and claims["exp"] + LEEWAY_S > now
            and any(_covers(room) for room in rooms)
            and seen.messages[0]["userId"] == claims["sub"]
            and seen.messages[0]["role"] == claims.get("role", "commenter")
            and seen.messages[0]["observe"] is claims.get("observe", False)
        )
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise Broken("who_comes_in_has_a_whole_token", (error, header, payload)) from None
    if not is_whole:
        raise Broken("who_comes_in_has_a_whole_token", (header, payload))


def _covers(room: Any) -> bool:
    return ROOM.startswith(room[:-1]) if room.endswith("*") else room == ROOM


def signed(header: bytes, payload: bytes) -> bytes:
    """A token with a good signature."""
    text = b".".join(map(_base64url, (header, payload)))
    key = HMACAlgorithm.from_jwk(HMACAlgorithm.to_jwk(SECRET, as_dict=True))
    return text + b"." + _base64url(_HMAC.sign(text, key))


def _base64url(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")
