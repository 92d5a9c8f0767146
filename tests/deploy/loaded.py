"""The real server under load of every kind, and the Prometheus that scrapes it."""

import contextlib
import signal
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from itertools import count, islice
from pathlib import Path
from typing import Final

from tests.support.certificates import Authority
from tests.support.peer import Peer, pump
from tests.support.prometheus import START_S, Prometheus
from tests.support.server import ADMIN_KEY, ROOM, Server, address, eventually, get, token
from tests.webhook.target import Target

CROWD: Final = 12
CERTIFICATE: Final = timedelta(days=20)
FLAGS: Final = (
    *("--ping-interval", "0.5", "--rate", "10000", "--burst", "100000"),
    *("--buffer-limit", "65536", "--user-connections", "2", "--webhook-debounce", "0.1"),
    *("--webhook-secret", "a secret for webhooks, of forty bytes"),
)
FILL: Final = "x" * 1_900


@contextlib.contextmanager
def scraped(folder: Path, rules: Path) -> Iterator[tuple[Server, Prometheus]]:
    """A server, and a Prometheus that has scraped it before anything happened."""
    authority = Authority(folder)
    certificate, key = authority.issue(valid=CERTIFICATE)
    tls = ("--tls-cert", str(certificate), "--tls-key", str(key))
    with (
        Target() as target,
        Server(*FLAGS, *tls, "--webhook-url", target.url, trust=authority.ca) as server,
    ):
        prometheus = Prometheus(folder, server.admin_port, every="200ms", rules=[rules])
        try:
            eventually(prometheus.is_ready, START_S)
            eventually(lambda: prometheus.value('up{job="presence"}') == 1)
            yield server, prometheus
        finally:
            prometheus.stop()


def load(server: Server) -> None:
    """Let everything happen that a metric counts, as far as clients can bring it about."""
    crowd = [server.enter(f"user-{number}") for number in range(CROWD)]
    slow = server.enter("slow", buffer=2_048)
    _talk(crowd)
    _say_what_is_wrong(crowd[0])
    _fill(server, crowd)
    _be_refused(server)
    crowd.append(slow)
    pump(crowd, lambda: slow.users == crowd[0].users)
    _pong(server, crowd)
    _leave(server, crowd)
    server.process.send_signal(signal.SIGHUP)
    eventually(lambda: server.metric("presence_reloads_total", result="ok") == 1)
    eventually(lambda: server.metric("presence_webhook_posts_total", result="ok") > 0)


def _talk(crowd: list[Peer]) -> None:
    for number, peer in enumerate(crowd):
        peer.update(f"/{number}")
        peer.send({"type": "cursor_update", "cursor": {"x": number}})
        peer.send({"type": "status_update", "status": "away"})
        peer.send({"type": "ping"})
        peer.send({"type": "resync"})
    pump(crowd, lambda: all("pong" in peer.types() for peer in crowd))


def _say_what_is_wrong(peer: Peer) -> None:
    peer.send("no JSON")
    pump([peer], peer.errors)


def _fill(server: Server, crowd: list[Peer]) -> None:
    """Send more than a slow reader takes."""
    steps = count(1)
    while not server.metric("presence_members_behind"):
        paths = [f"/{step}" for step in islice(steps, 50)]
        for path in paths:
            crowd[0].update(path, data={"fill": FILL})
        pump(crowd, partial(_all_see, crowd, paths[-1]))


def _all_see(crowd: list[Peer], path: str) -> bool:
    return all(peer.sees("user-0", path) for peer in crowd)


def _be_refused(server: Server) -> None:
    good = token("mallory")
    turned_away = [
        server.dial(address(token=good[:-4] + "AAAA")),
        server.dial(address(token=token("mallory", ttl=-60))),
        server.dial(address()),
        server.dial(address(room="presence-other", token=good)),
        server.dial(address(party="no-party", token=good)),
        *(server.join("user-1", pk=f"tab-{number}") for number in range(3)),
    ]
    pump(turned_away, lambda: sum(peer.closed is not None for peer in turned_away) == 7)


def _pong(server: Server, crowd: list[Peer]) -> None:
    pump(crowd, lambda: server.metric("presence_ping_seconds_count") >= CROWD)


def _leave(server: Server, crowd: list[Peer]) -> None:
    """One closes, one is lost, one is removed."""
    crowd[1].send_bytes(bytes([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE8]))  # Close 1000, masked
    crowd[2].reset()
    get(server.admin_port, f"/v1/rooms/{ROOM}/users/user-3", ADMIN_KEY, method="DELETE")
    pump(crowd, lambda: crowd[1].is_gone and crowd[3].is_gone)
