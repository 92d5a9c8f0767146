"""The commands: `presence-server serve`, `token`, `demo`."""

import argparse
import errno
import logging
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any, Final, NoReturn, get_args

from pydantic import SecretStr

from presence_server import __version__, app, demo, tokens
from presence_server.core.errors import TokenRefused
from presence_server.core.permissions import Role
from presence_server.gateway.keys import KeyRefused, secret_key
from presence_server.settings import SettingsRefused, add_flags, load

EXIT_USAGE: Final = 2


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, and the exit code for it."""
        self.exit(EXIT_USAGE, f"{self.prog}: {message} (see {self.prog} --help)\n")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; exits with 2 and one line where it was called or set up wrongly."""
    parser = _Parser(
        prog="presence-server",
        description="Who is here, and what are they looking at: a real-time presence server.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"presence-server {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for add in (_add_serve, _add_token, _add_demo):
        add(commands)
    parsed = parser.parse_args(arguments)
    _configure_log()
    try:
        parsed.run(parsed)
    except SettingsRefused as refused:
        sys.stderr.write(f"presence-server: {refused}\n")
        sys.exit(EXIT_USAGE)
    except OSError as error:
        hint = " (see --port and --admin-port)" if error.errno == errno.EADDRINUSE else ""
        sys.stderr.write(f"presence-server: {error.strerror or error}{hint}\n")
        sys.exit(1)


def _configure_log() -> None:
    """One plain line on stderr for each record, unless whoever embeds us has set up another."""
    logging.basicConfig(format="presence-server: %(message)s")
    logging.getLogger("presence_server").setLevel(logging.INFO)


def _announce(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _add_serve(commands: Any) -> None:
    parser = commands.add_parser(
        "serve",
        help="run the server",
        description="Run the server. Settings come from flags, PRESENCE_… variables, a TOML file.",
        allow_abbrev=False,
    )
    source = add_flags(parser)

    def run(parsed: argparse.Namespace) -> None:
        read = partial(load, source, parsed)
        app.run(read(), _announce, read_again=read)

    parser.set_defaults(run=run)


def _add_demo(commands: Any) -> None:
    parser = commands.add_parser(
        "demo",
        help="run the server with a page to try it in",
        description="Run the server with a demo page, a secret made now and a token endpoint "
        "that gives a token to anybody who asks. Not for production: keys in the settings are "
        "not used.",
        allow_abbrev=False,
    )
    source = add_flags(parser)

    def run(parsed: argparse.Namespace) -> None:
        secret = demo.new_secret()
        others = dict.fromkeys(("jwt_public_key", "jwt_key_file", "jwks_url"))
        own = {"jwt_secret": SecretStr(secret), **others}
        settings = load(source, parsed).model_copy(update=own)
        app.run(settings, _announce, demo.handlers(secret))

    parser.set_defaults(run=run)


def _add_token(commands: Any) -> None:
    parser = commands.add_parser(
        "token",
        help="print a token to try things out with",
        description="Print a token, signed with PRESENCE_JWT_SECRET.",
        allow_abbrev=False,
    )
    parser.add_argument("--user", required=True, help="user id (sub)")
    parser.add_argument("--room", required=True, help="room id, or a pattern that ends in *")
    parser.add_argument("--name", help="name that the others see")
    parser.add_argument("--picture", help="http(s) address of a picture")
    parser.add_argument("--role", choices=get_args(Role), help="default: commenter")
    parser.add_argument("--ttl", type=int, default=3600, help="seconds it is valid (3600)")
    parser.add_argument("--observe", action="store_true", help="sees the room, is not in it")
    parser.add_argument("--jwt-secret", help="the secret, instead of PRESENCE_JWT_SECRET")
    parser.set_defaults(run=_print_token)


def _print_token(parsed: argparse.Namespace) -> None:
    secret = parsed.jwt_secret or _configured_secret()
    try:
        secret_key(secret)
        token = tokens.mint(
            secret,
            parsed.user,
            parsed.room,
            parsed.ttl,
            name=parsed.name,
            picture=parsed.picture,
            role=parsed.role,
            observe=parsed.observe or None,
        )
    except KeyRefused as refused:
        raise SettingsRefused(f"jwt key: {refused}") from None
    except TokenRefused as refused:
        message = f"a server would refuse this token ({refused.fault}): look at its values"
        raise SettingsRefused(message) from None
    sys.stdout.write(token + "\n")


def _configured_secret() -> str:
    source = add_flags(_Parser())
    secret = load(source, argparse.Namespace()).jwt_secret
    if secret is None:
        raise SettingsRefused("no secret to sign with: set PRESENCE_JWT_SECRET")
    return secret.get_secret_value()


if __name__ == "__main__":
    main()
