"""CSV of an answer's rows: the columns and cells of an export."""

from collections.abc import Sequence
from typing import Final

from presence_server.history.api import formats
from presence_server.history.api.answers import Answer, Counts

_LAST: Final = (*Counts.model_fields, "is_looking")
"""Where there are counts they come after what they are of."""


def columns(row: type[Answer]) -> list[str]:
    """The fields that become columns, in their order."""
    fields = [*row.model_fields]
    if not issubclass(row, Counts):
        return fields
    return sorted(fields, key=lambda name: _LAST.index(name) if name in _LAST else -1)


def separated(row: type[Answer], rows: Sequence[Answer]) -> str:
    """A line of names, then one for each row."""
    fields = columns(row)
    names = formats.names(fields)
    cells = ([getattr(one, name) for name in fields] for one in rows)
    return (formats.head("csv", names) + formats.writer("csv", names)(cells)).decode()
