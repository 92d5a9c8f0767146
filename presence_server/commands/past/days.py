"""`presence-server history days`."""

from datetime import datetime
from functools import partial
from typing import Final

import click

from presence_server.commands import output
from presence_server.commands.past import asking, call, showing
from presence_server.commands.past.call import Call
from presence_server.commands.past.showing import COUNTS, Column, Listing
from presence_server.commands.text import clean
from presence_server.history.api.answers import Day, Days

AROUND: Final = 48
"""Columns that the figures beside the bars take."""
LONGEST: Final = 60
COLUMNS: Final = (
    Column("day", lambda row, _: clean(row.day)),
    *COUNTS,
    Column("uniques", lambda row, words: words.count(row.uniques), is_number=True),
)
_EPILOG: Final = """\
Days are days in UTC, today included. A view counts on the day on which it began. Uniques are users,
each once.

\b
Examples:
  presence-server history days presence-acme
  presence-server history days presence-acme --resource document d-1 --days 90
  presence-server history days presence-acme --days 365 --csv > days.csv
"""


@click.command("days", epilog=_EPILOG, short_help="Views of each day.")
@call.room
@call.resource
@call.days
@call.until
@call.asks()
def command(
    asked: Call,
    room: str,
    resource: tuple[str, str] | None,
    days: int | None,
    until: datetime | None,
) -> None:
    """Print how often resources of ROOM were viewed on each of the last days (30), the oldest
    first.
    """
    last = None if until is None else f"{until:%Y-%m-%d}"
    parameters = {"room": room, **call.named(resource), "days": days, "until": last}
    said = asking.run(
        asked.target,
        partial(asking.ask, question="days", model=Days, parameters=parameters),
    )
    rows = said.answer.rows
    width = min(LONGEST, max(8, output.console().width - AROUND))
    bar = showing.bars(rows, lambda row: float(row.views), width)
    listing = Listing(Day, rows, (*COLUMNS, bar), f"nothing was viewed in {clean(room)}")
    showing.show(asked.form, said.answer, said.json, listing)
