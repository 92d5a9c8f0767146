"""`presence-server bench` against the real server, good and bad."""

import re
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.clients.python_watch import HIDE, SHOW
from tests.commands.lossy import Lossy
from tests.commands.paper import left
from tests.commands.program import KEYS, Ran, call, on_terminal, run
from tests.support.certificates import Authority
from tests.support.peer import HOST, pump
from tests.support.server import (
    PROGRAM,
    SECRET,
    STOP_S,
    Server,
    environment,
    eventually,
    free_port,
    token,
)

QUICK = ("--seconds", "1", "--ramp", "0")


def bench(port: int, *flags: str, url: str = "", variables: Mapping[str, str] = KEYS) -> Ran:
    """A short one, here."""
    return call("bench", url or f"ws://{HOST}:{port}", *QUICK, *flags, variables=variables)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


def refusal(ran: Ran, code: int = 1) -> str:
    """The one line of a bench that had nothing to report."""
    assert (ran.code, ran.stdout, ran.stderr.count("\n")) == (code, "", 1), ran
    assert "eyJ" not in ran.stderr
    return ran.stderr


def updates(server: Server) -> float:
    """How many the server got: the crowd speaks only when all are in."""
    return server.metric("presence_messages_received_total", type="presence_update")


# A good server


def test_the_figures_add_up(server: Server) -> None:
    closed = server.metric("presence_closes_total", code="1000")
    ran = bench(server.port, "-n", "40", "--rooms", "4", "--rate", "5", "--cursors", "3", "--json")
    report = ran.json()
    sent, deliveries = report["updatesSent"], report["deliveries"]
    assert ran.code == 0
    assert report["ok"] is True
    assert sent == 200
    assert deliveries["expected"] == deliveries["received"] == sent * 10
    assert (deliveries["lost"], deliveries["gaps"]) == (0, 0)
    assert report["connections"]["connected"] == 40
    assert report["connections"]["ended"] == []
    assert (
        0 < report["latency"]["p50Ms"] <= report["latency"]["p99Ms"] <= report["latency"]["maxMs"]
    )
    assert report["connect"]["p50Ms"] > 0
    assert report["cursorsSent"] > 100
    assert report["traffic"]["cursors"] > 0
    assert report["isLocal"] is True
    assert server.metric("presence_closes_total", code="1000") == closed + 40
    eventually(lambda: server.metric("presence_connections") == 0)
    assert server.metric("presence_rooms") == 0


def test_no_real_room_hears_of_it(server: Server) -> None:
    ann = server.enter("ann")
    assert bench(server.port, "-n", "5", "--rate", "2").code == 0
    ann.send({"type": "ping"})
    pump([ann], lambda: "pong" in ann.types())
    ann.drop()
    assert ann.types() == ["welcome", "presence_snapshot", "pong"]


def test_the_report_for_people_says_all_in_lines(server: Server) -> None:
    admin = f"http://{HOST}:{server.admin_port}"
    ran = bench(server.port, "-n", "6", "--rate", "10", "--admin-url", admin)
    assert (ran.code, ran.stderr) == (0, "")
    assert "\x1b" not in ran.stdout
    labels = [line[:12].strip() for line in ran.stdout.splitlines()]
    assert labels[:8] == [
        *("connections", "to connect", "updates", "deliveries", "latency", "received"),
        *("server", "generator"),
    ]
    assert "6 of 6 connected, 0 lost" in ran.stdout
    assert re.search(r"^server +\d+% of a core .*lag p99.*MiB → .*MiB", ran.stdout, re.MULTILINE)
    assert "The server is on this machine" in ran.stdout
    assert ran.stdout.endswith("All who dialled got in, and nothing was lost.\n")


def test_tokens_can_come_from_a_command(server: Server, tmp_path: Path) -> None:
    for user in ("bench-1", "bench-2"):
        (tmp_path / user).write_text(token(user, room="bench-*") + "\n")
    give = f"cat {tmp_path}/{{user}}"
    ran = bench(server.port, "-n", "2", "--rate", "5", "--json", "--token-command", give)
    assert ran.json()["connections"]["connected"] == 2
    assert ran.code == 0
    for wrong, says in (
        ("sh -c 'echo no {room}, {user} >&2; exit 3'", r"failed with 3: no bench-\w+-1, bench-1"),
        ("true", "must print a token"),
        ("/nonexistent/command", "No such file"),
    ):
        assert re.search(says, refusal(bench(server.port, "--token-command", wrong)))


def test_over_tls_with_an_authority_of_ones_own(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    cert, key = authority.issue()
    command = ("--tls-cert", str(cert), "--tls-key", str(key))
    with Server(*command) as server:
        url = f"wss://localhost:{server.port}"
        ran = bench(0, "-n", "4", "--rate", "5", "--ca", str(authority.ca), "--json", url=url)
        assert ran.code == 0
        assert ran.json()["deliveries"]["received"] > 0
        assert "is not trusted" in refusal(bench(0, url=url))


def test_it_gives_signs_of_life_and_says_when_updates_are_held_back() -> None:
    with Server("--ping-interval", "0.3", "--rate", "1", "--burst", "1") as server:
        idle = bench(server.port, "-n", "5", "--rate", "0", "--seconds", "2", "--json")
        assert idle.code == 0
        assert idle.json()["traffic"]["pings"] >= 5
        assert idle.json()["updatesSent"] == 0
        fast = bench(server.port, "-n", "5", "--rate", "20")
    assert fast.code == 1
    assert "see PRESENCE_RATE" in fast.stdout


# A server that refuses


def test_who_is_refused_is_counted_with_the_limit_to_raise() -> None:
    with Server("--room-size", "3") as server:
        ran = bench(server.port, "-n", "10", "--rooms", "2", "--rate", "5", "--json")
    report = ran.json()
    found = report["connections"]
    assert (ran.code, report["ok"]) == (1, False)
    assert (found["connected"], found["refused"], found["lost"]) == (6, 4, 0)
    (ended,) = found["ended"]
    assert (ended["code"], ended["reason"], ended["count"]) == (4429, "room is full", 4)
    assert "PRESENCE_ROOM_SIZE" in ended["hint"]
    assert report["deliveries"]["lost"] == 0
    assert report["deliveries"]["received"] == report["updatesSent"] * 3


def test_a_limit_by_address_is_named() -> None:
    with Server("--address-connections", "3") as server:
        ran = bench(server.port, "-n", "5", "--rate", "0", "--ramp", "1")
    assert ran.code == 1
    assert "3 of 5 connected" in ran.stdout
    assert "4429: too many connections from this address" in ran.stdout
    assert "PRESENCE_ADDRESS_CONNECTIONS" in ran.stdout
    assert ran.stdout.endswith("Not all went well: 2 of 5 did not get in.\n")


def test_a_wrong_key_is_said_in_one_line(server: Server) -> None:
    other = {"PRESENCE_JWT_SECRET": "another secret than that of the server, of 48 b."}
    line = refusal(bench(server.port, variables=other))
    assert "4401 token_invalid" in line
    assert "the server doesn't know this key" in line
    assert "PRESENCE_JWT_SECRET" in refusal(bench(server.port, variables={}), 2)


def test_where_nothing_can_be_loaded_one_line_says_why(server: Server) -> None:
    port, admin = server.port, server.admin_port
    assert "nobody listens" in refusal(bench(free_port()))
    assert "can't find" in refusal(bench(0, url="ws://nowhere.invalid"))
    assert "does not speak TLS" in refusal(bench(0, url=f"wss://{HOST}:{port}"))
    assert "HTTP 404" in refusal(bench(admin))
    metrics = f"http://{HOST}:{port}"
    assert "no admin listener" in refusal(bench(port, "--admin-url", metrics))
    nobody = f"http://{HOST}:{free_port()}"
    assert "can't be reached" in refusal(bench(port, "--admin-url", nobody))


def test_a_wrong_call_is_refused(server: Server) -> None:
    assert "--rooms 9" in refusal(bench(server.port, "-n", "8", "--rooms", "9"), 2)
    assert "wss://" in refusal(bench(0, url="presence.example.com"), 2)
    assert "--ca" in refusal(bench(server.port, "--ca", __file__), 2)
    few = ("/usr/bin/prlimit", "--nofile=300:300")
    ran = run("bench", f"ws://{HOST}:1", "-n", "400", under=few)
    assert "enough for 200 connections" in refusal(ran, 2)


# A bad server, or a bad network


@pytest.mark.parametrize(
    ("end", "code", "says"),
    [(signal.SIGKILL, 1006, "died"), (signal.SIGTERM, 1012, "stopped or restarted")],
)
def test_a_server_that_ends_in_the_middle_is_reported(
    end: signal.Signals, code: int, says: str
) -> None:
    with Server() as server:

        def send() -> None:
            eventually(lambda: updates(server))
            server.process.send_signal(end)

        meanwhile = threading.Thread(target=send)
        meanwhile.start()
        ran = bench(server.port, "-n", "10", "--rate", "5", "--seconds", "30", "--json")
        meanwhile.join()
        report = ran.json()
        found = report["connections"]
        assert (ran.code, report["ok"], report["interrupted"]) == (1, False, False)
        assert (found["connected"], found["lost"]) == (10, 10)
        assert {ended["code"] for ended in found["ended"]} == {code}
        assert says in found["ended"][0]["hint"]
        assert report["seconds"] < 15
        server.wait()


def test_a_network_that_loses_messages_shows(server: Server) -> None:
    with Lossy(server.port, lose_each=20) as proxy:
        ran = bench(proxy.port, "-n", "10", "--rate", "4", "--seconds", "2", "--json")
    report = ran.json()
    told = report["deliveries"]
    assert (ran.code, report["ok"]) == (1, False)
    assert proxy.lost > 3
    assert 0 < told["gaps"] <= proxy.lost
    assert told["resyncs"] >= told["gaps"]
    assert told["lost"] >= told["gaps"]
    assert told["lost"] == told["expected"] - told["received"]
    assert report["connections"]["lost"] == 0


def test_a_slow_network_shows_in_the_latency(server: Server) -> None:
    with Lossy(server.port, late_s=0.3) as proxy:
        ran = bench(proxy.port, "-n", "5", "--rate", "4", "--json")
    report = ran.json()
    assert ran.code == 0
    assert report["deliveries"]["lost"] == 0
    assert report["latency"]["p50Ms"] >= 300
    assert report["connect"]["p50Ms"] >= 300


# The program


@pytest.mark.parametrize("columns", [80, 140])
def test_on_a_terminal_a_bar_says_how_far_it_is_and_leaves_nothing(
    server: Server, columns: int
) -> None:
    url = f"ws://{HOST}:{server.port}"
    with on_terminal("bench", url, "-n", "5", *QUICK, columns=columns) as terminal:
        assert terminal.wait_for_end() == 0
        written = terminal.seen
    assert written.rindex(HIDE) < written.rindex(SHOW)
    for phase in (r"connecting [━╸╺]{24} \d of 5", r"loading    [━╸╺]{24} [01] of 1 s, 5 in"):
        assert re.search(phase, written), phase
    first, *others, verdict, end = left(written, columns)
    assert first.split()[:6] == ["connections", "5", "of", "5", "connected,", "0"]
    assert (verdict, end) == ("All who dialled got in, and nothing was lost.", "")
    assert not any("━" in line for line in others)


def test_ctrl_c_ends_it_with_the_report_so_far_and_leaves_nobody(server: Server) -> None:
    before = updates(server)
    process = subprocess.Popen(
        [PROGRAM, "bench", f"ws://{HOST}:{server.port}", "-n", "10", "--seconds", "60"],
        env=environment({"PRESENCE_JWT_SECRET": SECRET}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        eventually(lambda: updates(server) > before)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=STOP_S)
    finally:
        process.kill()
    assert (process.returncode, err) == (130, "")
    assert "10 of 10 connected, 0 lost" in out
    assert "It was ended early" in out
    eventually(lambda: server.metric("presence_connections") == 0)
