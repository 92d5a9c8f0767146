"""How long whatever stops the server must wait for it."""

from presence_server.app import longest_end
from presence_server.settings import Settings


def longest(settings: Settings) -> float:
    """Seconds until it has ended, for one who has added a webhook too."""
    return longest_end(settings.model_copy(update={"webhook_url": "http://127.0.0.1/"}))
