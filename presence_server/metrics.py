"""Every metric, once. Never a label per room or user: their number has no bound."""

import platform
from collections.abc import Callable, Iterable, Mapping
from typing import Final, get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    disable_created_metrics,
)
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from presence_server import __version__
from presence_server.core.close_codes import Close
from presence_server.core.codec import TYPE_OF, Command
from presence_server.core.errors import ErrorCode, Limit, TokenFault
from presence_server.core.events import Broadcast, Changed, CursorMoved, Joined, Left
from presence_server.core.messages import SERVER_TYPES
from presence_server.tallies import Spread, Tallies, Tally

_SHORT: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
_NETWORK: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0)
MOST_LAG_S: Final = _SHORT[-1]
MOST_PING_S: Final = _NETWORK[-1]
"""What a histogram ends with: of more it says only that it is more."""
_FRAMES: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
_EVENTS: Final[dict[type[Broadcast], str]] = {
    Joined: "user_joined",
    Changed: "presence_changed",
    CursorMoved: "cursor_changed",
    Left: "user_left",
}
_CLOSE_CODES: Final = frozenset({*Close, 1000, 1005, 1006})

# All that a label can be. An alert needs a series that begins at 0, not with the first time.
_REFUSALS: Final = (
    *(limit.value for limit in Limit),
    *get_args(TokenFault),
    *("path", "party", "forbidden", "removed", "handshake", "tls", "draining"),
)
_CLOSES: Final = (*map(str, sorted(_CLOSE_CODES)), "other")
_ERRORS: Final = tuple(code.value for code in ErrorCode)
_CAUSES: Final = ("resync", "behind")
_REMOVALS: Final = ("user", "room", "everywhere")
_RESULTS: Final = ("ok", "failed")
_QUERIES: Final = ("ok", "refused", "timeout", "unavailable", "failed")
_POSTS: Final = ("ok", "refused", "timeout", "unreachable", "broken")

# A second series beside each, which nothing here reads. (The library does not type it.)
disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """What Prometheus scrapes. What the hot path counts is in tallies, the rest the library's."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self._now()
        self._traffic()
        self._health()
        self._safety()

    def _now(self) -> None:
        self.connections = self._gauge("presence_connections", "Open connections now.")
        self.max_connections = self._gauge(
            "presence_max_connections", "Connections that may be open at once."
        )
        self.users = self._gauge("presence_users", "Users in rooms now, once for each room.")
        self.rooms = self._gauge("presence_rooms", "Rooms with a connection now.")
        self.accepted = self._counter(
            "presence_connections_accepted", "Connections that were admitted to a room."
        )
        self.refused = self._counter(
            "presence_connections_refused",
            "Connections that were refused, by reason.",
            "reason",
            _REFUSALS,
        )
        self.closes = self._counter(
            "presence_closes",
            "Connections ended, by the close code sent or received.",
            "code",
            _CLOSES,
        )

    def _traffic(self) -> None:
        self._received = Tallies(
            "presence_messages_received",
            "Messages from clients, by type.",
            "type",
            TYPE_OF.values(),
            self.registry,
        )
        self._sent = Tallies(
            "presence_messages_sent",
            "Messages to clients, by type, one for each.",
            "type",
            SERVER_TYPES,
            self.registry,
        )
        self.errors = self._counter(
            "presence_errors",
            "Errors found in clients' messages, told or not, by code.",
            "code",
            _ERRORS,
        )
        self.bytes_received = Tally("presence_received_bytes", "Bytes from clients.", self.registry)
        self.bytes_sent = Tally("presence_sent_bytes", "Bytes given to sockets.", self.registry)
        self.fanout_seconds = Spread(
            "presence_fanout_seconds",
            "Time to write one batch to all of a room.",
            _SHORT,
            self.registry,
        )
        self.fanout_frames = Spread(
            "presence_fanout_frames", "Messages in one batch.", _FRAMES, self.registry
        )

    def _health(self) -> None:
        self.behind = self._gauge(
            "presence_members_behind", "Connections now owed a snapshot because they read slowly."
        )
        self.resnapshots = self._counter(
            "presence_resnapshots", "Snapshots sent to those inside, by cause.", "cause", _CAUSES
        )
        self.cut_slow = self._counter(
            "presence_cut_slow", "Connections cut because nothing could be written for too long."
        )
        self.ping_seconds = self._histogram(
            "presence_ping_seconds", "Round trip of a WebSocket ping.", _NETWORK
        )
        self.loop_lag_seconds = self._histogram(
            "presence_loop_lag_seconds", "How late the event loop ran a timer.", _SHORT
        )
        build = Info("presence_build", "The version that runs.", registry=self.registry)
        build.info({"version": __version__, "python": platform.python_version()})

    def _safety(self) -> None:
        self.refusals_held = self._counter(
            "presence_refusals_held", "Refusals held back, after many failures from one address."
        )
        self.removals = self._counter(
            "presence_removals",
            "What operators removed: a user, a room, one everywhere.",
            "kind",
            _REMOVALS,
        )
        self.keys = self._gauge("presence_keys", "Keys that a token may be signed with.")
        self.jwks_fetches = self._counter(
            "presence_jwks_fetches", "Fetches of the issuer's keys, by result.", "result", _RESULTS
        )
        self.reloads = self._counter(
            "presence_reloads",
            "Times that settings were read again, by result.",
            "result",
            _RESULTS,
        )
        self.webhook_posts = self._counter(
            "presence_webhook_posts", "Requests to the webhook, by result.", "result", _POSTS
        )
        self.webhook_dropped = self._counter(
            "presence_webhook_dropped", "Events that the webhook was not told in the end."
        )
        self.webhook_waiting = self._gauge(
            "presence_webhook_waiting", "Events that wait for the webhook now."
        )
        self._past()
        self.certificate_expiry = self._gauge(
            "presence_certificate_expiry_timestamp_seconds",
            "Unix time at which the certificate ends; 0 without one.",
        )
        self.log_dropped = self._counter(
            "presence_log_dropped", "Lines that were not logged because nobody took them."
        )
        self.log_repeats = self._counter(
            "presence_log_repeats", "Lines that were not logged because others said the same."
        )

    def _past(self) -> None:
        self.history_facts = Tally(
            "presence_history_facts", "Facts noted for history.", self.registry
        )
        self.history_dropped = Tally(
            "presence_history_dropped",
            "Facts that history lost because too many waited.",
            self.registry,
        )
        self.history_waiting = self._gauge(
            "presence_history_waiting", "Facts noted and not in the database yet."
        )
        self.history_waiting_bytes = self._gauge(
            "presence_history_waiting_bytes", "Bytes of them, of those that are packed."
        )
        self.history_lag = self._gauge(
            "presence_history_lag_seconds", "Age of the oldest of them; 0 if there is none."
        )
        self.history_up = self._gauge(
            "presence_history_up", "1 while the database takes what is noted, else 0."
        )
        self.history_commits = self._counter(
            "presence_history_commits",
            "Transactions with the database, by result.",
            "result",
            _RESULTS,
        )
        self.history_restarts = self._counter(
            "presence_history_restarts", "Times that the recorder had to be started again."
        )
        self.history_queries = self._counter(
            "presence_history_queries", "Questions to history, by result.", "result", _QUERIES
        )

    def watch(
        self,
        connections: Callable[[], int],
        max_connections: Callable[[], int],
        users: Callable[[], int],
        rooms: Callable[[], int],
    ) -> None:
        """Read these at each scrape instead of counting along."""
        self.connections.set_function(connections)
        self.max_connections.set_function(max_connections)
        self.users.set_function(users)
        self.rooms.set_function(rooms)

    def count_batch(self, tally: Mapping[type[Broadcast], int], size: int, receivers: int) -> None:
        """Count one batch of `size` bytes, written to each of `receivers`."""
        self.bytes_sent.value += size * receivers
        sent = self._sent.counts
        for kind, count in tally.items():
            sent[_EVENTS[kind]] += count * receivers

    def count_received(self, kind: type[Command]) -> None:
        """Count one message from a client."""
        self._received.counts[TYPE_OF[kind]] += 1

    def count_sent(self, kind: str, size: int, receivers: int = 1) -> None:
        """Count one message of `size` bytes, to one client or to each of several."""
        self._sent.counts[kind] += receivers
        self.bytes_sent.value += size * receivers

    def count_close(self, code: int) -> None:
        """Count the end of a connection; clients choose codes freely, labels must not."""
        self.closes.labels(str(code) if code in _CLOSE_CODES else "other").inc()

    def count_snapshot(self, cause: str | None, size: int) -> None:
        """Count one snapshot of `size` bytes, paid because of `cause`."""
        self.count_sent("presence_snapshot", size)
        if cause != "join":
            self.resnapshots.labels(cause).inc()

    def _counter(
        self, name: str, says: str, label: str | None = None, values: Iterable[str] = ()
    ) -> Counter:
        """A counter; one with a label has all its series from the start."""
        labels = () if label is None else (label,)
        counter = Counter(name, says, labels, registry=self.registry)
        for value in values:
            counter.labels(value)
        return counter

    def _gauge(self, name: str, says: str) -> Gauge:
        return Gauge(name, says, registry=self.registry)

    def _histogram(self, name: str, says: str, buckets: Iterable[float]) -> Histogram:
        return Histogram(name, says, buckets=tuple(buckets), registry=self.registry)
