"""Sums that are whole numbers, whatever the database makes of them."""

from sqlalchemy import BigInteger, ColumnElement, cast, func


def total(column: ColumnElement[int]) -> ColumnElement[int]:
    """The sum of a column, 0 of no rows. PostgreSQL's is a decimal, and NULL of none."""
    return cast(func.coalesce(func.sum(column), 0), BigInteger)
