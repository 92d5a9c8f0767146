"""`presence-server history seen`."""

from functools import partial
from typing import Final

import click

from presence_server import exit_codes
from presence_server.commands.past import asking, call, showing
from presence_server.commands.past.call import Call
from presence_server.commands.past.resource import VERSION
from presence_server.commands.past.showing import COUNTS, TIMES, Listing
from presence_server.commands.text import clean
from presence_server.history.api.answers import Seen, SeenVersion

COLUMNS: Final = (VERSION, *COUNTS, *TIMES)
_EPILOG: Final = """\
It ends with 0 if so and with 3 if not; 1 means that nobody answered.

\b
Examples:
  presence-server history seen presence-acme document d-1 ann && echo 'Ann has seen it'
  presence-server history seen presence-acme document d-1 visitor-7 --guest
"""


@click.command("seen", epilog=_EPILOG, short_help="Has a user seen a resource, and which versions?")
@call.room
@click.argument("kind", metavar="TYPE")
@click.argument("identity", metavar="ID")
@click.argument("user")
@call.guest
@call.asks()
def command(asked: Call, room: str, kind: str, identity: str, user: str, guest: bool) -> int:
    """Print which versions of a resource of ROOM a user has seen, how often, first and last."""
    of = {"room": room, "type": kind, "id": identity, **call.one(user, guest)}
    said = asking.run(asked.target, partial(asking.ask, question="seen", model=Seen, parameters=of))
    found = said.answer
    what = f"{clean(kind)} {clean(identity)}"
    has = "has seen" if found.seen else "has not seen"
    if asked.form == "table" and found.seen:
        showing.heading(f"{clean(user)} {has} {what}")
    listing = Listing(SeenVersion, found.versions, COLUMNS, f"{clean(user)} {has} {what}")
    showing.show(asked.form, found, said.json, listing)
    return 0 if found.seen else exit_codes.NO
