"""What is on the dashboard: every number and graph, with its queries."""

from typing import Final, NamedTuple

from grafana_foundation_sdk.models import dashboard as model

TARGET: Final = 'job=~"$job", instance=~"$instance"'
INTERVAL: Final = "$__rate_interval"

Thresholds = tuple[tuple[float, str], ...]
Queries = dict[str, str]
"""PromQL by legend."""


def of(metric: str) -> str:
    """A metric of the chosen servers."""
    return f"{metric}{{{TARGET}}}"


def rate(metric: str) -> str:
    """How much a counter rises in a second."""
    return f"rate({of(metric)}[{INTERVAL}])"


def total(metric: str, by: str = "") -> str:
    """The rate of all chosen servers together, by a label or as one."""
    return f"sum by ({by}) ({rate(metric)})" if by else f"sum({rate(metric)})"


def quantile(share: float, histogram: str) -> str:
    """A quantile of each server."""
    inner = f"sum by (le, instance) ({rate(histogram + '_bucket')})"
    return f"histogram_quantile({share}, {inner})"


def quantiles(histogram: str, *percents: int) -> Queries:
    """Some quantiles of each server."""
    return {f"p{p} {{{{instance}}}}": quantile(p / 100, histogram) for p in percents}


class Figure(NamedTuple):
    """One number at the top."""

    title: str
    says: str
    unit: str
    query: str
    thresholds: Thresholds = ()
    mappings: tuple[model.ValueMapping, ...] = ()


class Graph(NamedTuple):
    """One panel with lines; `ranked` where there are many, of which the highest matter."""

    title: str
    says: str
    unit: str
    width: int
    queries: Queries
    ranked: bool = False


def _value(text: str, color: str) -> model.ValueMappingResult:
    return model.ValueMappingResult(text=text, color=color)


_UP: Final = model.ValueMap(options={"1": _value("up", "green"), "0": _value("down", "red")})
_NO_CERTIFICATE: Final = model.RangeMap(
    options=model.DashboardRangeMapOptions(to=-10_000, result=_value("none", "text"))
)

FIGURES: Final = [
    Figure(
        "Server",
        "Down if any of the chosen servers can't be scraped.",
        "short",
        f"min({of('up')})",
        mappings=(_UP,),
    ),
    Figure("Connections", "Open connections.", "short", f"sum({of('presence_connections')})"),
    Figure(
        "Full",
        "Connections of those that may be open, on the fullest server.",
        "percentunit",
        f"max({of('presence_connections')} / {of('presence_max_connections')})",
        ((0.7, "orange"), (0.85, "red")),
    ),
    Figure("Users", "Users in rooms, once for each room.", "short", f"sum({of('presence_users')})"),
    Figure("Rooms", "Rooms with a connection.", "short", f"sum({of('presence_rooms')})"),
    Figure(
        "Loop lag",
        "How late one timer in a hundred runs, on the slowest server.",
        "s",
        f"max({quantile(0.99, 'presence_loop_lag_seconds')})",
        ((0.05, "orange"), (0.1, "red")),
    ),
    Figure(
        "Refused",
        "Connections refused in a second, for any reason.",
        "cps",
        total("presence_connections_refused_total"),
        ((1, "orange"), (20, "red")),
    ),
    Figure(
        "Certificate",
        "Days until the server's own certificate ends.",
        "d",
        f"min(({of('presence_certificate_expiry_timestamp_seconds')} - time()) / 86400)",
        ((-9_999, "red"), (3, "orange"), (14, "green")),
        (_NO_CERTIFICATE,),
    ),
]

ROWS: Final = {
    "Who is here": [
        Graph(
            "Connections",
            "Open connections of each server. A cliff on all of them: the proxy or the network.",
            "short",
            8,
            {"{{instance}}": of("presence_connections")},
        ),
        Graph(
            "Users and rooms",
            "Users are counted once for each room.",
            "short",
            8,
            {
                "users": f"sum({of('presence_users')})",
                "rooms": f"sum({of('presence_rooms')})",
            },
        ),
        Graph(
            "Coming and going",
            "Connections admitted and ended. Both high at once: a restart, "
            "or a network that breaks.",
            "cps",
            8,
            {
                "admitted": total("presence_connections_accepted_total"),
                "ended": total("presence_closes_total"),
            },
        ),
    ],
    "Who is refused, and how it ends": [
        Graph(
            "Refused, by reason",
            "connections, descriptors, overload, keys: nobody gets in. "
            "token_…: their tokens. room_…, user_…, address_…: a limit of theirs.",
            "cps",
            12,
            {"{{reason}}": total("presence_connections_refused_total", "reason")},
            ranked=True,
        ),
        Graph(
            "Ended, by close code",
            "1000, 1001, 1005: left. 1006: no Close came. 1012: restart. "
            "4400: not the protocol. 4401: token. 4408: silent or too slow. 4429: a limit.",
            "cps",
            12,
            {"{{code}}": total("presence_closes_total", "code")},
            ranked=True,
        ),
        Graph(
            "Errors in messages, by code",
            "A new release of a client that is wrong shows here.",
            "cps",
            12,
            {"{{code}}": total("presence_errors_total", "code")},
            ranked=True,
        ),
        Graph(
            "Removed, held back",
            "What operators removed, and refusals held back after many failures from one address.",
            "cps",
            12,
            {
                "removed: {{kind}}": total("presence_removals_total", "kind"),
                "held back": total("presence_refusals_held_total"),
            },
        ),
    ],
    "Is it slow": [
        Graph(
            "Event loop lag",
            "How late timers run: what everybody waits. Over 0.1 s is too little CPU.",
            "s",
            6,
            quantiles("presence_loop_lag_seconds", 50, 99),
        ),
        Graph(
            "Fan-out",
            "Time to write one batch to all of a room.",
            "s",
            6,
            quantiles("presence_fanout_seconds", 50, 99),
        ),
        Graph(
            "Messages in a batch",
            "What one write to each member carries. It grows as a room gets busy.",
            "short",
            6,
            quantiles("presence_fanout_frames", 50, 99),
        ),
        Graph(
            "Ping",
            "Round trip to clients: the network, and clients that sleep.",
            "s",
            6,
            quantiles("presence_ping_seconds", 50, 95),
        ),
    ],
    "Readers that can't keep up": [
        Graph(
            "Behind",
            "Connections that are owed a snapshot, because they read slowly.",
            "short",
            12,
            {"{{instance}}": of("presence_members_behind")},
        ),
        Graph(
            "Made good, cut",
            "Snapshots for those behind and for those who asked, and "
            "connections cut after 15 s without progress.",
            "cps",
            12,
            {
                "snapshot: {{cause}}": total("presence_resnapshots_total", "cause"),
                "cut": total("presence_cut_slow_total"),
            },
        ),
    ],
    "Traffic": [
        Graph(
            "Messages from clients",
            "By type.",
            "cps",
            8,
            {"{{type}}": total("presence_messages_received_total", "type")},
            ranked=True,
        ),
        Graph(
            "Messages to clients",
            "By type, one for each who gets it.",
            "cps",
            8,
            {"{{type}}": total("presence_messages_sent_total", "type")},
            ranked=True,
        ),
        Graph(
            "Bytes",
            "From and to clients.",
            "Bps",
            8,
            {
                "from clients": total("presence_received_bytes_total"),
                "to clients": total("presence_sent_bytes_total"),
            },
        ),
    ],
    "What is beside it": [
        Graph(
            "Keys",
            "Keys that a token may be signed with. 0: nobody gets in.",
            "short",
            6,
            {"{{instance}}": of("presence_keys")},
        ),
        Graph(
            "Fetches of keys, reloads",
            "Of the issuer's JWK Set and of the settings.",
            "cps",
            6,
            {
                "keys: {{result}}": total("presence_jwks_fetches_total", "result"),
                "reload: {{result}}": total("presence_reloads_total", "result"),
            },
        ),
        Graph(
            "Webhook",
            "Requests by result, and events given up.",
            "cps",
            6,
            {
                "{{result}}": total("presence_webhook_posts_total", "result"),
                "dropped": total("presence_webhook_dropped_total"),
            },
        ),
        Graph(
            "Webhook, waiting",
            "Events that wait for the webhook.",
            "short",
            6,
            {"{{instance}}": of("presence_webhook_waiting")},
        ),
    ],
    "History": [
        Graph(
            "Noted",
            "Facts noted for history, and given up because too many waited.",
            "cps",
            6,
            {
                "noted": total("presence_history_facts_total"),
                "dropped": total("presence_history_dropped_total"),
            },
        ),
        Graph(
            "Behind by",
            "Age of the oldest fact that is not in the database yet.",
            "s",
            6,
            {"{{instance}}": of("presence_history_lag_seconds")},
        ),
        Graph(
            "Waiting",
            "Facts that wait for the database, and whether it takes them (1).",
            "short",
            6,
            {
                "{{instance}}": of("presence_history_waiting"),
                "{{instance}}, up": of("presence_history_up"),
            },
        ),
        Graph(
            "Memory that waits",
            "Bytes of facts that wait for the database, of PRESENCE_HISTORY_BUFFER.",
            "bytes",
            6,
            {"{{instance}}": of("presence_history_waiting_bytes")},
        ),
        Graph(
            "Database and questions",
            "Transactions by result, questions by result, and restarts of the recorder.",
            "cps",
            6,
            {
                "transactions, {{result}}": total("presence_history_commits_total", "result"),
                "questions, {{result}}": total("presence_history_queries_total", "result"),
                "restarts": total("presence_history_restarts_total"),
            },
        ),
    ],
    "The process": [
        Graph(
            "CPU",
            "Cores in use. One process uses one: at 1 it is full.",
            "short",
            6,
            {"{{instance}}": rate("process_cpu_seconds_total")},
        ),
        Graph(
            "Memory",
            "Resident memory.",
            "bytes",
            6,
            {"{{instance}}": of("process_resident_memory_bytes")},
        ),
        Graph(
            "File descriptors",
            "In use, of those that may be. Each connection is one.",
            "percentunit",
            6,
            {"{{instance}}": f"{of('process_open_fds')} / {of('process_max_fds')}"},
        ),
        Graph(
            "Lines of the log",
            "Lines that were not logged: nobody took them, or others said the same.",
            "cps",
            6,
            {
                "dropped": total("presence_log_dropped_total"),
                "repeats": total("presence_log_repeats_total"),
            },
        ),
    ],
}
