"""What the log is told of connections and sockets: one line for a connection at most.

A refused one has it when it is refused; one that was inside when it ends, if that is asked for
(`all`). Only then is anything remembered of those inside. Nothing of a token but the user's id is
told, and of an address only the room; what was wrong with it is a word of ours.
"""

import logging
from collections.abc import Callable, Hashable
from typing import Final

from presence_server.core.address import parse_address
from presence_server.core.errors import Refused
from presence_server.core.network import client_address, is_proxy
from presence_server.gateway.ports import NEVER, Options
from presence_server.gateway.session import Session
from presence_server.gateway.upgrade import Upgrade

FORWARDED_EVERY_S: Final = 60.0

_LOG: Final = logging.getLogger("presence_server")
_ENDED: Final = logging.getLogger("presence_server.connections")
"""Its lines are asked for one by one: those that are alike are not counted together."""


class Journal:
    """Tells of the connections of one gateway. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._entered_at: dict[Hashable, float] = {}
        self._is_full = False
        self._forwarded_at = -NEVER

    # Connections

    def refused(
        self,
        reason: str,
        peer: Callable[[], str],
        options: Options,
        refused: Refused | None = None,
        upgrade: Upgrade | None = None,
    ) -> None:
        """A connection was turned away, with the close code of `refused` if it had one."""
        if options.log_connections == "none" or not _LOG.isEnabledFor(logging.INFO):
            return
        forwarded_for = upgrade and upgrade.forwarded_for
        _LOG.info(
            "connection refused",
            extra={
                "reason": reason,
                "because": refused and refused.because,
                "code": refused and refused.code,
                "room": upgrade and _room(upgrade.target),
                "address": client_address(peer(), forwarded_for, options.trusted_proxies),
            },
        )

    def entered(self, connection: Hashable, options: Options, now: float) -> None:
        """A connection has its seat."""
        if options.log_connections == "all":
            self._entered_at[connection] = now

    def ended(
        self, connection: Hashable, session: Session, code: int, options: Options, now: float
    ) -> None:
        """A connection has given up its seat."""
        entered_at = self._entered_at.pop(connection, None)
        if options.log_connections != "all":
            return
        seat = session.seat
        _ENDED.info(
            "connection ended",
            extra={
                "room": session.room_id,
                "user": seat.identity.user_id,
                "connection": seat.connection_id,
                "observe": seat.identity.observe,
                "code": code,
                "seconds": None if entered_at is None else round(now - entered_at, 3),
            },
        )

    # Sockets

    def no_sockets(self, count: int) -> None:
        """A newcomer was cut, because so many are open: told once."""
        if not self._is_full:
            self._is_full = True
            _LOG.warning("no sockets are left: newcomers are cut", extra={"open": count})

    def socket_closed(self, count: int, options: Options) -> None:
        """So many are open still: told when there is room again."""
        if self._is_full and count < max(1, options.max_sockets * 9 // 10):
            self._is_full = False
            _LOG.warning("there are sockets again", extra={"open": count})

    # Proxies

    def forwarded(self, peer: str, upgrade: Upgrade, options: Options, now: float) -> None:
        """An upgrade came from `peer`: tells, once a minute, if it speaks for another in vain."""
        if upgrade.forwarded_for is None or is_proxy(peer, options.trusted_proxies):
            return
        if now >= self._forwarded_at + FORWARDED_EVERY_S:
            self._forwarded_at = now
            _LOG.warning(
                "X-Forwarded-For is not believed: its sender is not in PRESENCE_TRUSTED_PROXIES",
                extra={"sender": peer},
            )


def _room(target: str) -> str | None:
    try:
        return parse_address(target).room_id
    except Refused:
        return None
