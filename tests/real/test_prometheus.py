"""A real Prometheus scrapes the running server and answers queries about it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.peer import pump
from tests.support.prometheus import START_S, Prometheus
from tests.support.server import Server, eventually


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture
def prometheus(server: Server, tmp_path: Path) -> Iterator[Prometheus]:
    prometheus = Prometheus(tmp_path, server.admin_port)
    try:
        eventually(prometheus.is_ready, START_S)
        yield prometheus
    finally:
        prometheus.stop()


def test_prometheus_knows_who_is_here_and_what_is_said(
    server: Server, prometheus: Prometheus
) -> None:
    people = [server.enter(name) for name in ("ann", "bob", "cy")]
    people.append(server.enter("ann", pk="second-tab"))
    eventually(lambda: prometheus.value("presence_connections") == 4)
    assert prometheus.value("presence_users") == 3
    assert prometheus.value("presence_rooms") == 1
    assert prometheus.value('up{job="presence"}') == 1

    for number in range(10):
        people[0].update(f"/{number}")
    pump(people, lambda: all(peer.sees("ann", "/9") for peer in people))
    updates = 'presence_messages_received_total{type="presence_update"}'
    eventually(lambda: prometheus.value(updates) == 10)
    sent = 'presence_messages_sent_total{type="presence_changed"}'
    eventually(lambda: prometheus.value(sent) == 40)

    people[0].drop()
    people[3].drop()
    eventually(lambda: prometheus.value("presence_users") == 2)
    quantile = "histogram_quantile(0.5, sum by (le) (presence_fanout_seconds_bucket))"
    median = prometheus.value(quantile)
    assert median is not None
    assert 0 < median < 1
