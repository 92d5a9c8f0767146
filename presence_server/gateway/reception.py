"""Where a connection goes with what it can't decide alone; the gateway is one."""

from typing import TYPE_CHECKING, Protocol

from websockets.http11 import Request, Response

from presence_server.core.errors import Refused
from presence_server.gateway.session import Context, Session
from presence_server.gateway.upgrade import Upgrade
from presence_server.gateway.wheel import Wheel

if TYPE_CHECKING:
    from presence_server.gateway.connection import Connection


class Reception(Protocol):
    """What connections ask and tell."""

    context: Context
    wheel: Wheel

    def opened(self, connection: "Connection") -> None:
        """A socket was accepted."""

    def respond(self, request: Request) -> Response | None:
        """The answer to a request that is no upgrade; None for an upgrade."""

    def agree_on(self, extensions: str | None) -> str | None:
        """The extensions to agree on of those that are offered."""

    def admit(self, connection: "Connection", upgrade: Upgrade) -> Session:
        """Seat an upgraded connection; raises `Refused`.

        After a `KeyUnknown` it may be asked once more, when there is a key or won't be.
        """

    def refusal_delay(
        self, connection: "Connection", refused: Refused, upgrade: Upgrade | None
    ) -> float:
        """Seconds to hold the closing of a refused connection; counts the refusal.

        There is no `upgrade` if it could not be read.
        """

    def never_asked(self, connection: "Connection") -> None:
        """The request of a connection did not come to an end in time."""

    def ended(self, connection: "Connection", code: int) -> None:
        """A connection gives up its seat, if it has one: a Close came or went, or it was lost."""

    def lost(self, connection: "Connection") -> None:
        """A socket is gone."""
