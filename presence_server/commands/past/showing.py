"""Writes an answer: as a table, as lines with tabs between, as CSV or as JSON."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

import click

from presence_server.commands import output
from presence_server.commands.past.call import Form
from presence_server.commands.past.commas import separated
from presence_server.commands.past.words import ForPeople, ForPrograms, Words, ago, kind
from presence_server.commands.text import clean
from presence_server.history.api.answers import Answer, Asked

LATE_MS: Final = 5_000
"""Behind by more than this, an answer says so."""
Cell = Callable[[Any, Words], str]


class Column(NamedTuple):
    """A title, and what stands below it; some are only there for people, or for programs."""

    title: str
    cell: Cell
    is_number: bool = False
    is_flexible: bool = False
    only: Literal["people", "programs"] | None = None


class Listing(NamedTuple):
    """What is listed; `nothing` is said if nothing is, `notes` below it to people."""

    row: type[Answer]
    rows: Sequence[Any]
    columns: Sequence[Column]
    nothing: str
    notes: Sequence[str] = ()
    is_ranked: bool = False


def show(form: Form, asked: Asked, json: Mapping[str, Any], listing: Listing) -> None:
    """Write an answer."""
    if form == "json":
        output.tell([output.as_json(json, indent=2)])
    elif form == "csv":
        text = separated(listing.row, listing.rows)
        if output.is_terminal():
            output.tell(map(printable, text.splitlines()))
        else:
            click.echo(text, nl=False)
        aside(asked, listing)
    elif form == "tabs":
        tell(listing)
        aside(asked, listing)
    else:
        draw(listing, now(asked))
        remark(freshness(asked))


def now(asked: Asked) -> int:
    """The server's clock when it answered: that of this machine may be another."""
    return asked.as_of + asked.lag_ms


def freshness(asked: Asked) -> Iterator[str]:
    """A line that says how old an answer is, if it is."""
    if asked.lag_ms > LATE_MS:
        yield f"as of {ago(asked.lag_ms)}: what happened since is not written yet"


def aside(asked: Asked, *listings: Listing) -> None:
    """Say on stderr what is no row."""
    for listing in listings:
        for line in (*(() if listing.rows else (listing.nothing,)), *listing.notes):
            click.echo(line, err=True)
    for line in freshness(asked):
        click.echo(line, err=True)


def tell(listing: Listing) -> None:
    """Write lines with tabs between."""
    words = ForPrograms()
    columns = [column for column in listing.columns if column.only != "people"]
    rows = ([column.cell(row, words) for column in columns] for row in listing.rows)
    output.tell(output.tabbed([column.title for column in columns], rows))


def draw(listing: Listing, now: int) -> None:
    """Write a table to people; a column that nothing stands in is left out."""
    from presence_server.commands.columns import laid_out

    console = output.console()
    if not listing.rows:
        console.print(listing.nothing)
        return
    words = ForPeople(now)
    filled = [
        (column, cells)
        for column in listing.columns
        if column.only != "programs"
        and any(cells := [column.cell(row, words) for row in listing.rows])
    ]
    if listing.is_ranked:
        ranks = [str(place) for place, _ in enumerate(listing.rows, 1)]
        filled.insert(0, (Column("#", lambda _row, _words: "", is_number=True), ranks))
    lines = laid_out(
        [*zip(*([column.title, *cells] for column, cells in filled), strict=True)],
        {at for at, (column, _) in enumerate(filled) if column.is_number},
        {at for at, (column, _) in enumerate(filled) if column.is_flexible},
        console.width,
    )
    console.print(next(lines), style="dim", soft_wrap=True)
    output.tell(lines)
    remark(listing.notes)


def heading(title: str, figures: str = "") -> None:
    """Say what a table below is about."""
    console = output.console()
    console.print(title, style="bold")
    if figures:
        console.print(figures)


def remark(notes: Iterable[str]) -> None:
    """Say something below a table."""
    console = output.console()
    for note in notes:
        console.print(note, style="dim")


def printable(line: str) -> str:
    """A line in which nothing is left that a terminal would act on."""
    if line.isprintable():
        return line
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)


def bars(rows: Sequence[Any], of: Callable[[Any], float], width: int) -> Column:
    """A column for people: the greatest is as long as the column is wide."""
    most = max(map(of, rows), default=0)

    def drawn(row: Any, _words: Words) -> str:
        halves = round(of(row) / most * width * 2) if most > 0 else 0
        return "█" * (halves // 2) + "▌" * (halves % 2)

    return Column("", drawn, only="people")


def place(row: Any) -> str:
    """A resource, with its version if there is one."""
    version = getattr(row, "version", None)
    return f"{clean(row.type)} {clean(row.id)}" + (f"@{clean(version)}" if version else "")


USER: Final = (
    Column("user", lambda row, words: words.user(row), is_flexible=True),
    Column("kind", lambda row, _: kind(row), only="programs"),
)
RESOURCE: Final = (
    Column("resource", lambda row, _: place(row), is_flexible=True, only="people"),
    Column("type", lambda row, _: clean(row.type), only="programs"),
    Column("id", lambda row, _: clean(row.id), only="programs"),
)
COUNTS: Final = (
    Column("views", lambda row, words: words.count(row.views), is_number=True),
    Column("opens", lambda row, words: words.count(row.opens), is_number=True),
    Column("active", lambda row, words: words.lasted(row.active_ms), is_number=True),
)
TIMES: Final = (
    Column("first", lambda row, words: words.when(row.first_at)),
    Column("last", lambda row, words: words.when(row.last_at)),
)
