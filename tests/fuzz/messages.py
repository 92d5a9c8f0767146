"""What an admitted client may send, beside a bystander in the same room.

An input is lines, done one after the other. `ann` has joined when the first one comes; the first
may be `O` and letters, see `OPTIONS`. A line begins with a verb, see `VERBS`; one that doesn't is a
text message as it stands.
"""

from collections.abc import Callable
from typing import Final
from urllib.parse import unquote_to_bytes

from presence_server.gateway.ports import Options
from tests.fuzz.invariants import Seen, buffers_are_bounded, check
from tests.fuzz.peer import deflated
from tests.fuzz.reading import DEFLATED_TEXT, TEXT, Broken
from tests.fuzz.script import TOKENS, expand, number
from tests.fuzz.stage import BYSTANDER, FUZZ_OPTIONS, Stage, target
from tests.support.world import ROOM

MAX_LINES: Final = 100
MAX_SENDS: Final = 1_500
MAX_REPEAT: Final = 300
MAX_PEERS: Final = 8
MAX_WAIT_MS: Final = 60_000
OPTIONS: Final = {b"d": "ann agreed to compression", b"g": "a leave grace of 3 s"}
NAMES: Final = {"ann": ("ann", "Zoe")}
"""What a user may be called by its tokens, where that is not just its id."""


class Talk:
    """One input on its way."""

    def __init__(self, letters: bytes) -> None:
        self.stage = Stage(_options(letters))
        self._sends_left = MAX_SENDS
        self._times = 1
        self._client = self.stage.peer()
        self._client.dial(target(b"ann", TOKENS[b"ann"]), deflate=b"d" in letters)
        self.stage.moment()

    def take(self, line: bytes) -> None:
        """Do what a line says, and let a moment pass."""
        verb = VERBS.get(line[:1])
        if verb is None:
            self._send(TEXT, line)
        else:
            verb(self, line[1:])
        self.stage.moment()
        buffers_are_bounded(self.stage)

    # Sending

    def _send(self, first: int, payload: bytes) -> None:
        for time in range(self._repeats()):
            self._client.send_frame(first, payload.replace(b"~", b"%d" % time))

    def _repeats(self) -> int:
        times, self._times = min(self._times, self._sends_left), 1
        self._sends_left -= times
        return times

    def text(self, argument: bytes) -> None:
        """A text message, percent-decoded."""
        self._send(TEXT, unquote_to_bytes(argument))

    def compressed(self, argument: bytes) -> None:
        """A compressed text message, percent-decoded; also from one who did not agree to it."""
        self._send(DEFLATED_TEXT, deflated(unquote_to_bytes(argument)))

    def frame(self, argument: bytes) -> None:
        """Two hexadecimal digits, the first byte of a frame; then its payload."""
        self._send(_first(argument), unquote_to_bytes(argument[2:]))

    def unmasked(self, argument: bytes) -> None:
        """The same without a mask."""
        self._client.send_unmasked(_first(argument), unquote_to_bytes(argument[2:]))

    def lie(self, argument: bytes) -> None:
        """The same with a size of its own, in decimal behind a blank before the payload."""
        size, _, payload = argument[2:].strip().partition(b" ")
        claimed = number(size, 999_999_999)
        self._client.send_frame(_first(argument), unquote_to_bytes(payload), size=claimed)

    def raw(self, argument: bytes) -> None:
        """Any bytes, percent-decoded."""
        self._client.send(unquote_to_bytes(argument))

    def repeat(self, argument: bytes) -> None:
        """The next line so many times in one moment; `~` in it is a number, from 0 on."""
        self._times = max(1, number(argument, MAX_REPEAT))

    def pieces(self, argument: bytes) -> None:
        """Send in pieces of so many bytes from now on; 0 for as they come."""
        self._client.piece = number(argument, 9_999)

    # Everything else

    def wait(self, argument: bytes) -> None:
        """Let so many milliseconds pass."""
        self.stage.wait(number(argument, MAX_WAIT_MS) / 1000)

    def stall(self, argument: bytes) -> None:
        """Read so many bytes more, and then nothing."""
        self._client.transport.window = number(argument, 99_999)

    def read(self, argument: bytes) -> None:
        """Read so many bytes; without a number, everything from now on."""
        self._client.transport.read(number(argument, 999_999) if argument else None)

    def join(self, argument: bytes) -> None:
        """Another connection, with a token by its name; a blank and a connection id may follow.

        A name that ends in `+` offers compression, one in `#` asks for the count of members. What
        follows is done by this one.
        """
        if len(self.stage.peers) < MAX_PEERS:
            name, _, connection_id = argument.partition(b" ")
            token = TOKENS.get(name.rstrip(b"+#"), name)
            if name.endswith(b"#"):
                token += b"&members=count"
            self._client = self.stage.peer()
            self._client.dial(target(connection_id or b"ann", token), deflate=name.endswith(b"+"))

    def choose(self, argument: bytes) -> None:
        """What follows is done by the connection of this number."""
        self._client = self.stage.peers[number(argument, len(self.stage.peers) - 1)]

    def vanish(self, _argument: bytes) -> None:
        """The connection is lost."""
        self._client.transport.lose()

    def end(self, _argument: bytes) -> None:
        """The client ends the stream."""
        self._client.end_stream()

    def kick(self, argument: bytes) -> None:
        """An operator removes a user."""
        user = argument.decode("utf-8", "replace")
        if user != BYSTANDER:
            self.stage.world.gateway.rooms.remove_user(ROOM, user)


VERBS: Final[dict[bytes, Callable[[Talk, bytes], None]]] = {
    b"T": Talk.text,
    b"Z": Talk.compressed,
    b"F": Talk.frame,
    b"U": Talk.unmasked,
    b"L": Talk.lie,
    b"R": Talk.raw,
    b"X": Talk.repeat,
    b"P": Talk.pieces,
    b"W": Talk.wait,
    b"S": Talk.stall,
    b"G": Talk.read,
    b"J": Talk.join,
    b"C": Talk.choose,
    b"V": Talk.vanish,
    b"E": Talk.end,
    b"K": Talk.kick,
}


def play(data: bytes, *, thorough: bool = False) -> None:
    """Do what the lines say, and see that everything holds.

    Raises:
        Broken: if it does not.

    """
    lines = expand(data).split(b"\n")[:MAX_LINES]
    has_options = lines[0].startswith(b"O")
    talk = Talk(lines[0][1:] if has_options else b"")
    for line in lines[has_options:]:
        talk.take(line)
    for seen in check(talk.stage, thorough=thorough):
        nobody_forges_who_they_are(seen)


def nobody_forges_who_they_are(seen: Seen) -> None:
    """What is shown of a user is what its tokens say."""
    for message in seen.messages:
        for user in message.get("users", [message]):
            user_id, name = user.get("userId"), user.get("userName")
            if name is not None and name not in NAMES.get(user_id, (user_id,)):
                raise Broken("nobody_forges_who_they_are", user)


def _options(letters: bytes) -> Options:
    return FUZZ_OPTIONS._replace(leave_grace=3.0 if b"g" in letters else 0.0)


def _first(argument: bytes) -> int:
    try:
        return int(argument[:2], 16) & 0xFF
    except ValueError:
        return TEXT
