"""Who may do what: the one table of roles."""

from enum import StrEnum
from typing import Final, Literal

Role = Literal["viewer", "commenter", "operator"]


class Permission(StrEnum):
    """What a role can be allowed. Seeing the room and being seen on a page needs none.

    The last three are for the admin listener, within the rooms of the token.
    """

    CURSOR = "cursor"
    ACTIVITY = "activity"
    QUERY = "query"
    REMOVE = "remove"
    END = "end"


_PRESENCE: Final = frozenset({Permission.CURSOR, Permission.ACTIVITY})
_MODERATION: Final = frozenset({Permission.QUERY, Permission.REMOVE, Permission.END})

ALLOWED: Final[dict[Role, frozenset[Permission]]] = {
    "viewer": frozenset(),
    "commenter": _PRESENCE,
    "operator": _PRESENCE | _MODERATION,
}


def may(role: Role, permission: Permission) -> bool:
    """Whether `role` includes `permission`."""
    return permission in ALLOWED[role]
