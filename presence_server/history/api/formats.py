"""Rows as text: CSV (RFC 4180), and JSON objects, a line each (NDJSON)."""

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Literal

import orjson
from pydantic.alias_generators import to_camel

Format = Literal["csv", "ndjson"]
Rows = Iterable[Sequence[Any]]

TYPES: Final[dict[Format, str]] = {
    "csv": "text/csv; charset=utf-8; header=present",
    "ndjson": "application/x-ndjson",
}

_FORMULAS: Final = tuple("=+-@\t\r\n＝＋－＠")
"""What a spreadsheet takes for the begin of one, and could have it send the sheet elsewhere."""


def names(fields: Iterable[str]) -> list[str]:
    """Of the columns, as in other answers."""
    return [to_camel(field) for field in fields]


def writer(form: Format, columns: Sequence[str]) -> Callable[[Rows], bytes]:
    """Turns rows with these `columns` into bytes."""
    return _csv if form == "csv" else _ndjson(columns)


def head(form: Format, columns: Sequence[str]) -> bytes:
    """What stands before the first row."""
    return _csv([columns]) if form == "csv" else b""


def _csv(rows: Rows) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue().encode()


def _cell(value: object) -> object:
    """A text that looks like a formula gets an apostrophe, which makes it a text again."""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULAS) else value
    if isinstance(value, bool):
        return "true" if value else "false"
    return value


def _ndjson(columns: Sequence[str]) -> Callable[[Rows], bytes]:
    def lines(rows: Rows) -> bytes:
        return b"".join(
            orjson.dumps(dict(zip(columns, row, strict=True)), option=orjson.OPT_APPEND_NEWLINE)
            for row in rows
        )

    return lines
