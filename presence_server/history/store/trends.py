"""Trends after another half-life was set: they follow from the days, which are kept for good."""

from itertools import groupby
from typing import Final

from sqlalchemy import Connection, bindparam, select, update

from presence_server.history.fold.trend import total
from presence_server.history.store import schema

_CHUNK: Final = 1_000


def renew_trends(connection: Connection, half_life_days: int) -> None:
    """Write every resource's trend for this half-life."""
    last = 0
    while numbers := _numbers(connection, last):
        _renew(connection, numbers, half_life_days)
        last = numbers[-1]
    connection.execute(update(schema.progress).values(half_life=half_life_days))


def _numbers(connection: Connection, after: int) -> list[int]:
    number = schema.resources.c.id
    page = select(number).where(number > after).order_by(number).limit(_CHUNK)
    return [*connection.execute(page).scalars()]


def _renew(connection: Connection, numbers: list[int], half_life_days: int) -> None:
    days = schema.days.c
    of_these = days.resource_id.between(numbers[0], numbers[-1])
    found = connection.execute(
        select(days.resource_id, days.day, days.views)
        .where(of_these)
        .order_by(days.resource_id, days.day)
    )
    resources = schema.resources
    connection.execute(
        update(resources)
        .where(resources.c.id == bindparam("number"))
        .values(trend=bindparam("renewed")),
        [
            {
                "number": number,
                "renewed": total(((day, views) for _, day, views in rows), half_life_days),
            }
            for number, rows in groupby(found, key=lambda row: row[0])
        ],
    )
