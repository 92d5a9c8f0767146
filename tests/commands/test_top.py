"""`presence-server top`: on a screen, in a pipe, and while the server is away."""

import io
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from presence_server.commands.overview import Overview
from presence_server.commands.screen import paint
from tests.clients.python_watch import ALTERNATE, BACK, CTRL_C, HIDE, SHOW, OnTerminal
from tests.commands.program import KEYS, call, complaint, on_terminal, run, surroundings
from tests.support.peer import HOST, pump
from tests.support.server import PROGRAM, Server, address, environment, free_port, token

NOW = Overview(
    version="0.1.0",
    started_at=0.0,
    not_ready=None,
    window=30.0,
    connections=99_000,
    max_connections=100_000,
    users=98_000,
    rooms=12_345,
    accepted=123.4,
    refused={"room_users": 12.0, "token_expired": 3.5, "address_connections": 0.5},
    refused_lately={"room_users": 312, "token_expired": 35},
    refused_total={"room_users": 2_000, "token_expired": 35},
    closed={"1001": 20.0, "4408": 0.5},
    received=123_456.0,
    sent=12_345_678.0,
    received_bytes=2.0**26,
    sent_bytes=2.0**33,
    lag_p50=0.0002,
    lag_p99=0.25,
    ping_p50=0.02,
    ping_p99=None,
    fanout_p99=0.0031,
    behind=7,
    cut_slow=0.5,
    cpu=0.97,
    memory=3 * 2**30,
    descriptors=99_100,
    max_descriptors=1_048_576,
    biggest=[{"room": "x" * 128, "members": 9_999, "connections": 20_000}] * 100,
    rooms_refused=None,
)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server("--ping-interval", "600", "--pong-timeout", "600") as server:
        for user in ("ann", "bob", "cy"):
            server.enter(user)
        server.enter("ann", room="presence-other")
        yield server


# What is painted


def painted(now: Overview, columns: int, lines: int, away: Text | None = None) -> list[str]:
    """The lines of a screen, without colours and the blanks at their ends."""
    out = io.StringIO()
    console = Console(file=out, width=columns, height=lines, highlight=False, markup=False)
    console.print(paint(now, "http://127.0.0.1:8788", away, lines))
    return [line.rstrip() for line in out.getvalue().splitlines()]


@pytest.mark.parametrize(("columns", "lines"), [(80, 24), (140, 40), (300, 80)])
def test_a_busy_server_fits_the_screen(columns: int, lines: int) -> None:
    shown = painted(NOW, columns, lines)
    assert len(shown) <= lines
    assert max(map(cell_len, shown)) <= columns
    text = "\n".join(shown)
    for part in (
        *("99,000 of 100,000", "12,345", "98,000", "123/s", "p50 0.20 ms, p99 250 ms", "p99 –"),
        *("16.0/s; 347 in 30 s: room_users 312, token_expired 35; 2,035 since", "97%"),
        *("20.5/s: 1001 20.0, 4408 0.5", "3.0 GiB", "p99 3.1 ms", "q quits"),
    ):
        assert part in text, part
    assert "9,999       20,000" in text


def test_a_small_screen_shows_at_least_the_biggest_room() -> None:
    shown = painted(NOW, 80, 10)
    assert sum("9,999" in line for line in shown) == 1


def test_why_there_are_no_rooms_stands_in_their_place() -> None:
    shown = painted(replace(NOW, biggest=[], rooms_refused="it needs the admin key"), 80, 24)
    assert "rooms: it needs the admin key" in shown


def test_names_of_rooms_and_reasons_are_text() -> None:
    bad = "\x1b[2J\u202e[red]"
    room = {"room": bad, "members": 1, "connections": 1}
    shown = painted(
        replace(NOW, biggest=[room], refused_lately={bad: 1, "b": 1}, version=bad), 140, 40
    )
    assert all(line.isprintable() for line in shown)
    assert "[red]" in "\n".join(shown)


def test_what_was_refused_is_counted_since_the_start_if_nothing_was_lately() -> None:
    then = replace(NOW, refused={}, refused_lately={}, refused_total={"token_invalid": 9, "tls": 1})
    assert "refused      0/s; 10 since the start: token_invalid 9, tls 1" in painted(then, 80, 24)
    never = replace(then, refused_total={})
    assert "refused      0/s" in painted(never, 80, 24)


def test_that_it_is_not_ready_stands_below_the_title() -> None:
    assert painted(NOW, 80, 24)[1] == ""
    assert painted(replace(NOW, not_ready="draining"), 80, 24)[1] == "not ready: draining"
    away = painted(replace(NOW, not_ready="draining"), 80, 24, Text("away"))
    assert (away[1], len(away)) == ("away", len(painted(NOW, 80, 24)))


# On a terminal


@contextmanager
def top(server: Server, *flags: str, **size: Any) -> Iterator[OnTerminal]:
    """Watch a server."""
    here = surroundings(server)
    with on_terminal("top", "--interval", "0.1", *flags, variables=here, **size) as terminal:
        yield terminal


@pytest.mark.parametrize(("keys", "columns"), [(b"q", 80), (CTRL_C, 140)])
def test_it_shows_what_is_until_a_key_gives_the_terminal_back(
    server: Server, keys: bytes, columns: int
) -> None:
    with top(server, columns=columns) as terminal:
        seen = terminal.wait_for("q quits") + terminal.wait_for("presence-other")
        assert ALTERNATE in seen
        assert HIDE in seen
        assert "4 of " in seen
        terminal.type(keys)
        assert terminal.wait_for_end() == 0
        assert BACK in terminal.seen
        assert SHOW in terminal.seen
        assert terminal.is_as_before()


@pytest.mark.parametrize("end", [signal.SIGHUP, signal.SIGQUIT])
def test_what_would_kill_it_gives_the_terminal_back_first(
    server: Server, end: signal.Signals
) -> None:
    with top(server) as terminal:
        terminal.wait_for("q quits")
        terminal.process.send_signal(end)
        assert terminal.wait_for_end() == 0
        assert BACK in terminal.seen
        assert SHOW in terminal.seen
        assert terminal.is_as_before()


def test_it_says_that_the_server_is_away_and_goes_on_when_it_is_back() -> None:
    quick = ("--drain-seconds", "0", "--close-timeout", "0.1")
    with Server(*quick) as server, top(server, columns=140) as terminal:
        server.enter("ann")
        terminal.wait_for("presence-acme")
        server.stop()
        terminal.wait_for("connection refused")
        server.start()
        server.enter("bob", room="presence-later")
        terminal.wait_for("presence-later")
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.wait_for_end() == 0
        assert BACK in terminal.seen
        assert "Traceback" not in terminal.seen


def test_a_server_that_is_not_there_yet_is_waited_for_and_q_still_quits() -> None:
    variables = KEYS | {"PRESENCE_ADMIN_PORT": str(free_port())}
    with on_terminal("top", variables=variables) as terminal:
        terminal.wait_for("connection refused")
        terminal.type(b"q")
        assert terminal.wait_for_end() == 0


SELDOM = """
import sys
from presence_server.cli import main
from presence_server.commands import screen
screen.LONGEST_S = 3600
main(sys.argv[2:])
"""
"""The program, but it does not paint each second what has not changed."""


def test_a_window_that_shrinks_is_painted_anew(server: Server) -> None:
    here, seldom = surroundings(server), (sys.executable, "-c", SELDOM)
    with on_terminal(
        "top", "--interval", "3600", variables=here, under=seldom, lines=30
    ) as terminal:
        terminal.wait_for("asking ")
        terminal.resize(40, 30)
        terminal.wait_for("asking ")


def test_a_terminal_that_cannot_move_its_cursor_gets_one_overview(server: Server) -> None:
    variables = surroundings(server, TERM="dumb")
    with on_terminal("top", "--interval", "0.1", variables=variables) as terminal:
        assert terminal.wait_for_end() == 0
        assert "\x1b" not in terminal.seen
        assert "connections  4 of " in terminal.seen


# In a pipe


def test_in_a_pipe_it_is_one_overview_in_plain_text(server: Server) -> None:
    ran = run("top", "--interval", "0.1", variables=surroundings(server))
    assert (ran.code, ran.stderr) == (0, "")
    lines = ran.stdout.splitlines()
    assert lines[0].startswith(f"presence-server 0.1.0 · http://{HOST}:{server.admin_port} · up ")
    values = {line[:12].strip(): line[13:] for line in lines[2:]}
    assert values["users"] == "4"
    assert values["rooms"] == "2"
    assert values["refused"] == "0/s"
    assert ["presence-acme", "3", "3"] in [line.split() for line in lines]


def test_json_has_a_line_for_each_interval_until_nobody_reads(server: Server) -> None:
    command = f"{PROGRAM} top --json --interval 0.1 | head -2; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["/bin/bash", "-c", command],
        env=environment(surroundings(server)),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    first, second, code = done.stdout.splitlines()
    assert (code, done.stderr) == ("0", "")
    said = json.loads(first)
    assert said["time"] < json.loads(second)["time"]
    assert (said["connections"], said["rooms"], said["users"]) == (4, 2, 4)
    assert said["biggest"][0] == {"room": "presence-acme", "members": 3, "connections": 3}
    assert said["memory"] > 2**20
    assert said["sentBytes"] >= 0
    assert said["roomsRefused"] is None
    assert said["notReady"] is None


def test_refusals_are_counted_by_reason_though_none_comes_just_now() -> None:
    with Server() as server:
        here = surroundings(server)
        elsewhere = token("ann", room="presence-other")
        peers = [server.dial(address(token=one)) for one in ("x", "x", "x", elsewhere)]
        pump(peers, lambda: all(peer.closed for peer in peers))
        lines = run("top", "--once", "--interval", "0.1", variables=here).stdout.splitlines()
        said = call("top", "--once", "--json", "--interval", "0.1", variables=here).json()
    assert "refused      0/s; 4 since the start: token_invalid 3, forbidden 1" in lines
    assert said["refusedTotal"] == {"token_invalid": 3, "forbidden": 1}
    assert (said["refused"], said["refusedLately"]) == ({}, {})


def test_a_server_without_keys_is_said_to_be_not_ready() -> None:
    nowhere = {"PRESENCE_JWKS_URL": f"http://{HOST}:{free_port()}/keys.json"}
    with Server(variables=nowhere) as server:
        here = surroundings(server)
        shown = run("top", "--once", "--interval", "0.1", variables=here).stdout.splitlines()
        said = call("top", "--once", "--json", "--interval", "0.1", variables=here).json()
    assert shown[1] == "not ready: no keys yet"
    assert said["notReady"] == "no keys yet"


def test_without_the_admin_key_there_is_all_but_the_rooms(server: Server) -> None:
    here = surroundings(server)
    del here["PRESENCE_ADMIN_KEY"]
    ran = call("top", "--once", "--json", "--interval", "0.1", variables=here)
    said = json.loads(ran.stdout)
    assert (ran.code, said["connections"], said["biggest"]) == (0, 4, [])
    assert "PRESENCE_ADMIN_KEY" in said["roomsRefused"]


def test_once_without_a_server_fails_in_one_line(server: Server) -> None:
    nobody = KEYS | {"PRESENCE_ADMIN_PORT": str(free_port())}
    for flags in ((), ("--once",), ("--once", "--json")):
        assert "connection refused" in complaint("top", *flags, code=1, variables=nobody)
    public = ("--url", f"http://{HOST}:{server.port}")
    assert "is no admin listener" in complaint("top", *public, code=1)


@pytest.mark.parametrize("interval", ["0", "-1", "x", "nan", "1e9"])
def test_an_interval_that_is_none_is_refused(interval: str) -> None:
    assert "--interval" in complaint("top", "--interval", interval, code=2)
