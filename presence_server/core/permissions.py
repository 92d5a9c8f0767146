"""Who may do what: the one table of roles."""

from enum import StrEnum
from typing import Final, Literal

Role = Literal["viewer", "commenter", "operator"]


class Permission(StrEnum):
    """What a role can be allowed. Seeing the room and being seen on a page needs none."""

    CURSOR = "cursor"
    ACTIVITY = "activity"
    MODERATE = "moderate"


ALLOWED: Final[dict[Role, frozenset[Permission]]] = {
    "viewer": frozenset(),
    "commenter": frozenset({Permission.CURSOR, Permission.ACTIVITY}),
    "operator": frozenset(Permission),
}


def may(role: Role, permission: Permission) -> bool:
    """Whether `role` includes `permission`."""
    return permission in ALLOWED[role]
