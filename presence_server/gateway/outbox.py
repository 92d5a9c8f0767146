"""What is on its way to one client: the only place that writes to its transport."""

from asyncio import Transport
from typing import Protocol


class Feed(Protocol):
    """A stream of shared bytes that many outboxes get; `written` counts them from the start."""

    written: int


class Outbox:
    """One transport and the count of what went into it.

    Shared frames are counted by their feed, once for all who get it, so that the fan-out can call
    `transport.write` and nothing else. Slowness is judged by `backlog` alone: the bytes queued
    after the last snapshot.
    """

    __slots__ = (
        "_ahead",
        "_direct",
        "_feed",
        "_feed_start",
        "_mark",
        "is_deflated",
        "paused",
        "snapshot_due",
        "transport",
    )

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.paused = False
        self.is_deflated = False
        self.snapshot_due = 0.0
        self._ahead = b""
        self._direct = 0
        self._feed: Feed | None = None
        self._feed_start = 0
        self._mark = 0

    @property
    def queued(self) -> int:
        """Bytes that the kernel has not taken yet."""
        return self.transport.get_write_buffer_size()

    @property
    def total(self) -> int:
        """Bytes ever given to the transport."""
        shared = self._feed.written - self._feed_start if self._feed else 0
        return self._direct + shared

    @property
    def flushed(self) -> int:
        """Bytes ever taken by the kernel: what must grow for the peer to make progress."""
        added: int = self.transport.get_extra_info("tls_added", 0)
        return self.total + added - self.queued

    @property
    def backlog(self) -> int:
        """Bytes still queued that came after the last snapshot."""
        return min(self.queued, self.total - self._mark)

    def write(self, data: bytes) -> None:
        """Send bytes that are for this client alone."""
        if self._ahead:
            data, self._ahead = self._ahead + data, b""
        self._direct += len(data)
        self.transport.write(data)

    def put_ahead(self, data: bytes) -> None:
        """Send bytes along with the next that are written, which must be in this turn of the loop.

        Each write is a system call and wakes somebody: an upgrade, a welcome and a snapshot in one
        piece are two fewer.
        """
        self._ahead += data

    def flush(self) -> None:
        """Send what was put ahead of something that does not come yet."""
        if self._ahead:
            self.write(b"")

    def write_snapshot(self, frame: bytes) -> None:
        """Send a snapshot: what counts against the client begins behind it."""
        self.write(frame)
        self._mark = self.total

    def attach(self, feed: Feed) -> None:
        """Count the feed's bytes from here on; the caller now writes them to `transport`."""
        self._feed = feed
        self._feed_start = feed.written

    def detach(self) -> None:
        """Count them no more."""
        self._direct = self.total
        self._feed = None
