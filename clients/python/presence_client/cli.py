"""The command: `presence-client watch ROOM`."""

import argparse
import asyncio
import importlib.util
import io
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Final, NoReturn

from presence_client import __version__
from presence_client.client import PresenceClient
from presence_client.dial import TokenSource
from presence_client.watch.lines import Lines
from presence_client.watch.run import View, run
from presence_client.watch.text import clean
from presence_client.watch.token_command import TokenCommand

DEFAULT_URL: Final = "ws://127.0.0.1:8787"
EXIT_REFUSED: Final = 1
EXIT_USAGE: Final = 2
NEEDS_RICH: Final = (
    "a table needs rich: pip install 'presence-client[watch]' (or use --json, which does not)"
)

DESCRIPTION: Final = """\
Show who is in a room, live, until Ctrl-C. It reconnects by itself.

On a terminal it is a table; in a pipe, or with --json, one JSON object a line:
reset (all members), joined, changed, left, and status for the connection.
"""
EPILOG: Final = """\
environment:
  PRESENCE_URL     the server, instead of --url
  PRESENCE_TOKEN   the token, instead of --token, which process lists show

A token that says "observe": true shows the room without being in it, such as

  presence-client watch presence-acme \\
    --token-command "presence-server token --user me --room '*' --observe"

exit codes:
  0  stopped, or nobody reads the pipe any more
  1  refused by the server
  2  called wrongly
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, and the exit code for it."""
        self.exit(EXIT_USAGE, f"{self.prog}: {message} (see {self.prog} --help)\n")


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command; exits with a code of those in its help."""
    parser = build_parser(os.environ)
    parsed = parser.parse_args(arguments)
    logging.getLogger("presence_client").addHandler(logging.NullHandler())  # keep the screen whole
    try:
        sys.exit(_watch(parsed))
    except KeyboardInterrupt:
        sys.exit(0)
    except OSError as error:
        sys.exit(_complain(error.strerror or "the output is gone", EXIT_REFUSED))


def build_parser(environ: Mapping[str, str]) -> argparse.ArgumentParser:
    """The command line, with what the environment gives as defaults."""
    parser = _Parser(
        prog="presence-client",
        description="Who is here, and what are they looking at.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"presence-client {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    watch = commands.add_parser(
        "watch",
        help="show a room live",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_options(watch, environ)
    return parser


def _add_options(watch: argparse.ArgumentParser, environ: Mapping[str, str]) -> None:
    add = watch.add_argument
    add("room", metavar="ROOM", help="the room's id, such as presence-acme")
    url = environ.get("PRESENCE_URL", DEFAULT_URL)
    add("--url", default=url, help=f"the server (default: {DEFAULT_URL})")
    add("--party", help="the party in the address (default: presence)")
    source = watch.add_mutually_exclusive_group()
    source.add_argument("--token", help="a token to come in with")
    source.add_argument(
        "--token-command",
        metavar="CMD",
        help="a command that prints a token; it runs afresh for every dial and refresh, without a "
        "shell",
    )
    watch.set_defaults(token_default=environ.get("PRESENCE_TOKEN"))
    add("--json", action="store_true", help="JSON lines on a terminal too")
    add("--cursors", action="store_true", help="a JSON line for each move of a cursor too")


def _watch(parsed: argparse.Namespace) -> int:
    is_screen = _is_screen() and not parsed.json
    if is_screen and importlib.util.find_spec("rich") is None:
        return _complain(NEEDS_RICH, EXIT_USAGE)
    try:
        client = _client(parsed)
    except ValueError as error:
        return _complain(str(error), EXIT_USAGE)
    refusal = asyncio.run(run(client, _view(parsed, client, is_screen=is_screen)))
    if refusal is None:
        return 0
    return _complain(f"refused: {refusal.code} {clean(refusal.reason)}".rstrip(), EXIT_REFUSED)


def _is_screen() -> bool:
    """Whether what we write goes to a terminal that can move its cursor."""
    return sys.stdout.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")


def _client(parsed: argparse.Namespace) -> PresenceClient:
    """The client that was asked for. Raises ValueError where there can't be one."""
    return PresenceClient(
        parsed.url, room=parsed.room, party=parsed.party, token=_token_source(parsed)
    )


def _token_source(parsed: argparse.Namespace) -> TokenSource:
    if parsed.token_command is not None:
        return TokenCommand(parsed.token_command)
    token: str | None = parsed.token or parsed.token_default
    if not token:
        raise ValueError("no token: set PRESENCE_TOKEN, or give --token-command or --token")
    return token


def _view(parsed: argparse.Namespace, client: PresenceClient, *, is_screen: bool) -> View:
    if not is_screen:
        return Lines(sys.stdout.fileno(), cursors=parsed.cursors)
    from presence_client.watch.screen import Screen  # needs rich, which only a screen does

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # whatever the terminal's encoding has not
    return Screen(client, parsed.room)


def _complain(message: str, code: int) -> int:
    sys.stderr.write(f"presence-client: {message}\n")
    return code
