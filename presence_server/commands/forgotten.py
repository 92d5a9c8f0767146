"""A shell that does not know where the settings are, on a host that has them."""

from pathlib import Path
from typing import Final

import click

from presence_server.sources import file_of

USUAL: Final = Path("/etc/presence-server/presence.toml")


def forgotten() -> str:
    """A question to put behind a complaint, if the command that runs was given no settings file,
    but there is one where it usually is.
    """
    context = click.get_current_context(silent=True)
    if file_of(context.params if context else {}) or not _is_there():
        return ""
    return f" (is --config {USUAL} missing?)"


def _is_there() -> bool:
    try:
        return USUAL.is_file()
    except PermissionError:  # where those who may not read the settings may not look either
        return True
