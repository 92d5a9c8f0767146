"""`presence-server history sessions`."""

from typing import Final

import click

from presence_server.commands.past import call, listing
from presence_server.commands.past.call import Call
from presence_server.commands.past.showing import Column
from presence_server.commands.text import clean
from presence_server.history.api.answers import Session

COLUMNS: Final = (
    Column("session", lambda row, _: str(row.session), is_number=True),
    Column("opened", lambda row, words: words.when(row.opened_at)),
    Column("last", lambda row, words: words.when(row.last_at)),
    Column("state", lambda row, _: state(row)),
    Column("users", lambda row, words: words.count(row.users), is_number=True),
    Column("joins", lambda row, words: words.count(row.joins), is_number=True),
    Column("peak", lambda row, words: words.count(row.peak), is_number=True),
    Column("views", lambda row, words: words.count(row.views), is_number=True),
)
_EPILOG: Final = """\
A session begins with the first join, and is closed when its room was empty for long (24 hours, as
the server is set).

\b
Examples:
  presence-server history sessions presence-acme
  presence-server history sessions presence-acme --limit 1000 --csv > sessions.csv
"""


def state(session: Session) -> str:
    """How it stands."""
    if session.closed_at is not None:
        return "closed"
    return f"{session.members:,} here" if session.members else "empty"


@click.command("sessions", epilog=_EPILOG, short_help="The sessions of a room.")
@call.room
@call.limit(50, 100_000, "sessions")
@call.asks()
def command(asked: Call, room: str, limit: int) -> None:
    """Print the sessions of ROOM, the newest first: when they were, and with how many."""
    nothing = f"{clean(room)} had no session"
    listing.show(asked, "sessions", Session, {"room": room}, limit, COLUMNS, nothing)
