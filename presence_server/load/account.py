"""What one member was told, by the numbers of the events: what is missing shows. Pure."""

from presence_server.load.told import Batch

RESYNC_AGAIN_S = 5.0


class Account:
    """The books of one connection. It follows the contract of a client: at a gap it asks once for a
    snapshot, and takes no event until that is there.
    """

    __slots__ = ("asked_at", "events", "gaps", "is_in", "replaced", "resyncs", "seq")

    def __init__(self) -> None:
        self.is_in = False
        self.seq = 0
        self.events = 0
        """Numbered events that were told."""
        self.replaced = 0
        """Those that a snapshot of the server's own accord stood for: its right (promise 2)."""
        self.gaps = 0
        self.resyncs = 0
        self.asked_at: float | None = None
        """When a snapshot was asked for that is not there yet."""

    def take(self, batch: Batch, now: float) -> bool:
        """Take a room's events; whether they count, which they do not after a gap."""
        if not self.is_in or self.asked_at is not None:
            return False
        if not batch.first:
            return True
        if batch.first != self.seq + 1:
            return batch.last > self.seq and self._miss(now)
        self.seq = batch.last
        self.events += batch.last - batch.first + 1
        return True

    def _miss(self, now: float) -> bool:
        self.gaps += 1
        self.asked_at = now
        return False

    def snapshot(self, seq: int) -> None:
        """Take a snapshot, which replaces all."""
        if self.is_in and self.asked_at is None:
            self.replaced += max(0, seq - self.seq)
        self.is_in = True
        self.asked_at = None
        self.seq = max(self.seq, seq)

    def must_ask(self, now: float) -> bool:
        """Whether to send a `resync` now: at once at a gap, and again where none answers."""
        if self.asked_at is None or now < self.asked_at:
            return False
        self.asked_at = now + RESYNC_AGAIN_S
        self.resyncs += 1
        return True
