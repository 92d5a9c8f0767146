"""`presence-server history views`."""

from typing import Final

import click

from presence_server.commands.past import call, listing
from presence_server.commands.past.call import Call
from presence_server.commands.past.showing import RESOURCE, USER, Column
from presence_server.commands.text import clean
from presence_server.history.api.answers import View

COLUMNS: Final = (
    *USER,
    *RESOURCE,
    Column("version", lambda row, _: clean(row.version or ""), only="programs"),
    Column("began", lambda row, words: words.when(row.began_at)),
    Column("ended", lambda row, words: words.until(row.ended_at, "looking")),
    Column("by", lambda row, _: row.ended_by or ""),
    Column("opens", lambda row, words: words.count(row.opens), is_number=True),
    Column("active", lambda row, words: words.lasted(row.active_ms), is_number=True),
)
_EPILOG: Final = """\
What has not ended goes on. A guest who is back under another pseudonym is someone else.

\b
Examples:
  presence-server history views presence-acme
  presence-server history views presence-acme --user ann --resource document d-1
  presence-server history views presence-acme --limit 1000 --json | jq -r '.rows[].id' | sort -u
"""


@click.command("views", epilog=_EPILOG, short_help="Single views, by resource or user.")
@call.room
@call.resource
@call.version
@call.user
@call.guest
@call.limit(50, 100_000, "views")
@call.asks()
def command(
    asked: Call,
    room: str,
    resource: tuple[str, str] | None,
    version: str | None,
    user: str | None,
    guest: bool,
    limit: int,
) -> None:
    """Print the views in ROOM, the newest first: each is one user at one resource, from when to
    when.
    """
    call.check_version(resource, version)
    call.check_guest(user, guest)
    of = {"room": room, **call.named(resource), "version": version, **call.one(user, guest)}
    nothing = f"nothing of this was viewed in {clean(room)}"
    listing.show(asked, "views", View, of, limit, COLUMNS, nothing)
