"""Puts the webhook together. Import it only where one is wanted: httpx takes time and memory."""

from presence_server.core.clocks import Clocks
from presence_server.metrics import Metrics
from presence_server.webhook.poster import Poster
from presence_server.webhook.signing import signing_key
from presence_server.webhook.webhook import Webhook


def build(url: str, secret: str, debounce_s: float, clocks: Clocks, metrics: Metrics) -> Webhook:
    """A webhook that posts to `url`; `start` it in the loop.

    Raises:
        WebhookRefused: if there can't be such an address, or the secret can't be signed with.

    """
    poster = Poster(url, signing_key(secret), clocks.wall)
    return Webhook(poster, debounce_s, clocks, metrics)
