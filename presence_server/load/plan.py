"""What a run is to do: whom it dials, as whom, how fast. Pure."""

from collections.abc import Iterator
from typing import NamedTuple, Self
from urllib.parse import urlsplit

PORTS = {"ws": 80, "wss": 443}


class BadUrl(ValueError):
    """An address that no presence server can have; the message is one line."""


class Target(NamedTuple):
    """Where a deployment is: `base` is what its paths begin with, mostly nothing."""

    is_tls: bool
    host: str
    port: int
    base: str

    @classmethod
    def of(cls, url: str) -> Self:
        """The target of an address such as wss://presence.example.com.

        Raises:
            BadUrl: if it is none.

        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise BadUrl(f"{url!r}: {error}") from None
        scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
        if scheme not in PORTS or not parts.hostname:
            raise BadUrl(f"{url!r} is no address such as wss://presence.example.com")
        if parts.query or parts.fragment or "@" in parts.netloc or "/parties/" in parts.path:
            raise BadUrl(f"{url!r}: only the host, as in {scheme}://{parts.hostname}")
        base = parts.path.rstrip("/")
        return cls(scheme == "wss", parts.hostname, port or PORTS[scheme], base)

    @property
    def authority(self) -> str:
        """What a request says as its host."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS["wss" if self.is_tls else "ws"] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{'wss' if self.is_tls else 'ws'}://{self.authority}{self.base}"


class Member(NamedTuple):
    """One connection: a user of its own in a room."""

    number: int
    user_id: str
    room_id: str


class Plan(NamedTuple):
    """A run; rates are per second and connection."""

    target: Target
    run_id: str
    connections: int
    rooms: int
    rate: float
    cursors: float
    seconds: float
    ramp_s: float

    def members(self) -> Iterator[Member]:
        """Everybody, in the order in which they dial: the rooms fill evenly."""
        for number in range(self.connections):
            room = f"bench-{self.run_id}-{number % self.rooms + 1}"
            yield Member(number, f"bench-{number + 1}", room)

    def request_target(self, member: Member) -> str:
        """What a member's upgrade request asks for."""
        return f"{self.target.base}/parties/presence/{member.room_id}?_pk={member.user_id}"
