"""`presence-server history check`."""

from functools import partial
from typing import Final

import click

from presence_server import exit_codes
from presence_server.commands import output
from presence_server.commands.past import asking, call, showing
from presence_server.commands.past.call import Call
from presence_server.commands.past.showing import Column, Listing
from presence_server.commands.text import clean, plural
from presence_server.history.api.answers import Checked, Difference

PATIENCE_S: Final = 900.0
COLUMNS: Final = (
    Column("table", lambda row, _: clean(row.table)),
    Column("row", lambda row, _: clean(row.row), is_flexible=True),
    Column("column", lambda row, _: clean(row.column)),
    Column("stored", lambda row, _: _number(row.stored), is_number=True),
    Column("counted", lambda row, _: _number(row.counted), is_number=True),
)
_EPILOG: Final = """\
It counts all statistics again from the single views, as far as they are kept, while the server
goes on. It ends with 1 if anything differs, of which the first 100 are listed. It needs the admin
key or the scope history.admin.

\b
Examples:
  presence-server history check
  presence-server history check --room presence-acme --json | jq .rowsChecked
"""


@click.command("check", epilog=_EPILOG, short_help="Do the statistics agree with the views?")
@click.option("--room", metavar="ROOM", help="in this room only")
@call.asks()
def command(asked: Call, room: str | None) -> int:
    """Compare the statistics of one room, or of all, with what the single views say."""
    said = asking.run(
        asked.target,
        partial(
            asking.ask,
            question="check",
            model=Checked,
            parameters={"room": room},
            within=PATIENCE_S,
        ),
    )
    found = said.answer.differences
    checked = f"{plural(said.answer.rows_checked, 'row')} checked"
    if asked.form in ("table", "tabs") and not found:
        output.tell([f"ok: {checked}"])
    else:
        notes = (f"{plural(len(found), 'difference')}, {checked}",)
        listing = Listing(Difference, found, COLUMNS, f"ok: {checked}", notes)
        showing.show(asked.form, said.answer, said.json, listing)
    return exit_codes.FAILED if found else 0


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:.6g}"
