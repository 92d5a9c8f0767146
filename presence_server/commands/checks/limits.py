"""Do limits and times go with the system, and with one another?"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from presence_server import app, capacity, descriptors
from presence_server.commands.checks.finding import Finding, Subject, ok, warning
from presence_server.commands.hosts import is_loopback
from presence_server.gateway.listener import BACKLOG

PROC: Final = Path("/proc/sys/net")
IDLE_S: Final = 60
"""After which proxies close a connection on which nothing is said, unless told otherwise."""
SUPERVISORS: Final = (
    ("docker stop", 10, "stop_grace_period"),
    ("Kubernetes", 30, "terminationGracePeriodSeconds"),
    ("systemd", 90, "TimeoutStopSec"),
)
"""How long each waits for a stop before it kills unless told otherwise, and where it is told."""
_LESS: Final = (
    ("room_size", "room_connections"),
    ("room_connections", "max_connections"),
    ("user_connections", "user_total"),
)


def check(subject: Subject, proc: Path = PROC) -> Iterator[Finding]:
    """Compare them."""
    yield _descriptors(subject)
    yield from _kernel(subject, proc)
    yield from _together(subject)
    yield _idle(subject)
    yield _stop(subject)


def _descriptors(subject: Subject) -> Finding:
    wanted = subject.settings.max_connections
    limit = descriptors.raise_limit()
    found = capacity.options(subject.settings, descriptors.max_sockets(limit)).max_connections
    if found == wanted:
        return ok("descriptors", f"ulimit -n {limit:,} is enough for {wanted:,} connections")
    needed = -(-wanted * 10 // 9) + descriptors.RESERVE
    says = f"ulimit -n {limit:,} is enough for {found:,} connections, not {wanted:,}"
    hint = f"raise it to {needed} (LimitNOFILE, ulimit -Hn), or lower {_where(subject)}"
    return warning("descriptors", says, hint)


def _kernel(subject: Subject, proc: Path) -> Iterator[Finding]:
    wanted = subject.settings.max_connections
    somaxconn = _read(proc / "core/somaxconn")
    if somaxconn is not None and somaxconn[0] < BACKLOG:
        says = f"{somaxconn[0]} may wait to be accepted: more are dropped when all come back"
        yield warning("somaxconn", says, f"sysctl -w net.core.somaxconn={BACKLOG}")
    tracked = _read(proc / "netfilter/nf_conntrack_max")
    if tracked is not None and tracked[0] < wanted * 2:
        says = f"the firewall keeps track of {tracked[0]:,} connections, {wanted:,} may be open"
        hint = f"sysctl -w net.netfilter.nf_conntrack_max={wanted * 2}, or lower {_where(subject)}"
        yield warning("conntrack", says, hint)
    ports = _read(proc / "ipv4/ip_local_port_range")
    if ports is not None and is_loopback(subject.settings.host):
        yield from _local_ports(subject, ports[1] - ports[0] + 1)


def _local_ports(subject: Subject, found: int) -> Iterator[Finding]:
    """A proxy on this host has a port for each connection to one address, and no more."""
    wanted = subject.settings.max_connections
    if found < wanted and subject.is_given("max_connections"):
        says = f"a proxy on this host can open {found:,} connections to one address, not {wanted:,}"
        hint = (
            'sysctl -w net.ipv4.ip_local_port_range="10240 65535", or several addresses (127.0.0.2)'
        )
        yield warning("local ports", says, hint)


def _together(subject: Subject) -> Iterator[Finding]:
    for lower, upper in _LESS:
        low, high = getattr(subject.settings, lower), getattr(subject.settings, upper)
        if low > high and (subject.is_given(lower) or not subject.is_given("max_connections")):
            says = f"{lower} is {low:,}, but {upper} is {high:,} and ends it before"
            hint = f"change {subject.where(lower)} or {subject.where(upper)}"
            yield warning("limits", says, hint)


def _idle(subject: Subject) -> Finding:
    interval = subject.settings.ping_interval
    if interval >= IDLE_S:
        says = f"a ping each {interval:g} s: many proxies end a connection silent for {IDLE_S} s"
        return warning("ping", says, f"set {subject.where('ping_interval')} below {IDLE_S}")
    return ok("ping", f"each {interval:g} s; who is silent is out in {_lost(subject):g} s")


def _lost(subject: Subject) -> float:
    settings = subject.settings
    return settings.ping_interval + settings.pong_timeout + settings.leave_grace


def _stop(subject: Subject) -> Finding:
    """How long a stop takes at most, and who would not wait for that."""
    takes = app.longest_end(subject.settings)
    killers = [f"{who} ({seconds} s)" for who, seconds, _ in SUPERVISORS if takes >= seconds]
    if not killers:
        return ok("stop", f"takes {takes:g} s at most")
    says = f"takes {takes:g} s at most; by default {', '.join(killers)} kill before"
    names = ", ".join(name for _, seconds, name in SUPERVISORS if takes >= seconds)
    hint = f"set {names} to {takes + 5:g} s, or lower {subject.where('drain_seconds')}"
    return warning("stop", says, hint)


def _where(subject: Subject) -> str:
    return subject.where("max_connections")


def _read(path: Path) -> list[int] | None:
    """The numbers in a file of the kernel, if it has one and shows it."""
    try:
        return [*map(int, path.read_text().split())]
    except (OSError, ValueError):
        return None
