"""`presence-server serve`."""

from functools import partial

import click

from presence_server import app
from presence_server.commands.announce import announce
from presence_server.flags import SettingsCommand
from presence_server.sources import load


@click.command("serve", cls=SettingsCommand, short_help="Run the server.")
def command(**given: object) -> None:
    """Run the server until SIGTERM or SIGINT, which drain it; SIGHUP reads keys, certificate and
    the settings file again.
    """
    read = partial(load, given)
    settings = read()
    app.run(settings, announce, read_again=read)
