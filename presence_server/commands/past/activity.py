"""`presence-server history activity`."""

from typing import Final

import click

from presence_server.commands.past import call, listing
from presence_server.commands.past.call import Call
from presence_server.commands.past.showing import Column
from presence_server.commands.past.words import Words
from presence_server.commands.text import clean
from presence_server.history.api.answers import Activity

TRAIL: Final = (
    Column("local time", lambda row, words: words.at(row.at), only="people"),
    Column("at", lambda row, words: words.at(row.at), only="programs"),
    Column("what", lambda row, _: row.what),
    Column("user", lambda row, words: _user(row, words), is_flexible=True),
    Column("kind", lambda row, _: "guest" if row.is_guest else "", only="programs"),
    Column("detail", lambda row, _: clean(row.detail or ""), is_flexible=True),
)
COLUMNS: Final = (
    *TRAIL,
    Column("session", lambda row, _: str(row.session or ""), is_number=True),
)
_EPILOG: Final = """\
What happened: opened and closed (a session), joined, left, role, removed, refused, ended (the
room), exported, erased, gap (what happened then was lost). Cursors and locations are in none of it.
A line without a user is about nobody, or about somebody who was erased.

\b
Examples:
  presence-server history activity presence-acme --limit 20
  presence-server history activity presence-acme --session 7 --csv > trail.csv
"""


@click.command("activity", epilog=_EPILOG, short_help="The trail of a room, or of a session.")
@call.room
@call.session
@call.limit(50, 100_000, "lines")
@call.asks()
def command(asked: Call, room: str, session: int | None, limit: int) -> None:
    """Print who joined, left, was removed or refused in ROOM, and what else happened, the newest
    first.
    """
    of = {"room": room, "session": session}
    nothing = f"nothing happened in {clean(room)}"
    listing.show(asked, "activity", Activity, of, limit, COLUMNS, nothing)


def _user(row: Activity, words: Words) -> str:
    return "" if row.user_id is None else words.user(row)
