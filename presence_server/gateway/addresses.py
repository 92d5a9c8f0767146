"""Where connections come from: how many are open from each address, and how often it tried."""

from collections.abc import Hashable
from typing import Final

from presence_server.core.errors import Limit, too_many
from presence_server.core.network import client_address, is_proxy
from presence_server.gateway.attempts import Attempts
from presence_server.gateway.ports import Options

FREE_FAILURES: Final = 20
"""Failed authentications a minute that go unpunished."""
MAX_OUTSIDE: Final = 2
"""So many times what may be in: room for those that are told that they may not."""


class _Crowd:
    """Connections, and how many of them are from each address."""

    __slots__ = ("counts", "of")

    def __init__(self) -> None:
        self.of: dict[Hashable, str] = {}
        self.counts: dict[str, int] = {}

    def add(self, connection: Hashable, address: str) -> int:
        """Count one that is not counted yet; how many there are from its address now."""
        self.of[connection] = address
        count = self.counts[address] = self.counts.get(address, 0) + 1
        return count

    def discard(self, connection: Hashable) -> None:
        """Count it no more."""
        address = self.of.pop(connection, None)
        if address is None:
            return
        self.counts[address] -= 1
        if not self.counts[address]:
            del self.counts[address]


class Addresses:
    """The addresses of open connections, as far as a limit or a proxy makes them matter."""

    def __init__(self) -> None:
        self._open = _Crowd()  # those that arrived
        self._outside = _Crowd()  # those that are not in, whether they arrived or not
        self._attempts = Attempts()
        self._failures = Attempts()

    def __len__(self) -> int:
        """How many different addresses have a connection: never more than there are connections."""
        return len(self._open.counts)

    @staticmethod
    def matter(options: Options) -> bool:
        """Whether anything goes by them: else nobody need ask a socket for its address."""
        is_limited = options.address_connections or options.address_attempts
        return bool(is_limited or options.trusted_proxies)

    def accept(self, connection: Hashable, peer: str, options: Options) -> bool:
        """Note a new socket; whether it may stay, to say what it wants. `leave` must follow.

        Without it one address could take all places and say nothing. A proxy has not said yet whom
        it speaks for.
        """
        most = options.address_connections
        if not most or is_proxy(peer, options.trusted_proxies):
            return True
        return self._outside.add(connection, client_address(peer, None, ())) <= MAX_OUTSIDE * most

    def arrive(
        self,
        connection: Hashable,
        peer: str,
        forwarded_for: str | None,
        options: Options,
        now: float,
    ) -> None:
        """Note where a connection comes from, once; `leave` must follow when it is gone.

        Raises:
            Refused: if its address tries too often.

        """
        if connection in self._open.of:
            return
        address = client_address(peer, forwarded_for, options.trusted_proxies)
        self._open.add(connection, address)
        most = options.address_attempts
        if most and self._attempts.count(address, now) > most:
            raise too_many(Limit.ADDRESS_ATTEMPTS)

    def enter(self, connection: Hashable) -> None:
        """A connection is in."""
        self._outside.discard(connection)

    def leave(self, connection: Hashable) -> None:
        """A connection is gone."""
        self._outside.discard(connection)
        self._open.discard(connection)

    def is_crowded(self, connection: Hashable, options: Options) -> bool:
        """Whether there are more connections from this one's address than there may be."""
        most = options.address_connections
        address = self._open.of.get(connection) if most else None
        return address is not None and self._open.counts[address] > most

    def is_failing(self, connection: Hashable, peer: str, now: float) -> bool:
        """Count a failed authentication; whether its address had too many in its minute."""
        address = self._open.of.get(connection) or client_address(peer, None, ())
        return self._failures.count(address, now) > FREE_FAILURES
