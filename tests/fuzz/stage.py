"""A gateway in memory with a bystander in it, made anew for every input."""

import logging
import sys
from collections.abc import Callable
from ipaddress import IPv4Network
from typing import Final
from unittest.mock import patch
from urllib.parse import quote

from jwt.algorithms import OKPAlgorithm

from presence_server.core.claims import Expected
from presence_server.core.room import RoomLimits
from presence_server.gateway.keys import published_keys, secret_key
from presence_server.gateway.ports import Options, Timer
from presence_server.gateway.tokens import JwtVerifier
from presence_server.metrics import Metrics
from tests.fuzz.peer import Peer
from tests.fuzz.script import LATE, LATE_KEY, signed
from tests.support import world as worlds
from tests.support.world import OPTIONS, ROOM, SECRET, World

FUZZ_OPTIONS: Final = OPTIONS._replace(
    room=RoomLimits(members=4, connections_per_user=3, connections=8),
    max_message=4_096,
    buffer_limit=8_192,
    rate=20.0,
    burst=40.0,
    allowed_origins=("https://app.example", "https://*.app.example:8443"),
    compression=True,
    trusted_proxies=(IPv4Network("192.0.2.0/24"),),
    address_connections=6,
    address_attempts=20,
)
BYSTANDER: Final = "bystander"
PATIENCE_S: Final = 3.5
"""By then all that waits for a rate, a snapshot or a held refusal has come."""

_MOMENT_S: Final = 0.006
_LEARN_S: Final = 1.0
_STEP_S: Final = 5.0
_MAX_TIME_S: Final = 600.0
_TARGET: Final = b"/parties/presence/%b?_pk=%b&token=%b"
_TOKEN: Final = signed({"sub": BYSTANDER, "exp": 4_000_000_000})

# To make them is most of what it takes to make a world, and nothing here looks at them.
_METRICS: Final = Metrics()
_SECRET_KEY: Final = secret_key(SECRET)
_LATE_KEYS: Final = published_keys(
    {"keys": [{**OKPAlgorithm.to_jwk(LATE_KEY.public_key(), as_dict=True), "kid": LATE}]}
)


class _Log(logging.Handler):
    """Keeps what is logged: nothing that a client sends is worth a warning."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


LOG: Final = _Log()


class _Source:
    """Where the verifier gets a key from that it does not know; it takes a second."""

    is_failing = False

    def __init__(self, world: World) -> None:
        self._loop = world.loop
        verifier = world.gateway.context.verifier
        assert isinstance(verifier, JwtVerifier)
        self._verifier = verifier
        verifier.reconfigure([_SECRET_KEY], Expected(), self)

    def learn(self, is_known: Callable[[], bool], then: Callable[[], object]) -> Timer:
        """The gateway's port: `then` is called once."""
        return self._loop.call_later(0 if is_known() else _LEARN_S, self._learn, then)

    def _learn(self, then: Callable[[], object]) -> None:
        self._verifier.learnt(_LATE_KEYS)
        then()


class Stage:
    """One input on its way: the fuzzer's peers, and a bystander who must not notice them."""

    def __init__(self, options: Options = FUZZ_OPTIONS) -> None:
        with patch.object(worlds, "Metrics", lambda: _METRICS):
            self.world = World(options)
        _Source(self.world)
        self.peers: list[Peer] = []
        self._time_left = _MAX_TIME_S
        self.bystander = Peer(self.world, "198.51.100.1")
        self.bystander.dial(target(b"bystander", _TOKEN))
        self.moment()

    def peer(self) -> Peer:
        """Another socket for the fuzzer."""
        peer = Peer(self.world)
        self.peers.append(peer)
        return peer

    def moment(self) -> None:
        """Let a moment pass: a busy room gathers no longer than that."""
        self.world.loop.advance(_MOMENT_S)

    def wait(self, seconds: float) -> None:
        """Let time pass, the bystander showing signs of life."""
        seconds = min(seconds, self._time_left)
        self._time_left -= seconds
        self._pass(seconds)

    def settle(self) -> None:
        """Let everybody read, and whatever waits have its turn."""
        for peer in self.peers:
            peer.transport.read(None)
        self._pass(PATIENCE_S)

    def _pass(self, seconds: float) -> None:
        self.world.loop.turn()
        while seconds > 0:
            self.bystander.pong()
            self.world.loop.advance(min(seconds, _STEP_S))
            seconds -= _STEP_S

    def disperse(self) -> None:
        """Have everybody gone, beyond any grace."""
        for peer in [*self.peers, self.bystander]:
            peer.transport.lose()
        self.world.loop.advance(self.world.gateway.context.options.leave_grace + PATIENCE_S)


def target(connection_id: bytes, token: bytes) -> bytes:
    """The address of the room that the bystander is in."""
    return _TARGET % (quote(ROOM).encode(), connection_id, token)


def listen() -> None:
    """Take down what is logged, and what could not be raised, from now on."""
    logging.getLogger().addHandler(LOG)
    sys.unraisablehook = lambda raised: LOG.lines.append(f"{raised.exc_value!r}")
