"""Who is answered next, and who is told to come back: no queue grows without end."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from presence_server.history.api.errors import busy

WAIT_S: Final = 2.0


class Turns:
    """A dependency: the request that has it has a turn, for as long as its scope says.

    So many have one `at_once`, and so many more may be `waiting`, not for long.
    """

    def __init__(self, at_once: int, waiting: int, wait_s: float = WAIT_S) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._most = waiting
        self._waiting = 0
        self._wait_s = wait_s

    async def __call__(self) -> AsyncIterator[None]:
        """Wait for a turn, and give it back.

        Raises:
            Refused: 503 if there is none.

        """
        await self._take()
        try:
            yield
        finally:
            self._free.release()

    async def _take(self) -> None:
        if self._free.locked() and self._waiting >= self._most:
            raise busy()
        self._waiting += 1
        try:
            async with asyncio.timeout(self._wait_s):
                await self._free.acquire()
        except TimeoutError:
            raise busy() from None
        finally:
            self._waiting -= 1
