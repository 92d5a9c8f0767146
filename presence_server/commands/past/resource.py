"""`presence-server history resource`."""

from functools import partial
from typing import Final

import click

from presence_server.commands.past import asking, call, showing
from presence_server.commands.past.call import Call
from presence_server.commands.past.showing import COUNTS, TIMES, Column, Listing
from presence_server.commands.past.top import INEXACT
from presence_server.commands.past.words import ForPeople
from presence_server.commands.text import clean, plural
from presence_server.history.api.answers import ResourceStatistics, VersionCounts

VERSION: Final = Column("version", lambda row, _: version(row.version), is_flexible=True)
COLUMNS: Final = (
    VERSION,
    Column("uniques", lambda row, words: words.count(row.uniques), is_number=True),
    *COUNTS,
    *TIMES,
)
_EPILOG: Final = """\
Of its versions the latest 100 are listed.

\b
Examples:
  presence-server history resource presence-acme document d-1
  presence-server history resource presence-acme document d-1 --json | jq .uniques
"""


def version(of: str | None) -> str:
    """A version, or that there was none."""
    return "(none)" if of is None else clean(of)


@click.command("resource", epilog=_EPILOG, short_help="Totals of a resource and its versions.")
@call.room
@click.argument("kind", metavar="TYPE")
@click.argument("identity", metavar="ID")
@call.asks()
def command(asked: Call, room: str, kind: str, identity: str) -> None:
    """Print how often a resource of ROOM was viewed, by how many, and the same of its versions."""
    of = {"room": room, "type": kind, "id": identity}
    said = asking.run(
        asked.target,
        partial(asking.ask, question="resource", model=ResourceStatistics, parameters=of),
    )
    found = said.answer
    notes = () if found.is_exact else (INEXACT,)
    listing = Listing(VersionCounts, found.versions, COLUMNS, "it has no versions", notes)
    if asked.form == "table":
        showing.heading(f"{clean(found.type)} {clean(found.id)}", _figures(found))
    showing.show(asked.form, found, said.json, listing)


def _figures(found: ResourceStatistics) -> str:
    words = ForPeople(showing.now(found))
    return ", ".join(
        (
            plural(found.views, "view"),
            plural(found.opens, "open"),
            f"{plural(found.uniques, 'user')}",
            f"active for {words.lasted(found.active_ms)}",
            f"trend {words.count(found.trend)}",
            f"last {words.when(found.last_at)}",
        )
    )
