"""`presence-server history export`."""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from datetime import datetime
from pathlib import Path
from typing import Final

import click
import httpx

from presence_server.commands import operator, output
from presence_server.commands.operator import Target
from presence_server.commands.past import asking, call
from presence_server.commands.past.files import opened
from presence_server.commands.past.tally import Tally
from presence_server.commands.text import clean

FILTERS: Final[Mapping[str, tuple[str, ...]]] = {
    "views": ("resource", "version", "user", "guest"),
    "viewers": ("resource", "version"),
    "top": ("by", "type", "days"),
    "days": ("resource", "days", "until"),
    "sessions": (),
    "participants": ("session",),
    "activity": ("session",),
}
NEEDED: Final = {"viewers": "resource", "participants": "session"}
KINDS: Final = {"csv": "text/csv", "ndjson": "application/x-ndjson"}
_EPILOG: Final = """\
\b
It takes the options of the question that it is about:
  views         --resource, --version, --user, --guest
  viewers       --resource (needed), --version
  top           --by, --type, --days
  days          --resource, --days, --until
  sessions      none
  participants  --session (needed)
  activity      --session

A file appears under its name when it is whole. That something was exported is a line of the room's
trail. In CSV, cells that a spreadsheet would take for a formula begin with an apostrophe.

\b
Examples:
  presence-server history export presence-acme views -o views.csv
  presence-server history export presence-acme viewers --resource document d-1 -o viewers.csv
  presence-server history export presence-acme activity --format ndjson | gzip > trail.gz
"""


@click.command("export", epilog=_EPILOG, short_help="Write all of it as CSV or NDJSON.")
@call.room
@click.argument("what", metavar="WHAT", type=click.Choice([*FILTERS]))
@click.option(
    "-o", "--output", "file", metavar="FILE", type=click.Path(dir_okay=False), help="write there"
)
@click.option(
    "--format", "written", type=click.Choice([*KINDS]), default="csv", help="how to write it  [csv]"
)
@call.resource
@call.version
@call.user
@call.guest
@call.by
@call.kind
@call.days
@call.until
@call.session
@operator.options
def command(
    room: str,
    what: str,
    file: str | None,
    written: str,
    url: str | None,
    admin_key: str | None,
    config: str | None,
    **filters: object,
) -> None:
    """Write all there is of WHAT in ROOM, to a file or stdout, however long it is."""
    _check(what, filters)
    target = operator.target(url, admin_key, config)
    question = asking.path(f"export/{what}", {"room": room, "format": written, **_given(filters)})
    goes_to = None if file in (None, "-") else Path(str(file))
    with Tally(written == "csv", is_quiet=goes_to is None and output.is_terminal()) as tally:
        asyncio.run(_export(target, question, KINDS[written], goes_to, tally))
    if goes_to is not None:
        output.tell([f"{clean(file)}: {tally}"])


def _check(what: str, filters: Mapping[str, object]) -> None:
    """Refuse what does not go together."""
    for name, value in filters.items():
        if value not in (None, False) and name not in FILTERS[what]:
            raise click.UsageError(f"--{name} is no option for {what}")
    needed = NEEDED.get(what)
    if needed is not None and filters[needed] is None:
        raise click.UsageError(f"{what} needs --{needed}")
    if "version" in FILTERS[what]:
        call.check_version(filters["resource"], filters["version"])
    call.check_window(filters["by"], filters["days"])
    call.check_guest(filters["user"], filters["guest"])


def _given(filters: Mapping[str, object]) -> dict[str, str]:
    """The parameters that options stand for."""
    parameters: dict[str, str] = {}
    for name, value in filters.items():
        if isinstance(value, tuple):
            parameters |= call.named(value)
        elif isinstance(value, datetime):
            parameters[name] = f"{value:%Y-%m-%d}"
        elif value is True:
            parameters[name] = "true"
        elif value is not None and value is not False:
            parameters[name] = str(value)
    return parameters


async def _export(
    target: Target, question: str, kind: str, file: Path | None, tally: Tally
) -> None:
    def begun(headers: httpx.Headers) -> None:
        tally.expect(headers.get("History-Rows", ""))

    async with (
        operator.client(target) as client,
        aclosing(operator.stream(client, question, kind, begun)) as pieces,
    ):
        with opened(file) as write:
            async for piece in pieces:
                write(piece)
                tally.add(piece)
