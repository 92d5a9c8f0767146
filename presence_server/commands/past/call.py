"""The options that all questions take."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Literal, NamedTuple

import click

from presence_server.commands import operator, output
from presence_server.commands.operator import Target

Form = Literal["table", "tabs", "csv", "json"]


class Call(NamedTuple):
    """Whom to ask, and how to write what it says."""

    target: Target
    form: Form


def asks() -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Hand a command a `Call` in place of the options that say it."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(command)
        def called(
            *,
            url: str | None,
            admin_key: str | None,
            config: str | None,
            wants_json: bool,
            wants_csv: bool,
            **given: Any,
        ) -> Any:
            form = _form(wants_json, wants_csv)
            return command(Call(operator.target(url, admin_key, config), form), **given)

        found = operator.options(called)
        found = click.option("--csv", "wants_csv", is_flag=True, help="write CSV")(found)
        return click.option(
            "--json", "wants_json", is_flag=True, help="write what the server says, as JSON"
        )(found)

    return decorate


def _form(wants_json: bool, wants_csv: bool) -> Form:
    if wants_json and wants_csv:
        raise click.UsageError("--json and --csv don't go together")
    if wants_json or wants_csv:
        return "json" if wants_json else "csv"
    return "table" if output.is_terminal() else "tabs"


def limit(default: int, most: int, of: str) -> Callable[..., Any]:
    """How many rows there are at most."""
    return click.option(
        "--limit",
        metavar="N",
        type=click.IntRange(1, most),
        default=default,
        help=f"at most so many {of}  [{default}]",
    )


room = click.argument("room")
resource = click.option(
    "--resource", metavar="TYPE ID", nargs=2, type=str, help="of this resource only"
)
version = click.option(
    "--version", metavar="VERSION", help="of this version only; '' for views without one"
)
user = click.option("--user", metavar="ID", help="of this user only")
guest = click.option(
    "--guest", is_flag=True, help="the user is a guest, named by the own id or a pseudonym"
)

by = click.option(
    "--by", type=click.Choice(("views", "uniques", "trend")), help="what to rank by  [views]"
)
kind = click.option("--type", metavar="TYPE", help="resources of this type only")
days = click.option(
    "--days", metavar="N", type=click.IntRange(1, 400), help="of the last N days (UTC)"
)
until = click.option(
    "--until",
    metavar="DAY",
    type=click.DateTime(["%Y-%m-%d"]),
    help="the last of them, as 2026-11-22  [today]",
)
session = click.option(
    "--session", metavar="N", type=click.IntRange(1), help="of this session only"
)


def named(resource: tuple[str, str] | None) -> dict[str, str]:
    """The parameters that name a resource; none do without one."""
    return {} if resource is None else {"type": resource[0], "id": resource[1]}


def one(user: str | None, guest: bool) -> dict[str, str | None]:
    """The parameters that name a user."""
    return {"user": user, "guest": "true" if guest else None}


def check_version(resource: object, version: object) -> None:
    """Refuse a version of nothing."""
    if version is not None and resource is None:
        raise click.UsageError("--version needs --resource")


def check_window(by: object, days: object) -> None:
    """Refuse a trend of some days."""
    if by == "trend" and days is not None:
        raise click.UsageError("--days is no option with --by trend, which is of all time")


def check_guest(user: object, guest: object) -> None:
    """Refuse a guest of whom nothing is said."""
    if guest and user is None:
        raise click.UsageError("--guest needs --user")
