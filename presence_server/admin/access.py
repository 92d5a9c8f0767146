"""Who may ask what: the admin key everything, an operator's token its own rooms."""

import hmac
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple

from presence_server.admin.answers import Denied
from presence_server.core.claims import Claims
from presence_server.core.errors import TokenRefused
from presence_server.core.permissions import Permission, may

AdminKey = Callable[[], str | None]
"""The key that is in force now; without one nothing is it."""

Verify = Callable[[str], Awaitable[Claims]]
"""The claims of a token; raises `TokenRefused`. Its key may have to be fetched first."""

Refuses = Callable[[str, str, float | None], bool]
"""Whether a room is closed to a user's token that was issued at this time, after a removal."""

EVERY_ROOM: Final = "*"
"""What a token says that is for all of them."""


class Grant(NamedTuple):
    """What a credential is good for: a token's `claims`, or everything without any."""

    claims: Claims | None
    refuses: Refuses

    def covers(self, room_id: str) -> bool:
        """Whether it is good for this room."""
        return self._objection(room_id) is None

    def require(self, room_id: str) -> None:
        """See that it is good for this room.

        Raises:
            Denied: 403 if not.

        """
        objection = self._objection(room_id)
        if objection is not None:
            raise objection

    def require_everything(self) -> None:
        """See that it is the admin key.

        Raises:
            Denied: 403 if not.

        """
        if self.claims is not None:
            raise Denied(403, "forbidden", "the admin key is needed")

    def require_all_rooms(self) -> None:
        """See that it is good for every room.

        Raises:
            Denied: 403 if not.

        """
        if self.claims is not None and EVERY_ROOM not in self.claims.rooms:
            raise Denied(403, "forbidden", "the token is for some rooms only: name one")
        self.require(EVERY_ROOM)

    def _objection(self, room_id: str) -> Denied | None:
        claims = self.claims
        if claims is None:
            return None
        if not claims.covers(room_id):
            return Denied(403, "forbidden", "the token is for other rooms")
        if self.refuses(room_id, claims.identity.user_id, claims.issued_at):
            return Denied(403, "removed", "the token is from before a removal")
        return None


class Access:
    """Checks the `Authorization` header of queries."""

    def __init__(self, admin_key: AdminKey, verify: Verify, refuses: Refuses) -> None:
        self._admin_key = admin_key
        self._verify = verify
        self._refuses = refuses

    async def check(self, authorization: str | None, permission: Permission) -> Grant:
        """What the bearer may do; a token's role has to have `permission`.

        Raises:
            Denied: if nothing.

        """
        grant = await self._identify(authorization)
        if grant.claims is not None and not may(grant.claims.identity.profile.role, permission):
            raise Denied(403, "forbidden", "an operator's token is needed")
        return grant

    async def check_scope(self, authorization: str | None, scopes: Sequence[str]) -> Grant:
        """What the bearer may do; a token has to have one of these `scopes`, whatever its role.

        Raises:
            Denied: if nothing.

        """
        grant = await self._identify(authorization)
        if grant.claims is not None and grant.claims.scopes.isdisjoint(scopes):
            raise Denied(403, "forbidden", f"a token with the scope {scopes[0]} is needed")
        return grant

    async def _identify(self, authorization: str | None) -> Grant:
        scheme, _, credential = (authorization or "").partition(" ")
        credential = credential.strip()
        if scheme.lower() != "bearer" or not credential:
            raise Denied(401, "token_missing", "send the admin key, or a token that may")
        if self._is_admin_key(credential):
            return Grant(None, self._refuses)
        try:
            claims = await self._verify(credential)
        except TokenRefused as refusal:
            raise Denied(401, refusal.fault, "not the admin key, not a valid token") from None
        return Grant(claims, self._refuses)

    def _is_admin_key(self, credential: str) -> bool:
        key = self._admin_key()
        given = credential.encode("latin-1")  # the bytes of the header, as Starlette decodes them
        return bool(key) and hmac.compare_digest(given, (key or "").encode())
