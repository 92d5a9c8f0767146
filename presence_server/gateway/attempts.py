"""How often authentication failed of late, by address: it slows refusals, it never refuses."""

from collections import OrderedDict
from typing import Final

WINDOW_S: Final = 60.0
FREE: Final = 20
MAX_ADDRESSES: Final = 10_000


class FailedAttempts:
    """Failures of each address in its current minute; the oldest addresses are forgotten first."""

    def __init__(self) -> None:
        self._counts: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def __len__(self) -> int:
        """How many addresses are remembered: never more than `MAX_ADDRESSES`."""
        return len(self._counts)

    def is_too_many(self, address: str, now: float) -> bool:
        """Count a failure of `address`; whether it is beyond what goes unpunished."""
        since, count = self._counts.pop(address, (now, 0))
        if now - since >= WINDOW_S:
            since, count = now, 0
        self._counts[address] = (since, count + 1)
        if len(self._counts) > MAX_ADDRESSES:
            self._counts.popitem(last=False)
        return count + 1 > FREE
