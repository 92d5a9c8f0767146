"""How often something happened of late, by address: attempts to connect, failed authentications."""

from collections import OrderedDict
from typing import Final

WINDOW_S: Final = 60.0
MAX_ADDRESSES: Final = 10_000


class Attempts:
    """The attempts of each address in its current minute; the oldest addresses are forgotten
    first, so that the table is bounded whoever fills it.
    """

    def __init__(self) -> None:
        self._counts: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def __len__(self) -> int:
        """How many addresses are remembered: never more than `MAX_ADDRESSES`."""
        return len(self._counts)

    def count(self, address: str, now: float) -> int:
        """Count an attempt of `address`; how many there were in its minute, this one included."""
        since, count = self._counts.pop(address, (now, 0))
        if now - since >= WINDOW_S:
            since, count = now, 0
        self._counts[address] = (since, count + 1)
        if len(self._counts) > MAX_ADDRESSES:
            self._counts.popitem(last=False)
        return count + 1
