"""`presence-client watch` in a pipe, against a real server."""

import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clients.python_watch import COMMAND, InPipe, run, surroundings
from tests.support.server import ROOM, Server, eventually, token

BASH = "/bin/bash"


def test_a_room_is_told_line_by_line() -> None:
    with Server() as server, InPipe(variables=surroundings(server)) as watcher:
        assert watcher.line() == {"type": "status", "status": "connecting"}
        assert watcher.line() == {"type": "status", "status": "online"}
        assert watcher.line() == {"type": "reset", "members": []}
        ann = server.enter("ann", name="Ann [red]\u202e")
        joined = watcher.line()
        assert joined["type"] == "joined"
        assert (joined["userId"], joined["userName"]) == ("ann", "Ann [red]\u202e")
        ann.update("/plan", resourceType="doc")
        changed = watcher.line()
        assert changed == joined | {
            "type": "changed",
            "currentPath": "/plan",
            "resourceType": "doc",
        }
        ann.send({"type": "cursor_update", "cursor": {"x": 1}})
        ann.drop()
        assert watcher.line() == {"type": "left", "userId": "ann", "reason": "timeout"}


def test_cursors_are_told_if_wanted() -> None:
    with Server() as server, InPipe("--cursors", variables=surroundings(server)) as watcher:
        ann = server.enter("ann")
        watcher.until("reset")
        ann.send({"type": "cursor_update", "cursor": {"x": 1}})
        line = watcher.until("cursor")
        assert line == {"type": "cursor", "userId": "ann", "cursor": {"x": 1}}


def test_a_restart_of_the_server_is_told_and_survived() -> None:
    with (
        Server("--drain-seconds", "0") as server,
        InPipe(variables=surroundings(server)) as watcher,
    ):
        watcher.until("reset")
        server.stop()
        away = watcher.until("status")
        assert (away["status"], away["code"]) == ("reconnecting", 1012)
        assert 1000 <= away["retryInMs"] <= 3000
        server.start()
        watcher.until("status", status="online")
        assert watcher.line() == {"type": "reset", "members": []}


def test_a_member_may_watch_too() -> None:
    variables = {"PRESENCE_TOKEN": token("ann")}
    with Server() as server:
        with InPipe("--party", "main", variables=surroundings(server) | variables) as watcher:
            [me] = watcher.until("reset")["members"]
            assert me["userId"] == "ann"
            watcher.end(signal.SIGTERM)
        bob = server.enter("bob")
        assert set(bob.users) == {"bob"}


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_quietly(ending: int) -> None:
    with Server() as server, InPipe(variables=surroundings(server)) as watcher:
        watcher.until("reset")
        assert watcher.end(ending) == (0, "")
        assert server.metric("presence_closes_total", code="1000") == 1


def test_a_signal_ends_it_while_nobody_answers() -> None:
    variables = surroundings(PRESENCE_URL="ws://127.0.0.1:1", PRESENCE_TOKEN="t")
    with InPipe(variables=variables) as watcher:
        assert watcher.line()["status"] == "connecting"
        assert watcher.line()["reason"] == "Connection refused"
        assert watcher.end(signal.SIGINT) == (0, "")


@pytest.mark.parametrize("reader", ["head -1", "grep -m1 online"])
def test_a_reader_that_has_enough_ends_it_quietly_in_a_room_where_nothing_happens(
    reader: str,
) -> None:
    command = f"{shlex.join([*COMMAND, ROOM])} | {reader}; echo ${{PIPESTATUS[0]}}"
    with Server() as server:
        result = subprocess.run(
            [BASH, "-c", command],
            env=surroundings(server),
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    assert result.stdout.splitlines()[-1] == "0"
    assert len(result.stdout.splitlines()) == 2
    assert result.stderr == ""


def test_a_refusal_is_told_in_a_line_and_with_its_code_at_the_end() -> None:
    secret = token("ann", room="presence-other")
    with Server() as server:
        result = run(ROOM, variables=surroundings(server) | {"PRESENCE_TOKEN": secret})
    assert result.returncode == 1
    assert result.stderr.startswith("presence-client: refused: 4403 ")
    assert len(result.stderr.splitlines()) == 1
    assert '"status":"refused","code":4403' in result.stdout.splitlines()[-1]
    assert secret not in result.stdout + result.stderr


def test_a_token_that_ended_is_a_refusal_and_not_tried_for_ever() -> None:
    with Server() as server:
        flags = (ROOM, "--token", token("ann", ttl=-60))
        result = run(*flags, variables=surroundings(server))
    assert (result.returncode, result.stderr) == (
        1,
        "presence-client: refused: 4401 token_expired\n",
    )


def test_a_token_command_runs_for_every_dial_and_for_a_refresh(tmp_path: Path) -> None:
    count = tmp_path / "count"
    count.touch()
    script = tmp_path / "token"
    script.write_text(
        "#!/bin/sh\n"
        'cd "$(dirname "$0")"; echo >> count\n'
        '[ "$(wc -l < count)" = 1 ] && cat first || cat later\n'
    )
    script.chmod(0o700)
    with Server("--drain-seconds", "0") as server:
        for name, ttl in (("first", -1), ("later", 3600)):
            Path(tmp_path, name).write_text(token("watcher", observe=True, ttl=ttl))
        found = surroundings(server)
        with InPipe("--token-command", str(script), variables=found) as watcher:
            watcher.until("reset")
            eventually(lambda: count.stat().st_size == 2)  # the refresh that the server asks for
            server.stop()
            watcher.until("status", status="reconnecting")
            server.start()
            watcher.until("status", status="online")
            assert count.stat().st_size >= 3
            assert watcher.end(signal.SIGTERM) == (0, "")


def test_a_token_command_that_fails_says_why_and_is_tried_again() -> None:
    command = shlex.join([sys.executable, "-c", "raise SystemExit('not signed in')"])
    with Server() as server:
        found = surroundings(server)
        with InPipe("--token-command", command, variables=found) as watcher:
            watcher.line()
            for _ in range(2):
                line = watcher.line()
                assert line["status"] == "connecting"
                assert line["reason"] == (
                    "no token: the token command failed with 1: not signed in"
                )


@pytest.mark.parametrize(
    ("flags", "variables", "complaint"),
    [
        ([ROOM], {}, "no token: set PRESENCE_TOKEN"),
        ([ROOM, "--token", "a", "--token-command", "b"], {}, "not allowed with"),
        ([ROOM, "--token-command", "'"], {}, "no command line"),
        ([ROOM, "--token", "t", "--url", "http://x"], {}, "url must look like"),
        ([ROOM, "--token", "t", "--url", "ws://x/parties/presence/r"], {}, "names the room"),
        ([ROOM], {"PRESENCE_TOKEN": "t", "PRESENCE_URL": "ws://x:99999"}, "Port out of range"),
        ([ROOM, "--tok", "t"], {}, "unrecognized arguments"),
        ([], {}, "required: ROOM"),
    ],
)
def test_a_wrong_call_is_one_line_and_exit_code_2(
    flags: list[str], variables: dict[str, str], complaint: str
) -> None:
    result = run(*flags, variables=surroundings() | variables)
    assert result.returncode == 2
    assert complaint in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout == ""


def test_a_flag_goes_before_the_environment() -> None:
    with Server() as server:
        bad = surroundings(PRESENCE_URL="ws://127.0.0.1:1", PRESENCE_TOKEN="bad")
        flags = ("--url", f"ws://127.0.0.1:{server.port}", "--token", token("ann"))
        with InPipe(*flags, variables=bad) as watcher:
            assert watcher.until("reset")["members"][0]["userId"] == "ann"


def test_the_pipe_needs_no_rich() -> None:
    program = "import sys; sys.modules['rich'] = None\nfrom presence_client.cli import main; main()"
    command = (sys.executable, "-c", program, "watch")
    with Server() as server, InPipe(variables=surroundings(server), command=command) as watcher:
        watcher.until("reset")
