"""`presence-server rooms`."""

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import click

from presence_server.commands import operator, output, shapes
from presence_server.commands.operator import Target
from presence_server.commands.text import clean, span

Json = Mapping[str, Any]
When = Callable[[float], str]
"""How to write since when somebody is here, in UTC seconds."""

ROOMS: Final = ("room", "members", "connections")
USERS: Final = ("user", "name", "path", "status", "role", "since", "following")
PLACES: Final = ("room", "connections", "path", "status", "role", "since")
NUMBERS: Final = ("members", "connections")
FLEXIBLE: Final = ("room", "user", "name", "path", "following")
ORDERS: Final[Mapping[str, Callable[[Json], tuple[Any, ...]]]] = {
    "room": lambda room: (room["room"],),
    "members": lambda room: (-room["members"], -room["connections"], room["room"]),
    "connections": lambda room: (-room["connections"], -room["members"], room["room"]),
}
_EPILOG: Final = """\
It asks the admin listener of a server that runs, by the settings or --url. In a pipe it writes a
line of titles and then one for each, with tabs between.

\b
Examples:
  presence-server rooms --limit 20
  presence-server rooms presence-acme
  presence-server rooms --user ann
  presence-server rooms --sort room | cut -f 1
  presence-server rooms presence-acme --json | jq -r '.users[].userName'
"""


@click.command("rooms", epilog=_EPILOG, short_help="Who is where, on a server that runs.")
@click.argument("room", required=False)
@click.option("--user", metavar="ID", help="the rooms of this user, instead")
@click.option(
    "--sort",
    type=click.Choice(ROOMS),
    default="members",
    help="what to sort rooms by  [members]",
)
@click.option("--limit", metavar="N", type=click.IntRange(1), help="show so many, no more")
@click.option("--json", "wants_json", is_flag=True, help="write what the server says, as JSON")
@operator.options
def command(
    room: str | None,
    user: str | None,
    sort: str,
    limit: int | None,
    wants_json: bool,
    url: str | None,
    admin_key: str | None,
    config: str | None,
) -> None:
    """Print the rooms with how many are in each, the largest first; with ROOM who is in it, with
    --user in which rooms somebody is.
    """
    if room is not None and user is not None:
        raise click.UsageError("ROOM and --user don't go together")
    target = operator.target(url, admin_key, config)
    if user is not None:
        nowhere = {"user": user, "rooms": []}
        said = _ask(target, f"/v1/users/{_quoted(user)}", shapes.Places, nowhere)
        view = View(PLACES, said["rooms"], _place, f"{clean(user)} is in no room")
    elif room is not None:
        empty = {"room": room, "users": []}
        said = _ask(target, f"/v1/rooms/{_quoted(room)}", shapes.Members, empty)
        view = View(USERS, said["users"], _member, f"nobody is in {clean(room)}")
    else:
        said = _ask(target, "/v1/rooms", shapes.Rooms, {"rooms": []})
        said["rooms"].sort(key=ORDERS[sort])
        view = View(ROOMS, said["rooms"], _occupancy, "no room has anybody in it")
    shown = view._replace(listed=view.listed[:limit])
    if wants_json:
        key = "users" if room is not None else "rooms"
        output.tell([output.as_json(said | {key: shown.listed}, indent=2)])
    elif output.is_terminal():
        _show(shown, len(view.listed) - len(shown.listed))
    else:
        rows = (shown.cells(one, _at) for one in shown.listed)
        output.tell(output.tabbed(shown.titles, rows))
        if not shown.listed:
            click.echo(shown.nobody, err=True)


class View(NamedTuple):
    """What is listed, under which titles, in which cells; `nobody` is said if nothing is."""

    titles: tuple[str, ...]
    listed: list[Json]
    cells: Callable[[Json, When], list[str]]
    nobody: str


def _quoted(given: str) -> str:
    """A part of a path. What a shell passed on without being UTF-8 stays as it is."""
    return quote(given, safe="", errors="surrogateescape")


def _ask(
    target: Target, path: str, page: type[shapes.Page], otherwise: dict[str, Any]
) -> dict[str, Any]:
    async def ask() -> dict[str, Any]:
        async with operator.client(target) as client:
            return await operator.query(client, path, page) or otherwise

    return asyncio.run(ask())


def _occupancy(room: Json, _when: When) -> list[str]:
    return [clean(room["room"]), str(room["members"]), str(room["connections"])]


def _member(entry: Json, when: When) -> list[str]:
    known = [clean(entry[field]) for field in ("userId", "userName")]
    return [*known, *_state(entry, when), clean(entry.get("following", ""))]


def _place(place: Json, when: When) -> list[str]:
    """One who only observes has no entry."""
    entry = place["entry"]
    state = ["", "observes", "", ""] if entry is None else _state(entry, when)
    return [clean(place["room"]), str(place["connections"]), *state]


def _state(entry: Json, when: When) -> list[str]:
    since = when(entry["joinedAt"] / 1000)
    return [path_of(entry), clean(entry["status"]), clean(entry["role"]), since]


def path_of(entry: Json) -> str:
    """Where somebody is: the path, then the resource and its version."""
    resource = " ".join(
        clean(entry[field]) for field in ("resourceType", "resourceId") if entry.get(field)
    )
    version = f"@{clean(entry['versionId'])}" if entry.get("versionId") else ""
    return f"{clean(entry['currentPath'])} {resource}{version}".strip()


def _at(since: float) -> str:
    return f"{datetime.fromtimestamp(since, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _ago(since: float) -> str:
    return span(time.time() - since)


def _show(view: View, hidden: int) -> None:
    """A line for each."""
    from presence_server.commands.columns import laid_out

    console = output.console()
    if not view.listed:
        console.print(view.nobody)
        return
    lines = laid_out(
        [view.titles, *(view.cells(one, _ago) for one in view.listed)],
        {at for at, title in enumerate(view.titles) if title in NUMBERS},
        {at for at, title in enumerate(view.titles) if title in FLEXIBLE},
        console.width,
    )
    console.print(next(lines), style="dim", soft_wrap=True)
    output.tell(lines)
    if hidden:
        console.print(f"… and {hidden:,} more", style="dim")
