"""Debian's Prometheus on the loopback, and its promtool."""

import json
import math
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from tests.support.peer import HOST
from tests.support.server import free_port, get

START_S: Final = 30.0
CONFIG: Final = """
global:
  scrape_interval: {every}
  scrape_timeout: {every}
  evaluation_interval: {every}
rule_files: {rules}
scrape_configs:
  - job_name: presence
    static_configs:
      - targets: ["127.0.0.1:{port}"]
"""


def promtool(*arguments: str) -> str:
    """Run Debian's promtool; it must like what it sees. What it says of it."""
    program = shutil.which("promtool")
    assert program, "the tests need Debian's prometheus: tests/setup/debian installs it"
    ran = subprocess.run(
        [program, *arguments], capture_output=True, text=True, timeout=START_S, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


class Prometheus:
    """A Prometheus that runs on a port of the loopback, its data in a folder of the test.

    It scrapes one target as the job `presence`, and evaluates the files of `rules` as often.
    """

    def __init__(
        self, folder: Path, target: int, *, every: str = "1s", rules: Sequence[Path] = ()
    ) -> None:
        program = shutil.which("prometheus")
        assert program, "the tests need Debian's prometheus: tests/setup/debian installs it"
        config = folder / "prometheus.yml"
        files = json.dumps([str(rule) for rule in rules])
        config.write_text(CONFIG.format(port=target, every=every, rules=files))
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
        data = self._ask("/query?" + urlencode({"query": expression}))
        return [(each["metric"], float(each["value"][1])) for each in data["result"]]

    def numbers(self, expression: str) -> list[float]:
        """The values now that are numbers."""
        return [value for _, value in self.query(expression) if not math.isnan(value)]

    def rules(self) -> list[Any]:
        """Every rule, and how it does."""
        return [rule for group in self._ask("/rules")["groups"] for rule in group["rules"]]

    def value(self, expression: str) -> float | None:
        """The value of what should be one series; None while there is none."""
        found = self.query(expression)
        return found[0][1] if len(found) == 1 else None

    def _ask(self, path: str) -> Any:
        body = get(self.port, f"/api/v1{path}").json()
        assert body["status"] == "success", body
        return body["data"]

    def stop(self) -> None:
        """End it."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
