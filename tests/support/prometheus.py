"""Debian's Prometheus on the loopback."""

import json
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from tests.support.peer import HOST
from tests.support.server import free_port, get

START_S: Final = 30.0
CONFIG: Final = """
global:
  scrape_interval: 1s
  scrape_timeout: 1s
scrape_configs:
  - job_name: presence
    static_configs:
      - targets: ["127.0.0.1:{port}"]
"""


class Prometheus:
    """A Prometheus that runs on a port of the loopback, its data in a folder of the test."""

    def __init__(self, folder: Path, target: int) -> None:
        program = shutil.which("prometheus")
        assert program, "the tests need Debian's prometheus: tests/setup/debian installs it"
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
