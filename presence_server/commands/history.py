"""`presence-server history`."""

from typing import Final

import click

from presence_server.commands.lazy import Lazy

COMMANDS: Final = (
    *("top", "days", "resource", "viewers", "seen", "views"),
    *("sessions", "session", "activity", "export", "erase", "check"),
)
_EPILOG: Final = """\
It asks the admin listener of a server that runs with PRESENCE_HISTORY, by the settings or --url,
with the admin key or a token with the scope history.read; erase and check need history.admin. ROOM
comes first. On a terminal there are tables, in a pipe lines with tabs between: times in UTC,
durations in seconds. --csv and --json have the fields of the API, in milliseconds.

\b
Examples:
  presence-server history top presence-acme
  presence-server history viewers presence-acme document d-1 --version v2
  presence-server history views presence-acme --user ann
  presence-server history session presence-acme
  presence-server history export presence-acme views -o views.csv
"""


@click.group(
    "history",
    cls=Lazy,
    package="presence_server.commands.past",
    names=COMMANDS,
    epilog=_EPILOG,
    short_help="Who viewed what, how often, and when.",
)
def command() -> None:
    """Ask a server what happened: views of resources, and sessions of rooms."""
