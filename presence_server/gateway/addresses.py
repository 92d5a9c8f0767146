"""Where connections come from: how many are open from each address, and how often it tried."""

from collections.abc import Hashable
from typing import Final

from presence_server.core.errors import Limit, too_many
from presence_server.core.network import client_address
from presence_server.gateway.attempts import Attempts
from presence_server.gateway.ports import Options

FREE_FAILURES: Final = 20
"""Failed authentications a minute that go unpunished."""


class Addresses:
    """The addresses of open connections, as far as a limit or a proxy makes them matter."""

    def __init__(self) -> None:
        self._of: dict[Hashable, str] = {}
        self._open: dict[str, int] = {}
        self._attempts = Attempts()
        self._failures = Attempts()

    def __len__(self) -> int:
        """How many different addresses have a connection: never more than there are connections."""
        return len(self._open)

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
        is_limited = options.address_connections or options.address_attempts
        if connection in self._of or not (is_limited or options.trusted_proxies):
            return
        address = client_address(peer, forwarded_for, options.trusted_proxies)
        self._of[connection] = address
        self._open[address] = self._open.get(address, 0) + 1
        most = options.address_attempts
        if most and self._attempts.count(address, now) > most:
            raise too_many(Limit.ADDRESS_ATTEMPTS)

    def leave(self, connection: Hashable) -> None:
        """A connection is gone."""
        address = self._of.pop(connection, None)
        if address is None:
            return
        self._open[address] -= 1
        if not self._open[address]:
            del self._open[address]

    def is_crowded(self, connection: Hashable, options: Options) -> bool:
        """Whether there are more connections from this one's address than there may be."""
        most = options.address_connections
        address = self._of.get(connection) if most else None
        return address is not None and self._open[address] > most

    def is_failing(self, connection: Hashable, peer: str, now: float) -> bool:
        """Count a failed authentication; whether its address had too many in its minute."""
        address = self._of.get(connection) or client_address(peer, None, ())
        return self._failures.count(address, now) > FREE_FAILURES
