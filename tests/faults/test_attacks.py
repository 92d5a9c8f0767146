"""What was found by those who tried to break in, with the program itself: each of it worked once.

Invariant: whatever comes, nothing but a line of ours is in the log.
"""

import signal
import socket
import threading
from pathlib import Path

from tests.support.issuer import SigningKey
from tests.support.peer import HOST
from tests.support.server import Answer, Server, eventually

OPERATOR = {"sub": "op", "room": "*", "exp": 4_000_000_000, "role": "operator"}


def test_an_operator_who_waits_for_a_key_is_answered_when_the_server_stops() -> None:
    token = SigningKey("unknown").sign(OPERATOR)
    answers: list[Answer] = []
    with socket.create_server((HOST, 0)) as hangs:
        port = hangs.getsockname()[1]
        with Server("--jwks-url", f"http://{HOST}:{port}/keys") as server:
            asked = threading.Thread(
                target=lambda: answers.append(server.admin("/v1/rooms", token))
            )
            asked.start()
            eventually(lambda: server.metric("presence_jwks_fetches_total", result="failed"))
            server.terminate()
            assert server.wait() == 0
            asked.join()
    assert [answer.status for answer in answers] == [401]


def test_settings_that_nest_too_deep_stay_as_they_were(tmp_path: Path) -> None:
    config = tmp_path / "settings.toml"
    config.write_text("")
    with Server("--config", str(config)) as server:
        config.write_text("rate = " + "[" * 5_000 + "]" * 5_000)
        server.process.send_signal(signal.SIGHUP)
        eventually(lambda: server.metric("presence_reloads_total", result="failed"))
        eventually(lambda: 'settings stay as they were  reason="config' in server.stderr)
