"""`presence-server history top`."""

from functools import partial
from typing import Final

import click

from presence_server.commands import output
from presence_server.commands.past import asking, call, showing
from presence_server.commands.past.call import Call
from presence_server.commands.past.showing import RESOURCE, Column, Listing
from presence_server.commands.text import clean
from presence_server.history.api.answers import Resource, Top

INEXACT: Final = "uniques are not exact: guests with new pseudonyms and erased users count again"
ROOMY: Final = 100
"""Columns from which on there is space for long bars."""
COLUMNS: Final = (
    *RESOURCE,
    Column("views", lambda row, words: words.count(row.views), is_number=True),
    Column("uniques", lambda row, words: words.count(row.uniques), is_number=True),
    Column("trend", lambda row, words: words.count(row.trend), is_number=True),
    Column("active", lambda row, words: words.lasted(row.active_ms), is_number=True),
    Column("last", lambda row, words: words.when(row.last_at)),
)
_EPILOG: Final = """\
The trend is views too, but each counts half as much after every half-life (7 days, as the server is
set), so it shows what is viewed now. Days are days in UTC.

\b
Examples:
  presence-server history top presence-acme --by trend
  presence-server history top presence-acme --days 30 --type document
  presence-server history top presence-acme --csv > top.csv
"""


@click.command("top", epilog=_EPILOG, short_help="The most viewed resources of a room.")
@call.room
@call.by
@call.days
@call.kind
@call.limit(10, 100, "resources")
@call.asks()
def command(asked: Call, room: str, limit: int, **filters: str | int | None) -> None:
    """Print the resources of ROOM with the most views, users or trend, over all time or the last
    days.
    """
    by = str(filters["by"] or "views")
    call.check_window(by, filters["days"])
    parameters = {**filters, "room": room, "by": by, "limit": limit}
    said = asking.run(
        asked.target,
        partial(asking.ask, question="top", model=Top, parameters=parameters),
    )
    rows = said.answer.rows[:limit]
    width = 20 if output.console().width >= ROOMY else 8
    bar = showing.bars(rows, lambda row: float(getattr(row, by)), width)
    listing = Listing(
        Resource,
        rows,
        (*COLUMNS, bar),
        f"nothing was viewed in {clean(room)}",
        notes=() if said.answer.is_exact else (INEXACT,),
        is_ranked=True,
    )
    showing.show(asked.form, said.answer, said.json, listing)
