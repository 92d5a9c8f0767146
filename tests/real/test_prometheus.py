"""A real Prometheus scrapes the running server and answers queries about it."""

import json
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.support.peer import HOST, pump
from tests.support.server import Server, eventually, get

START_S = 30.0
CONFIG = """
global:
  scrape_interval: 1s
  scrape_timeout: 1s
scrape_configs:
  - job_name: presence
    static_configs:
      - targets: ["127.0.0.1:{port}"]
"""


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


class Prometheus:
    """A Prometheus that runs on a port of the loopback, its data in a folder of the test."""

    def __init__(self, folder: Path, target: int) -> None:
        program = shutil.which("prometheus")
        assert program, "the tests need Debian's prometheus: make setup"
        config = folder / "prometheus.yml"
        config.write_text(CONFIG.format(port=target))
        self.port = free_port()
        self._log = folder / "log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    program,
                    f"--config.file={config}",
                    f"--storage.tsdb.path={folder / 'data'}",
                    f"--web.listen-address={HOST}:{self.port}",
                ],
                stdout=log,
                stderr=log,
            )

    def is_ready(self) -> bool:
        """Whether it answers yet."""
        assert self._process.poll() is None, self._log.read_text()
        try:
            return get(self.port, "/-/ready").status == 200
        except OSError:
            return False

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """Label sets and values now."""
        answer = get(self.port, "/api/v1/query?" + urlencode({"query": expression}))
        body: Any = json.loads(answer.body)
        assert body["status"] == "success"
        return [(each["metric"], float(each["value"][1])) for each in body["data"]["result"]]

    def value(self, expression: str) -> float | None:
        """The value of what should be one series; None while there is none."""
        found = self.query(expression)
        return found[0][1] if len(found) == 1 else None

    def stop(self) -> None:
        """End it."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)


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
