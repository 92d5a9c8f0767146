"""Those of a room who get the same bytes."""

from collections.abc import Callable, Iterator

from presence_server.gateway.outbox import Outbox


class Audience:
    """Current connections, and the one loop that writes to them.

    `written` counts the bytes since the start, once for all: an outbox remembers where it came in.
    """

    __slots__ = ("_outboxes", "_writes", "written")

    def __init__(self) -> None:
        self.written = 0
        self._outboxes: dict[Outbox, None] = {}
        self._writes: list[Callable[[bytes], object]] | None = None

    def __len__(self) -> int:
        """How many they are."""
        return len(self._outboxes)

    def __contains__(self, outbox: Outbox) -> bool:
        """Whether `outbox` is one of them."""
        return outbox in self._outboxes

    def __iter__(self) -> Iterator[Outbox]:
        """All of them."""
        return iter(self._outboxes)

    def add(self, outbox: Outbox) -> None:
        """Write to `outbox` too, from here on."""
        outbox.attach(self)
        self._outboxes[outbox] = None
        self._writes = None

    def discard(self, outbox: Outbox) -> bool:
        """Write no more to `outbox`; whether it was one of them."""
        if outbox not in self._outboxes:
            return False
        del self._outboxes[outbox]
        self._writes = None
        outbox.detach()
        return True

    def write(self, batch: bytes) -> None:
        """Give everyone the same bytes. Nobody may come or go meanwhile."""
        writes = self._writes
        if writes is None:
            writes = self._writes = [outbox.transport.write for outbox in self._outboxes]
        self.written += len(batch)  # before the writes: one that pauses looks at it
        for write in writes:
            write(batch)
