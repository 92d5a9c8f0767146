"""How commands write: for people on a terminal, for programs in a pipe.

Import this only in a command that has something to show: a server needs none of it.
"""

import io
import json
import os
import sys
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text


def is_terminal() -> bool:
    """Whether somebody reads along."""
    return sys.stdout.isatty()


def can_draw() -> bool:
    """Whether there is a screen that can be painted anew."""
    return is_terminal() and os.environ.get("TERM", "dumb") not in ("dumb", "unknown")


def console() -> "Console":
    """A console that takes text as it is: no markup, no smileys, nothing found in it to colour."""
    from rich.console import Console

    ask_no_encoding()
    return Console(highlight=False, markup=False, emoji=False)


def columns(titles: Iterable[str], numbers: Collection[str], flexible: Collection[str]) -> "Table":
    """An empty table without lines; where it is narrow, columns that are flexible give way."""
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for title in titles:
        table.add_column(
            title,
            justify="right" if title in numbers else "left",
            no_wrap=title not in flexible,
        )
    return table


def cell(text: str, style: str = "") -> "Text":
    """What stands in a table: one line, cut where it does not fit. It is to be `clean`."""
    from rich.text import Text

    return Text(text, style, no_wrap=True, overflow="ellipsis")


def tell(lines: Iterable[str]) -> None:
    """Write lines, in one go."""
    ask_no_encoding()
    click.echo("".join(f"{line}\n" for line in lines), nl=False)


def tabbed(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterable[str]:
    """Lines of tab-separated fields, titles first. The fields are `clean`, so hold no tab."""
    yield "\t".join(titles)
    for row in rows:
        yield "\t".join(map(str, row))


def as_json(value: object, indent: int | None = None) -> str:
    """JSON in which nothing is left that a terminal would act on."""
    separators = (",", ":") if indent is None else None
    text = json.dumps(value, ensure_ascii=False, indent=indent, separators=separators)
    if text.replace("\n", "").isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def ask_no_encoding() -> None:
    """A terminal of another encoding gets question marks, not an exception."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
