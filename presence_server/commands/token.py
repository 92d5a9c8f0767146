"""`presence-server token`."""

from typing import get_args

import click

from presence_server import tokens
from presence_server.core.errors import TokenRefused
from presence_server.core.permissions import Role
from presence_server.gateway.keys import KeyRefused, secret_key
from presence_server.settings import SettingsRefused
from presence_server.sources import load


@click.command("token", short_help="Print a token to try things out with.")
@click.option("--user", metavar="ID", required=True, help="user id (sub)")
@click.option("--room", metavar="ROOM", required=True, help="room id, or a pattern that ends in *")
@click.option("--name", metavar="TEXT", help="name that the others see")
@click.option("--picture", metavar="URL", help="http(s) address of a picture")
@click.option("--role", type=click.Choice(get_args(Role)), help="what it may do  [commenter]")
@click.option(
    "--ttl", metavar="SECONDS", type=int, default=3600, help="how long it is valid  [3600]"
)
@click.option("--observe", is_flag=True, help="sees the room, is not in it")
@click.option("--jwt-secret", metavar="SECRET", help="the secret, instead of PRESENCE_JWT_SECRET")
def command(
    user: str, room: str, ttl: int, jwt_secret: str | None, observe: bool, **claims: str | None
) -> None:
    """Print a token, signed with PRESENCE_JWT_SECRET. In production your application makes them."""
    secret = jwt_secret or _configured_secret()
    try:
        secret_key(secret)
        token = tokens.mint(secret, user, room, ttl, **claims, observe=observe or None)
    except KeyRefused as refused:
        raise SettingsRefused(f"jwt key: {refused}") from None
    except TokenRefused as refused:
        message = f"a server would refuse this token ({refused.fault}): look at its values"
        raise SettingsRefused(message) from None
    click.echo(token)


def _configured_secret() -> str:
    secret = load().jwt_secret
    if secret is None:
        raise SettingsRefused("no secret to sign with: set PRESENCE_JWT_SECRET")
    return secret.get_secret_value()
