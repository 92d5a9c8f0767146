"""What the gateway needs of others, as small as it can be."""

from collections.abc import Callable, Sequence
from ipaddress import IPv4Network, IPv6Network
from typing import Any, Final, Literal, NamedTuple, Protocol

from presence_server.core.claims import Claims
from presence_server.core.errors import KeyUnknown
from presence_server.core.events import Event
from presence_server.core.room import RoomLimits

NEVER: Final = float("inf")
"""The time of what is not going to happen."""


class Timer(Protocol):
    """Something that will be called, unless it is cancelled."""

    def cancel(self) -> None:
        """Forget it."""


class Scheduler(Protocol):
    """The part of an event loop that the gateway uses; an asyncio loop is one."""

    def time(self) -> float:
        """Seconds, monotonic."""

    def call_soon(self, callback: Callable[..., object], *args: Any) -> Timer:
        """Call in this turn of the loop, after the callbacks that are due."""

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> Timer:
        """Call in `delay` seconds."""


class Verifier(Protocol):
    """Says what a token is worth."""

    def verify(self, token: str, now_s: float) -> Claims:
        """The token's claims at wall-clock time `now_s`; raises `TokenRefused`.

        It is a `KeyUnknown` if the answer may be another soon: then `learn`, and verify once more.
        """

    def learn(self, unknown: KeyUnknown, then: Callable[[], object]) -> Timer:
        """Have `then` called once when it is settled whether there is a key; it must not raise."""


class KeySource(Protocol):
    """Where keys come from that a verifier does not know yet."""

    @property
    def is_failing(self) -> bool:
        """Whether there was no good answer the last time."""

    def learn(self, is_known: Callable[[], bool], then: Callable[[], object]) -> Timer:
        """Have `then` called, once, when a key `is_known` or can't be had for now."""


class Listener(Protocol):
    """Told of every event of every room, in order, after it was taken. Must not block or raise."""

    def on_events(self, room_id: str, events: Sequence[Event], now_ms: int) -> None:
        """Take note of `events`."""


class Options(NamedTuple):
    """What of the settings concerns the gateway. Times are seconds, sizes bytes."""

    room: RoomLimits
    max_connections: int
    max_sockets: int
    user_total: int
    address_connections: int
    address_attempts: int
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...]
    overload_lag: float
    max_message: int
    buffer_limit: int
    ping_interval: float
    pong_timeout: float
    handshake_timeout: float
    close_timeout: float
    leave_grace: float
    rate: float
    burst: float
    allowed_origins: tuple[str, ...]
    compression: bool
    log_connections: Literal["none", "refused", "all"]
