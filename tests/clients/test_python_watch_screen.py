"""`presence-client watch` on a terminal: what is painted, and how it leaves."""

import signal
import sys
from typing import Any

import pytest
from presence_client import Reset
from presence_client.watch.room import Room
from rich.cells import cell_len

from tests.clients.python_watch import (
    ALTERNATE,
    BACK,
    COMMAND,
    CTRL_C,
    HIDE,
    SHOW,
    OnTerminal,
    on_screen,
    surroundings,
    watch,
)
from tests.support.server import ROOM, Server, token

HOSTILE = "\x1b[2J[red]Mallory[/red]\u202e\x07\r\n:smile:"


def painted(*entries: dict[str, Any], columns: int, lines: int) -> list[str]:
    """The lines of a screen that shows these members, 42 s after they came."""
    room = Room()
    room.take(Reset({entry["userId"]: entry for entry in entries}), 0.0)
    return on_screen(room, columns=columns, lines=lines, now=100.0)


def entry(user_id: str, **fields: Any) -> dict[str, Any]:
    whole = {"userId": user_id, "userName": user_id.title(), "currentPath": "/", "status": "online"}
    return whole | {"joinedAt": 58_000} | fields


def test_a_room_is_a_header_and_a_row_for_each_member() -> None:
    ann = entry("ann", currentPath="/plan", activity="typing", following="bob")
    assert painted(ann, entry("bob", status="away"), columns=80, lines=24) == [
        "presence-acme · 2 people · ● online",
        "",
        "user            status    page                activity    following   here for",
        "Ann ann         ● online  /plan               typing      Bob             42 s",
        "Bob bob         ○ away    /                                               42 s",
    ]


def test_columns_that_say_nothing_give_their_room_to_the_others() -> None:
    lines = painted(entry("ann"), columns=80, lines=24)
    assert lines[2].split() == ["user", "status", "page", "here", "for"]


def test_a_narrow_screen_has_what_matters() -> None:
    lines = painted(entry("ann", activity="typing", following="b"), columns=50, lines=24)
    assert lines[2].split() == ["user", "status", "page", "here", "for"]


@pytest.mark.parametrize(("columns", "lines"), [(80, 24), (140, 40), (40, 10), (20, 6), (300, 80)])
def test_it_fits_the_screen_whatever_they_are_called(columns: int, lines: int) -> None:
    texts = (HOSTILE * 20, "李小龍" * 40, "💩" * 90, "e\u0301" * 100, "", "x" * 250)
    crowd = [
        entry(
            f"user-{number}",
            userName=texts[number % 6],
            currentPath=texts[(number + 1) % 6],
            activity=texts[(number + 2) % 6],
            following=f"user-{number + 1}",
        )
        for number in range(100)
    ]
    shown = painted(*crowd, columns=columns, lines=lines)
    assert len(shown) <= lines
    assert max(map(cell_len, shown)) <= columns
    assert shown[-1].startswith("… and ")
    assert all(line.isprintable() for line in shown)


def test_markup_in_a_name_is_text() -> None:
    lines = painted(entry("x", userName="[red]M[/red] :smile:"), columns=140, lines=24)
    assert lines[3].startswith("[red]M[/red] :smile: x ")


# The program


def test_ctrl_c_gives_the_terminal_back() -> None:
    with Server() as server, watch(server) as terminal:
        server.enter("ann", name="Ann")
        assert ALTERNATE in terminal.wait_for("Ann ann")
        terminal.type(CTRL_C)
        assert terminal.wait_for_end() == 0
        _, left, after = terminal.seen.partition(BACK)
        assert left
        assert SHOW in terminal.seen
        assert "Ann" not in after
        assert terminal.is_as_before()


def test_sigterm_gives_the_terminal_back() -> None:
    with Server() as server, watch(server) as terminal:
        assert HIDE in terminal.wait_for("nobody here · ● online")
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.wait_for_end() == 0
        assert SHOW in terminal.seen
        assert BACK in terminal.seen
        assert "Traceback" not in terminal.seen


def test_it_shows_who_comes_goes_and_a_restart() -> None:
    with Server("--drain-seconds", "0") as server, watch(server) as terminal:
        terminal.wait_for("nobody here · ● online")
        ann = server.enter("ann", name="[red]Ann\u202e")
        terminal.wait_for("1 person")
        assert "\u202e" not in terminal.wait_for("[red]Ann� joined")
        ann.drop()
        terminal.wait_for("left (timeout)")
        server.stop()
        terminal.wait_for("○ reconnecting")
        server.start()
        terminal.wait_for("● online")


def test_a_window_that_shrinks_is_painted_anew() -> None:
    with Server() as server, watch(server, lines=24) as terminal:
        for number in range(8):
            server.enter(f"u{number}")
        terminal.wait_for("8 people")
        terminal.resize(80, 10)
        terminal.wait_for("… and ")


def test_a_refusal_is_read_on_the_terminal_that_was_given_back() -> None:
    with Server() as server:
        variables = surroundings(server) | {"PRESENCE_TOKEN": token("ann", room="presence-x")}
        with OnTerminal(*COMMAND, ROOM, variables=variables) as terminal:
            assert terminal.wait_for_end() == 1
            _, _, after = terminal.seen.rpartition(BACK)
            assert "presence-client: refused: 4403 " in after


def test_json_may_be_had_on_a_terminal() -> None:
    with Server() as server:
        words = (*COMMAND, ROOM, "--json")
        with OnTerminal(*words, variables=surroundings(server)) as terminal:
            terminal.wait_for('{"type":"status","status":"online"}\r\n')
            terminal.type(CTRL_C)
            assert terminal.wait_for_end() == 0


def test_a_terminal_that_cannot_move_its_cursor_gets_lines() -> None:
    with Server() as server:
        variables = surroundings(server, TERM="dumb")
        with OnTerminal(*COMMAND, ROOM, variables=variables) as terminal:
            assert "\x1b" not in terminal.wait_for('"type":"reset"')


def test_without_rich_a_terminal_says_how_to_get_it() -> None:
    program = "import sys; sys.modules['rich'] = None\nfrom presence_client.cli import main; main()"
    words = (sys.executable, "-c", program, "watch", ROOM, "--token", "t")
    with OnTerminal(*words, variables=surroundings()) as terminal:
        assert terminal.wait_for_end() == 2
        assert "pip install 'presence-client[watch]'" in terminal.seen
        assert len(terminal.seen.splitlines()) == 1


def test_a_terminal_of_another_encoding_gets_question_marks() -> None:
    with Server() as server:
        variables = surroundings(server, PYTHONIOENCODING="latin-1")
        with OnTerminal(*COMMAND, ROOM, variables=variables) as terminal:
            terminal.wait_for("? online")
            terminal.type(CTRL_C)
            assert terminal.wait_for_end() == 0
