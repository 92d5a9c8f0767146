"""`presence-server history erase`."""

import sys
from functools import partial
from typing import Final, NamedTuple

import click

from presence_server import exit_codes
from presence_server.commands import output
from presence_server.commands.past import asking, call
from presence_server.commands.past.asking import Parameters
from presence_server.commands.past.call import Call
from presence_server.commands.past.commas import separated
from presence_server.commands.text import clean, plural
from presence_server.history.api.answers import Erased

PATIENCE_S: Final = 120.0
_EPILOG: Final = """\
A user's counts stay, but nobody can tell any more whose they were; a resource's counts go with it.
A guest is named by the own id or by a pseudonym. Who is still there is recorded again: give a token
with track: false first. Without a terminal --yes is needed. It needs the scope history.admin, and
for a user in all rooms a token for all rooms.

\b
Examples:
  presence-server history erase --user ann
  presence-server history erase --user ann --room presence-acme --yes
  presence-server history erase --resource document d-1 --room presence-acme
"""


class Erasure(NamedTuple):
    """What is to be erased: how to ask for it, and what to say before and after."""

    question: str
    parameters: Parameters
    what: str
    remains: str
    unit: str


@click.command("erase", epilog=_EPILOG, short_help="Erase a user or a resource for good.")
@click.option("--user", metavar="ID", help="erase this user")
@click.option("--resource", metavar="TYPE ID", nargs=2, type=str, help="erase this resource")
@click.option("--room", metavar="ROOM", help="in this room only; a resource needs it")
@click.option("--yes", is_flag=True, help="don't ask")
@call.asks()
def command(
    asked: Call, user: str | None, resource: tuple[str, str] | None, room: str | None, yes: bool
) -> int:
    """Erase all that says who a user was, in one room or in all, or else all that is known of a
    resource. It can't be undone.
    """
    erasure = _erasure(user, resource, room)
    if not yes and not _is_sure(erasure):
        click.echo("nothing was erased", err=True)
        return exit_codes.FAILED
    said = asking.run(
        asked.target,
        partial(
            asking.ask,
            question=erasure.question,
            model=Erased,
            parameters=erasure.parameters,
            method="DELETE",
            within=PATIENCE_S,
        ),
    )
    if asked.form == "json":
        output.tell([output.as_json(said.json, indent=2)])
    elif asked.form == "csv":
        click.echo(separated(Erased, [said.answer]), nl=False)
    else:
        output.tell([_outcome(erasure, said.answer.erased)])
    return 0


def _erasure(user: str | None, resource: tuple[str, str] | None, room: str | None) -> Erasure:
    if (user is None) is (resource is None):
        raise click.UsageError("name what to erase, by --user or by --resource")
    if resource is None:
        where = "all rooms" if room is None else clean(room)
        what = f"user {clean(user)} in {where}"
        remains = "The counts stay, the id goes."
        return Erasure("user", {"user": user, "room": room}, what, remains, "room")
    if room is None:
        raise click.UsageError("--resource needs --room")
    what = f"{clean(resource[0])} {clean(resource[1])} in {clean(room)}"
    parameters = {"room": room, **call.named(resource)}
    return Erasure("resource", parameters, what, "Its views and counts go.", "resource")


def _is_sure(erasure: Erasure) -> bool:
    if not sys.stdin.isatty():
        raise click.UsageError("nobody can be asked whether to erase it: say --yes")
    says = f"This erases {erasure.what}. {erasure.remains} It can't be undone."
    click.echo(says, err=True)
    return click.confirm("Erase?", err=True)


def _outcome(erasure: Erasure, erased: int) -> str:
    if not erased:
        return f"there was nothing of {erasure.what}"
    if erasure.unit == "resource":
        return f"erased {erasure.what}"
    return f"erased {erasure.what}: {plural(erased, 'record')}"
