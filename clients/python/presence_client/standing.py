"""How the client stands with its server, and telling those who want to know."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal

from presence_client.close_codes import Closing

Status = Literal["connecting", "online", "reconnecting", "refused", "closed"]


@dataclass(frozen=True, slots=True)
class Standing:
    """`connecting` lasts until the first welcome; after `refused` and `closed` nothing follows.

    `closing` is how the last connection or dial ended, None while online; `retry_in` how many
    seconds after that the next dial comes.
    """

    status: Status
    closing: Closing | None = None
    retry_in: float | None = None

    @property
    def is_final(self) -> bool:
        """Whether it stays so."""
        return self.status in ("refused", "closed")


class Standings:
    """The standing of one client; `now` is how it is."""

    def __init__(self) -> None:
        self.now = Standing("connecting")
        self._turned = asyncio.Event()

    def turn(self, standing: Standing) -> None:
        """It is so from here on."""
        self.now = standing
        self._turned.set()
        self._turned = asyncio.Event()

    async def follow(self) -> AsyncIterator[Standing]:
        """How it is now, and each turn; a reader that is slow finds the latest. Ends at the end."""
        while True:
            standing, turned = self.now, self._turned
            yield standing
            if standing.is_final:
                return
            await turned.wait()
