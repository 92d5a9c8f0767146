"""The door: who may come in, and where to. Nothing has changed when it says no."""

from typing import NamedTuple

from presence_server.core.address import parse_address
from presence_server.core.claims import Claims
from presence_server.core.close_codes import Close
from presence_server.core.errors import KeyUnknown, Refused, TokenRefused
from presence_server.core.origins import is_allowed
from presence_server.gateway.ports import Verifier
from presence_server.gateway.upgrade import Upgrade


class Ticket(NamedTuple):
    """What an upgrade request was found to be: a valid token for a room. `counts` is whether the
    client is to hear how many are there in place of who.
    """

    room_id: str
    connection_id: str | None
    claims: Claims
    counts: bool


class Door:
    """Checks upgrade requests."""

    def __init__(self, verifier: Verifier, allowed_origins: tuple[str, ...]) -> None:
        self._verifier = verifier
        self._allowed_origins = allowed_origins

    def check(self, upgrade: Upgrade, now_s: float) -> Ticket:
        """The ticket of a request.

        Raises:
            Refused: with the close code that says what is wrong.
            KeyUnknown: if its token can't be judged yet.

        """
        address = parse_address(upgrade.target)
        if not is_allowed(upgrade.origin, self._allowed_origins):
            raise Refused(Close.FORBIDDEN, "origin is not allowed", because="origin")
        token = address.token or _bearer(upgrade.authorization)
        if not token:
            raise Refused(Close.UNAUTHORIZED, "token_missing")
        claims = self.verify(token, now_s)
        if not claims.covers(address.room_id):
            raise Refused(Close.FORBIDDEN, "token is for another room", because="room")
        return Ticket(address.room_id, address.connection_id, claims, address.counts)

    def verify(self, token: str, now_s: float) -> Claims:
        """The claims of a token at the door.

        Raises:
            Refused: 4401 with the reason that clients go by.
            KeyUnknown: if that may be settled otherwise soon.

        """
        try:
            return self._verifier.verify(token, now_s)
        except KeyUnknown:
            raise
        except TokenRefused as refusal:
            because = refusal.because
            raise Refused(Close.UNAUTHORIZED, refusal.fault, because=because) from None


def _bearer(authorization: str | None) -> str | None:
    """The token of an `Authorization: Bearer` header (RFC 6750 §2.1)."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None
