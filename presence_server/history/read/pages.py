"""Pages of a list: each goes on behind the last row of the one before, whatever came in between.

A cursor is that row's place, so that no page is counted off and new rows shift nothing. Places are
numbers, never text, which databases collate differently.
"""

import base64
import binascii
import hashlib
import struct
from collections.abc import Callable, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

from sqlalchemy import BindParameter, ColumnElement, Connection, FromClause, RowMapping, tuple_

Row = TypeVar("Row")
Place = tuple[int, ...]
"""Where a row stands in the order of its list."""

_VERSION: Final = 1
_HEAD: Final = struct.Struct(">B6s")


class BadCursor(Exception):
    """The cursor is none, or that of another list."""


class Page(NamedTuple, Generic[Row]):
    """Some rows, and the cursor of the next; None on the last page."""

    rows: list[Row]
    next: str | None


class Walk(NamedTuple, Generic[Row]):
    """A list that can be read from any place on."""

    name: str
    """Of the list with all that it was narrowed by."""

    size: int
    """Numbers in a place."""

    read: Callable[[Connection, Place | None, int], list[tuple[Place, Row]]]
    """So many rows behind a place (None is the begin), each with its place."""


class Order(NamedTuple):
    """By columns that make a row's place."""

    columns: tuple[str, ...]
    is_rising: bool

    def of(self, rows: FromClause) -> list[ColumnElement[int]]:
        """What to order by."""
        columns = [rows.c[name] for name in self.columns]
        return [column.asc() if self.is_rising else column.desc() for column in columns]

    def behind(
        self, rows: FromClause, place: Sequence[int | BindParameter[int]] | None
    ) -> list[ColumnElement[bool]]:
        """What leaves only the rows behind a place."""
        if place is None:
            return []
        columns = [rows.c[name] for name in self.columns]
        # The first column's own bound lets PostgreSQL pass over partitions.
        if self.is_rising:
            return [columns[0] >= place[0], tuple_(*columns) > tuple_(*place)]
        return [columns[0] <= place[0], tuple_(*columns) < tuple_(*place)]

    def place(self, row: RowMapping) -> Place:
        """Where a row stands."""
        return tuple(int(row[name]) for name in self.columns)


def turn(connection: Connection, walk: Walk[Row], limit: int, cursor: str | None) -> Page[Row]:
    """The page that a cursor stands for. Raises `BadCursor`."""
    place = None if cursor is None else decode(walk, cursor)
    found = walk.read(connection, place, limit + 1)
    rows = [row for _, row in found[:limit]]
    return Page(rows, encode(walk, found[limit - 1][0]) if len(found) > limit else None)


def encode(walk: Walk[Row], place: Place) -> str:
    """The cursor of a place, safe in an address."""
    numbers = struct.pack(f">{walk.size}q", *place)
    return (
        base64.urlsafe_b64encode(_HEAD.pack(_VERSION, _digest(walk)) + numbers).decode().rstrip("=")
    )


def decode(walk: Walk[Row], cursor: str) -> Place:
    """The place that a cursor stands for. Raises `BadCursor`."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        version, digest = _HEAD.unpack_from(raw)
        place = struct.unpack(f">{walk.size}q", raw[_HEAD.size :])
    except (ValueError, binascii.Error, struct.error) as error:
        raise BadCursor from error
    if version != _VERSION or digest != _digest(walk) or encode(walk, place) != cursor:
        raise BadCursor
    return place


def _digest(walk: Walk[Row]) -> bytes:
    return hashlib.blake2s(walk.name.encode(), digest_size=6).digest()
