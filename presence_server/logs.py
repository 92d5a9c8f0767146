"""What is logged, and how."""

import logging

from presence_server.settings import Settings


def configure(settings: Settings) -> None:
    """One plain line on stderr for each record, unless whoever embeds us has set up another."""
    logging.basicConfig(format="presence-server: %(message)s")
    logging.getLogger("presence_server").setLevel(settings.log_level.upper())
