"""`presence-server history viewers`."""

from typing import Final

import click

from presence_server.commands.past import call, listing
from presence_server.commands.past.call import Call
from presence_server.commands.past.showing import COUNTS, TIMES, USER, Column
from presence_server.commands.text import clean
from presence_server.history.api.answers import Viewer

COLUMNS: Final = (
    *USER,
    *COUNTS,
    *TIMES,
    Column("now", lambda row, _: "looking" if row.is_looking else ""),
)
_EPILOG: Final = """\
A guest has a pseudonym, of which a terminal shows the first digits; one who was erased has no id.

\b
Examples:
  presence-server history viewers presence-acme document d-1
  presence-server history viewers presence-acme document d-1 --version v2 --limit 1000
  presence-server history viewers presence-acme document d-1 --json | jq -r '.rows[].userId'
"""


@click.command("viewers", epilog=_EPILOG, short_help="Who viewed a resource, or a version of it.")
@call.room
@click.argument("kind", metavar="TYPE")
@click.argument("identity", metavar="ID")
@call.version
@call.limit(50, 100_000, "users")
@call.asks()
def command(
    asked: Call, room: str, kind: str, identity: str, version: str | None, limit: int
) -> None:
    """Print who viewed a resource of ROOM, how often and for how long, the latest first."""
    of = {"room": room, "type": kind, "id": identity, "version": version}
    nothing = f"nobody viewed {clean(kind)} {clean(identity)}"
    listing.show(asked, "viewers", Viewer, of, limit, COLUMNS, nothing)
