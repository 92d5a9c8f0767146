"""What `top` says of a server at one moment, as figures. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from presence_server.load.readings import Between, Reading

Room = Mapping[str, Any]
REFUSED: Final = "presence_connections_refused_total"


@dataclass(frozen=True, slots=True)
class Overview:
    """Rates are per second, times in seconds (None where nothing was measured), sizes in bytes.

    `rooms_refused` says why there are no `biggest` rooms, `not_ready` why nobody can come in.
    `refused_lately` counts those of the last `window` seconds, `refused_total` all since the start.
    """

    version: str
    started_at: float
    not_ready: str | None
    window: float
    connections: int
    max_connections: int
    users: int
    rooms: int
    accepted: float
    refused: dict[str, float]
    refused_lately: dict[str, int]
    refused_total: dict[str, int]
    closed: dict[str, float]
    received: float
    sent: float
    received_bytes: float
    sent_bytes: float
    lag_p50: float | None
    lag_p99: float | None
    ping_p50: float | None
    ping_p99: float | None
    fanout_p99: float | None
    behind: int
    cut_slow: float
    cpu: float
    memory: int
    descriptors: int
    max_descriptors: int
    biggest: Sequence[Room]
    rooms_refused: str | None

    def as_json(self) -> dict[str, Any]:
        """The same in the manner of JSON."""
        return {_camel(name): value for name, value in asdict(self).items()}


def overview(
    last: Between,
    longer: Between,
    not_ready: str | None,
    biggest: Sequence[Room],
    rooms_refused: str | None = None,
) -> Overview:
    """The figures of the `last` interval; quantiles are those of a `longer` one, for they need more
    than a few values.
    """
    now = last.after
    return Overview(
        version=now.label("presence_build_info", "version"),
        started_at=now.value("process_start_time_seconds"),
        not_ready=not_ready,
        window=longer.seconds,
        connections=int(now.value("presence_connections")),
        max_connections=int(now.value("presence_max_connections")),
        users=int(now.value("presence_users")),
        rooms=int(now.value("presence_rooms")),
        accepted=last.rate("presence_connections_accepted_total"),
        refused=last.rates(REFUSED, "reason"),
        refused_lately=_counts(longer, REFUSED, "reason"),
        refused_total=_counts(Between(Reading(0.0, {}), now), REFUSED, "reason"),
        closed=last.rates("presence_closes_total", "code"),
        received=last.rate("presence_messages_received_total"),
        sent=last.rate("presence_messages_sent_total"),
        received_bytes=last.rate("presence_received_bytes_total"),
        sent_bytes=last.rate("presence_sent_bytes_total"),
        lag_p50=longer.quantile("presence_loop_lag_seconds", 0.5),
        lag_p99=longer.quantile("presence_loop_lag_seconds", 0.99),
        ping_p50=longer.quantile("presence_ping_seconds", 0.5),
        ping_p99=longer.quantile("presence_ping_seconds", 0.99),
        fanout_p99=longer.quantile("presence_fanout_seconds", 0.99),
        behind=int(now.value("presence_members_behind")),
        cut_slow=last.rate("presence_cut_slow_total"),
        cpu=last.rate("process_cpu_seconds_total"),
        memory=int(now.value("process_resident_memory_bytes")),
        descriptors=int(now.value("process_open_fds")),
        max_descriptors=int(now.value("process_max_fds")),
        biggest=biggest,
        rooms_refused=rooms_refused,
    )


def _counts(between: Between, name: str, label: str) -> dict[str, int]:
    """How much each series rose; those that did, the most first."""
    rates = between.rates(name, label)
    return {value: round(rate * between.seconds) for value, rate in rates.items()}


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))
