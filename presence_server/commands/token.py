"""`presence-server token`."""

from pathlib import Path
from typing import Final, get_args

import click

from presence_server import tokens
from presence_server.commands.signing import signer
from presence_server.core.errors import TokenRefused
from presence_server.core.permissions import Role
from presence_server.settings import SettingsRefused
from presence_server.sources import load

_EPILOG: Final = """\
It is signed with the first of these that there is: --key-file, --jwt-secret, PRESENCE_JWT_SECRET, a
secret in PRESENCE_JWT_KEY_FILE. Issuer and audience are those that the settings ask for.

\b
Examples:
  presence-server token --user ann --room presence-acme --name Ann
  presence-server token --user eye --room 'presence-*' --observe --ttl 60
  presence-server token --user op --room '*' --role operator
  presence-server token --user ann --room '*' --key-file private.pem
"""


@click.command("token", epilog=_EPILOG, short_help="Print a token to try things out with.")
@click.option("--user", metavar="ID", required=True, help="user id (sub)")
@click.option(
    "--room",
    metavar="ROOM",
    required=True,
    multiple=True,
    help="room id, or a pattern that ends in *; may be given several times",
)
@click.option("--name", metavar="TEXT", help="name that the others see")
@click.option("--picture", metavar="URL", help="http(s) address of a picture")
@click.option("--role", type=click.Choice(get_args(Role)), help="what it may do  [commenter]")
@click.option(
    "--ttl", metavar="SECONDS", type=int, default=3600, help="how long it is valid  [3600]"
)
@click.option("--observe", is_flag=True, help="sees the room, is not in it")
@click.option("--anon", is_flag=True, help="is a guest's")
@click.option("--no-track", is_flag=True, help="is never in history")
@click.option("--scope", metavar="WORDS", help="words of the scope claim, between blanks")
@click.option("--jwt-secret", metavar="SECRET", help="the secret, instead of PRESENCE_JWT_SECRET")
@click.option(
    "--key-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="a private key (PEM or JWK: RS256, ES256 or EdDSA, as the key says), or a secret",
)
@click.option("--kid", metavar="ID", help="id of the key, where the server has several")
@click.option(
    "--config", type=click.Path(readable=False), metavar="FILE", help="a TOML file with settings"
)
def command(
    user: str,
    room: tuple[str, ...],
    ttl: int,
    jwt_secret: str | None,
    key_file: Path | None,
    kid: str | None,
    config: str | None,
    observe: bool,
    anon: bool,
    no_track: bool,
    **claims: str | None,
) -> None:
    """Print a token, signed with a secret or a private key of yours. In production your application
    makes them. One that a server would refuse for what it says is not printed.
    """
    settings = load({"config": config})
    key = signer(settings, key_file, jwt_secret)
    source = {"iss": settings.jwt_issuer, "aud": settings.jwt_audience}
    track = False if no_track else None
    flags = {"observe": observe or None, "anon": anon or None, "track": track}
    rooms = room[0] if len(room) == 1 else [*room]
    try:
        token = tokens.mint(
            key._replace(kid=kid or key.kid), user, rooms, ttl, **claims, **flags, **source
        )
    except TokenRefused as refused:
        message = f"a server would refuse this token ({refused.fault}): look at its values"
        raise SettingsRefused(message) from None
    click.echo(token)
