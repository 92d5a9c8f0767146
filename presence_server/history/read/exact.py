"""Whether counted users are so many people.

They may be fewer: a guest whose pseudonym changed, an erased user and one whom retention took are
counted again when they come back. To look for those among the viewers of a resource is bounded;
where it would take longer, the answer is that it is not known to be exact.
"""

from collections.abc import Collection
from typing import Final

from sqlalchemy import BindParameter, Connection, bindparam, func, or_, select

from presence_server.history.store.schema import (
    guest_keys,
    resource_viewers,
    resources,
    users,
)

_FEW: Final = 200
"""Users looked at for each resource."""


_NEVER: Final = 2**62
_MAY_COME_BACK: Final = or_(users.c.is_guest, users.c.ref.is_(None))
"""The condition of a partial index."""

_NEWEST_KEY: Final = select(func.coalesce(func.max(guest_keys.c.began_at), _NEVER))
_UNDER_ANOTHER_NAME: Final = or_(
    users.c.ref.is_(None), resource_viewers.c.first_at < _NEWEST_KEY.scalar_subquery()
)
"""Guests keep their pseudonym while its key is in use."""

_NUMBERS: Final[BindParameter[int]] = bindparam("numbers", expanding=True)
_COUNTED: Final = select(resources.c.room_id, resources.c.uniques, resources.c.base_uniques).where(
    resources.c.id.in_(_NUMBERS)
)
_SUSPECTS: Final = (
    select(users.c.id)
    .where(users.c.room_id.in_(bindparam("rooms", expanding=True)), _MAY_COME_BACK)
    .limit(_FEW + 1)
)
_COUNTED_AGAIN: Final = (
    select(resource_viewers.c.user_id)
    .join(users, users.c.id == resource_viewers.c.user_id)
    .where(resource_viewers.c.resource_id.in_(_NUMBERS), _MAY_COME_BACK, _UNDER_ANOTHER_NAME)
    .limit(1)
)
_SUSPECTS_AGAIN: Final = _COUNTED_AGAIN.where(
    resource_viewers.c.user_id.in_(bindparam("suspects", expanding=True))
)


def are_exact(connection: Connection, numbers: Collection[int]) -> bool:
    """Whether uniques of these resources (their numbers), of one room, are exact."""
    rows = connection.execute(_COUNTED, {"numbers": numbers}).all()
    if any(row.base_uniques for row in rows):
        return False
    rooms = {row.room_id for row in rows}
    suspects = connection.scalars(_SUSPECTS, {"rooms": list(rooms)}).all()
    if not suspects:
        return True
    if len(suspects) <= _FEW:
        asked = {"numbers": numbers, "suspects": suspects}
        return connection.execute(_SUSPECTS_AGAIN, asked).first() is None
    if any(row.uniques > _FEW for row in rows):
        return False
    return connection.execute(_COUNTED_AGAIN, {"numbers": numbers}).first() is None
