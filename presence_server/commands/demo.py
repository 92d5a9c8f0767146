"""`presence-server demo`."""

import click
from pydantic import SecretStr

from presence_server import app, demo
from presence_server.commands.announce import announce
from presence_server.flags import SettingsCommand
from presence_server.sources import load


@click.command("demo", cls=SettingsCommand, short_help="Run it with a page to try it in.")
def command(**given: object) -> None:
    """Run the server with a demo page, a secret made now and a token endpoint that gives a token to
    anybody who asks. Not for production: keys in the settings are not used.
    """
    secret = demo.new_secret()
    others = dict.fromkeys(("jwt_public_key", "jwt_key_file", "jwks_url"))
    own = {"jwt_secret": SecretStr(secret), **others}
    settings = load(given).model_copy(update=own)
    app.run(settings, announce, demo.handlers(secret))
