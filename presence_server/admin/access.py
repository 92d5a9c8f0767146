"""Who may ask what: the admin key everything, an operator's token its own rooms."""

import hmac
from collections.abc import Callable

from presence_server.core.claims import Claims
from presence_server.core.errors import TokenRefused
from presence_server.core.permissions import Permission, may

Covers = Callable[[str], bool]
"""Whether a room may be seen."""


class Denied(Exception):
    """A query that is not answered: 401 without a valid credential, 403 without permission."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class Access:
    """Checks the `Authorization` header of queries."""

    def __init__(self, admin_key: str | None, verify: Callable[[str], Claims]) -> None:
        self._admin_key = admin_key.encode() if admin_key else None
        self._verify = verify

    def check(self, authorization: str | None) -> Covers:
        """Which rooms the bearer may see.

        Raises:
            Denied: if none.

        """
        scheme, _, credential = (authorization or "").partition(" ")
        credential = credential.strip()
        if scheme.lower() != "bearer" or not credential:
            raise Denied(401, "token_missing", "send the admin key or an operator's token")
        if self._is_admin_key(credential):
            return lambda _room_id: True
        try:
            claims = self._verify(credential)
        except TokenRefused as refusal:
            raise Denied(401, refusal.fault, "not the admin key, not a valid token") from None
        if not may(claims.identity.profile.role, Permission.MODERATE):
            raise Denied(403, "forbidden", "an operator's token is needed")
        return claims.covers

    def _is_admin_key(self, credential: str) -> bool:
        key = self._admin_key
        given = credential.encode("latin-1")  # the bytes of the header, as Starlette decodes them
        return key is not None and hmac.compare_digest(given, key)
