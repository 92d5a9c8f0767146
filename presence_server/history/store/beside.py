"""Two accounts of the same rows, laid beside each other: whether there is a key on which they
differ. It is one pass in the database, without a join, whatever is missing on either side.
"""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Exists,
    Select,
    Subquery,
    Table,
    cast,
    func,
    literal,
    null,
    or_,
    select,
    union_all,
)

from presence_server.history.store.schema import COUNTS

Account = dict[str, Any]
"""Columns by name: what is added up, or where the least or greatest counts."""

ONE: Final = literal(1)
_NOTHING: Final = cast(null(), BigInteger)


def select_of(account: Account, where: ColumnElement[bool] | None = None) -> Select[Any]:
    """An account as a query."""
    columns = [column.label(name) for name, column in account.items()]
    return select(*columns) if where is None else select(*columns).where(where)


def beside(*accounts: Select[Any]) -> Subquery:
    """All rows of all accounts; a column is NULL in those that do not have it."""
    columns = [dict(one.selected_columns.items()) for one in accounts]
    names = {name: _NOTHING.label(name) for has in columns for name in has}
    filled = [
        one.with_only_columns(*(names | has).values(), maintain_column_froms=True)
        for one, has in zip(accounts, columns, strict=True)
    ]
    return union_all(*filled).subquery()


def counted(table: Table) -> Account:
    """What a table counts that is not in its base: what the ledger, or what is below, must say."""
    return {name: table.c[name] - table.c[f"base_{name}"] for name in COUNTS}


def less(account: Account) -> Account:
    """The same as the other side of a sum that must be nothing."""
    return {name: -column for name, column in account.items()}


def renamed(table: Table, **columns: str) -> Account:
    """Columns of a table by other names."""
    return {name: table.c[column] for name, column in columns.items()}


def differ(said: Subquery, keys: Sequence[str], *where: ColumnElement[bool]) -> Exists:
    """Whether there is a key of which any of that is so."""
    by = [said.c[key] for key in keys]
    return select(ONE).select_from(said).group_by(*by).having(or_(*where)).exists()


def is_uneven(said: Subquery, *names: str) -> ColumnElement[bool]:
    """Whether one of these does not add up to nothing."""
    return or_(*(func.sum(said.c[name]) != 0 for name in names))
