"""`presence-server bench`."""

import asyncio
import secrets
import signal
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Final

import click
import msgspec
import uvloop

from presence_server import exit_codes, tokens
from presence_server.commands import operator, output
from presence_server.commands.bar import Bar
from presence_server.commands.lines import lines, notes
from presence_server.commands.scraping import reading
from presence_server.commands.signing import KEY_FILE, signer
from presence_server.commands.text import clean
from presence_server.descriptors import max_sockets, raise_limit
from presence_server.load.plan import BadUrl, Member, Plan, Target
from presence_server.load.reach import CantLoad
from presence_server.load.readings import Reading
from presence_server.load.report import Report
from presence_server.load.run import Run, Scraper, TokenFor
from presence_server.load.token_command import TokenCommand
from presence_server.settings import Settings
from presence_server.sources import load

MEMBERS: Final = 50
"""In a room, unless the number of rooms is given."""
DIALS: Final = 200
"""A second, unless the ramp is given."""
_MARGIN_S: Final = 600
"""Longer than they last, tokens are valid."""
_EPILOG: Final = """\
Every connection is a user of its own in a room bench-RUN-N, with a new RUN each time: no real room
is touched, though a webhook is told of these as of any other. It needs a key of the deployment, so
it is for your own. All connections are closed in the end; Ctrl-C ends it early, with a report so
far.

Times are of one clock, this process's: to connect is from the dial to the snapshot, latency from an
update to each member who sees it. Every update is counted at every member; of cursors the latest
wins, so that some are passed over is no loss. The report says when this program, or a busy machine,
was the limit rather than the server: then believe none of the times.

It ends with 0 if all were let in and nothing was lost, with 1 if not, with 2 if it was called
wrongly, with 130 after Ctrl-C.

\b
Examples:
  export PRESENCE_JWT_SECRET="$(cat secret)"
  presence-server bench wss://presence.example.com
  presence-server bench wss://presence.example.com --connections 5000 --rooms 100 --rate 0.1
  presence-server bench ws://127.0.0.1:8787 --admin-url http://127.0.0.1:8788 --json
  presence-server bench wss://presence.example.com \\
      --token-command 'curl -s https://app.example.com/token?user={user}&room={room}'
"""


def _target(ctx: click.Context, param: click.Parameter, value: str) -> Target:
    """Where the deployment is."""
    try:
        return Target.of(value)
    except BadUrl as error:
        raise click.BadParameter(str(error), ctx, param) from None


def _command_line(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> TokenCommand | None:
    """A command to run for each token."""
    if value is None:
        return None
    try:
        return TokenCommand(value)
    except ValueError as error:
        raise click.BadParameter(f"no command line: {error}", ctx, param) from None


@click.command("bench", epilog=_EPILOG, short_help="Put load on a server of yours, and report.")
@click.argument("url", metavar="URL", callback=_target)
@click.option(
    *("--connections", "-n"),
    metavar="N",
    type=click.IntRange(1, 60_000),
    default=100,
    help="how many connect, each a user of its own  [100]",
)
@click.option(
    "--rooms",
    metavar="N",
    type=click.IntRange(1),
    help="rooms to spread them over  [1 for each 50]",
)
@click.option(
    "--rate",
    metavar="PER_SECOND",
    type=click.FloatRange(0, 50),
    default=0.5,
    help="location updates of each connection; 0 only holds them open  [0.5]",
)
@click.option(
    "--cursors",
    metavar="PER_SECOND",
    type=click.FloatRange(0, 60),
    default=0.0,
    help="cursor updates of each connection  [0]",
)
@click.option(
    "--seconds",
    metavar="SECONDS",
    type=click.FloatRange(1, 86_400),
    default=30.0,
    help="how long they speak, when all are in  [30]",
)
@click.option(
    "--ramp",
    metavar="SECONDS",
    type=click.FloatRange(0, 3_600),
    help="how long they take to dial; 0 is all at once  [200 dials a second]",
)
@click.option(
    "--key-file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="signs the tokens: a private key (PEM or JWK), or a secret  [PRESENCE_JWT_SECRET, or else "
    "PRESENCE_JWT_KEY_FILE]",
)
@click.option(
    "--token-command",
    metavar="COMMAND",
    callback=_command_line,
    help="prints a token for {user} and {room}; run once for each",
)
@click.option(
    "--config", metavar="FILE", type=click.Path(readable=False), help="a TOML file with settings"
)
@click.option(
    "--ca",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="certificates (PEM) to trust, in place of the system's",
)
@click.option(
    "--admin-url", metavar="URL", help="the admin listener: adds the server's CPU, lag and memory"
)
@click.option("--json", "wants_json", is_flag=True, help="write the report as one JSON object")
def command(
    url: Target,
    connections: int,
    rooms: int | None,
    rate: float,
    cursors: float,
    seconds: float,
    ramp: float | None,
    key_file: Path | None,
    token_command: TokenCommand | None,
    config: str | None,
    ca: Path | None,
    admin_url: str | None,
    wants_json: bool,
) -> int:
    """Load the deployment at URL, such as wss://presence.example.com, with many connections that
    send and receive like clients do, and report how it went: who got in and how fast, whether every
    update reached everybody, and how late.
    """
    _check_descriptors(connections)
    rooms = -(-connections // MEMBERS) if rooms is None else rooms
    if rooms > connections:
        raise click.UsageError(f"--rooms {rooms} is more than --connections {connections}")
    ramp = connections / DIALS if ramp is None else ramp
    plan = Plan(url, secrets.token_hex(4), connections, rooms, rate, cursors, seconds, ramp)
    ttl_s = int(ramp + seconds + _MARGIN_S)
    token_for = token_command or _signed(ttl_s, key_file, load({"config": config}))
    scraper = None if admin_url is None else _scraper(admin_url)
    tls = _trusted(url, ca)
    report = _carry_out(lambda bar: Run(plan, token_for, tls, bar, scraper))
    if report is None:
        return exit_codes.INTERRUPTED
    _tell(report, wants_json)
    return exit_codes.INTERRUPTED if report.interrupted else int(not report.ok)


def _check_descriptors(connections: int) -> None:
    limit = raise_limit()
    if connections > max_sockets(limit):
        raise click.UsageError(
            f"--connections {connections}: this process may open {limit} files (ulimit -n), "
            f"which is enough for {max_sockets(limit)} connections"
        )


def _signed(ttl_s: int, key_file: Path | None, settings: Settings) -> TokenFor:
    """Tokens that are signed here."""
    key = signer(settings, key_file, ways=f"{KEY_FILE}, or --token-command")
    claims = {"iss": settings.jwt_issuer, "aud": settings.jwt_audience, "track": False}

    async def token(member: Member) -> str:
        return tokens.mint(key, member.user_id, member.room_id, ttl_s, **claims)

    return token


def _trusted(target: Target, ca: Path | None) -> ssl.SSLContext | None:
    if not target.is_tls:
        if ca is not None:
            raise click.UsageError("--ca is for wss:// addresses")
        return None
    try:
        return ssl.create_default_context(cafile=ca)
    except ssl.SSLError:
        raise click.UsageError(f"--ca {ca}: no certificate in PEM") from None


def _scraper(url: str) -> Scraper:
    """Reads the metrics of an admin listener."""
    target = operator.Target(operator.checked(url, "--admin-url"), None)

    async def scrape() -> Reading:
        try:
            async with operator.client(target) as client:
                return await reading(client)
        except operator.NoAnswer as error:
            raise CantLoad(f"--admin-url: {error.message}") from None

    return scrape


def _carry_out(run_of: Callable[[Bar], Run]) -> Report | None:
    """The report of a run; None if it was ended before there was anything to report."""
    try:
        with Bar() as bar, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_until_told(run_of(bar)))
    except asyncio.CancelledError:
        return None
    except CantLoad as error:
        raise click.ClickException(clean(error)) from None


async def _until_told(run: Run) -> Report:
    """Carry it out; the first signal ends it early, another one at once."""
    loop = asyncio.get_running_loop()
    running = asyncio.ensure_future(run.carry_out())

    def end() -> None:
        if not run.is_under_way:
            running.cancel()
        elif not run.stop.is_set():
            run.stop.set()
        else:
            run.abort()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end)
    return await running


def _tell(report: Report, wants_json: bool) -> None:
    if wants_json:
        output.tell([output.as_json(msgspec.to_builtins(report), indent=2)])
    elif output.is_terminal():
        _show(report)
    else:
        output.tell(f"{label:<12} {clean(text)}".rstrip() for label, text in lines(report))
        output.tell(["", *map(clean, notes(report))])


def _show(report: Report) -> None:
    """The same on a terminal: long lines are folded beside their labels."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for label, text in lines(report):
        table.add_row(label, Text(clean(text)))
    console = output.console()
    console.print(table)
    console.print()
    *facts, verdict = map(clean, notes(report))
    for fact in facts:
        console.print(fact)
    console.print(verdict, style="bold" if report.ok else "bold red")
