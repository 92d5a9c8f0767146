"""Reading the metrics of a server that runs."""

import time

import httpx

from presence_server.commands import operator
from presence_server.commands.operator import NoAnswer
from presence_server.load.readings import Reading, read


async def reading(client: httpx.AsyncClient) -> Reading:
    """What its admin listener says now; that needs no key.

    Raises:
        NoAnswer: if it says nothing, or is no presence server's.

    """
    text = await operator.text(client, "/metrics")
    try:
        found = read(text, time.monotonic())
    except ValueError:
        found = Reading(0.0, {})
    if "presence_build_info" not in found.series:
        raise NoAnswer(f"{client.base_url} has no metrics of a presence server", "see --url")
    return found
