"""`presence-server history export`: whole files or none."""

import errno
import io
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from presence_server.commands.past import tally
from presence_server.commands.past.tally import Tally
from tests.commands.history_fake import (
    CSV,
    NDJSON,
    ROOM,
    History,
    Refusal,
    history,
    three_rows,
)
from tests.commands.program import KEYS, Ran, call, complaint
from tests.commands.test_history import Terminal
from tests.support.server import PROGRAM, STOP_S, environment, eventually

Write = Callable[[bytes], None]
WHOLE = b"".join(CSV)


@pytest.fixture(scope="module")
def listener() -> Iterator[History]:
    with history() as served:
        yield served


@pytest.fixture
def served(listener: History) -> Iterator[History]:
    """A history that exports as usual again afterwards."""
    listener.asked.clear()
    yield listener
    listener.export = three_rows


def words(served: History, *more: str) -> tuple[str, ...]:
    return ("history", "export", ROOM, *more, "--url", served.url)


def export(served: History, *more: str) -> Ran:
    return call(*words(served, *more))


def breaking_off(write: Write, _: object) -> None:
    write(WHOLE)
    raise ConnectionResetError


def without_end(write: Write, _: object) -> None:
    while True:
        write(WHOLE * 100)


# To a file


def test_a_file_is_there_when_it_is_whole(served: History, tmp_path: Path) -> None:
    file = tmp_path / "views.csv"
    ran = export(served, "views", "-o", str(file))
    assert ran == (0, f"{file}: 3 rows, {len(WHOLE)} B\n", "")
    assert file.read_bytes() == WHOLE
    assert [*tmp_path.iterdir()] == [file]


def test_it_takes_the_place_of_the_last_one_with_its_permissions(
    served: History, tmp_path: Path
) -> None:
    real, file = tmp_path / "real.csv", tmp_path / "link.csv"
    real.write_text("old")
    real.chmod(0o600)
    file.symlink_to(real)
    assert export(served, "views", "-o", str(file)).code == 0
    assert real.read_bytes() == WHOLE
    assert stat.S_IMODE(real.stat().st_mode) == 0o600
    assert file.is_symlink()


def test_an_export_that_breaks_off_leaves_what_was_there(served: History, tmp_path: Path) -> None:
    served.export = breaking_off
    file = tmp_path / "views.csv"
    for _ in range(2):
        line = complaint(*words(served, "views", "-o", str(file)), code=1)
        assert f"{served.url}: the answer broke off" in line
    assert [*tmp_path.iterdir()] == []
    file.write_text("old")
    export(served, "views", "-o", str(file))
    assert [file.read_text() for file in tmp_path.iterdir()] == ["old"]


def test_one_that_is_interrupted_leaves_nothing(served: History, tmp_path: Path) -> None:
    served.export = without_end
    process = subprocess.Popen(
        [PROGRAM, *words(served, "views", "-o", "views.csv")],
        cwd=tmp_path,
        env=environment(KEYS),
        stderr=subprocess.PIPE,
    )
    try:
        eventually(lambda: [file for file in tmp_path.iterdir() if file.stat().st_size])
        process.send_signal(signal.SIGINT)
        _, complained = process.communicate(timeout=STOP_S)
    finally:
        process.kill()
    assert process.returncode == 130
    assert b"Traceback" not in complained
    assert [*tmp_path.iterdir()] == []


def test_a_pipe_with_a_name_is_written_to_not_replaced(served: History, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = subprocess.Popen(["/bin/cat", pipe], stdout=subprocess.PIPE)
    try:
        assert export(served, "views", "-o", str(pipe)).code == 0
        assert reader.communicate(timeout=STOP_S)[0] == WHOLE
    finally:
        reader.kill()
    assert pipe.is_fifo()


def test_a_full_disk_is_one_line_and_leaves_nothing(
    served: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    line = complaint(*words(served, "views", "-o", str(tmp_path / "views.csv")), code=1)
    assert "No space left on device" in line
    assert [*tmp_path.iterdir()] == []


def test_where_no_file_can_be_is_one_line(served: History, tmp_path: Path) -> None:
    line = complaint(*words(served, "views", "-o", str(tmp_path / "no" / "file")), code=1)
    assert "No such file or directory" in line
    assert str(tmp_path) in complaint(*words(served, "views", "-o", str(tmp_path)), code=2)


# To stdout


def test_a_pipe_gets_the_bytes_as_they_are(served: History) -> None:
    ran = subprocess.run(
        [PROGRAM, *words(served, "views", "--format", "ndjson", "-o", "-")],
        env=environment(KEYS),
        capture_output=True,
        timeout=STOP_S,
        check=False,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"".join(NDJSON), b"")


def test_a_reader_that_has_enough_is_no_failure(served: History) -> None:
    served.export = without_end
    command = f"{PROGRAM} {' '.join(words(served, 'views'))} | head -c 6; echo ${{PIPESTATUS[0]}}"
    ran = subprocess.run(
        ["/bin/bash", "-c", command],
        env=environment(KEYS),
        capture_output=True,
        text=True,
        timeout=STOP_S,
        check=False,
    )
    assert (ran.stdout, ran.stderr) == ("userId0\n", "")


def test_a_terminal_gets_nothing_that_it_would_act_on(served: History) -> None:
    served.export = lambda write, _: write("user\r\n\x1b[2J李\u202e".encode())
    ran = call(*words(served, "views"), onto=Terminal)
    assert ran.stdout == "user\n\N{REPLACEMENT CHARACTER}[2J李\N{REPLACEMENT CHARACTER}\n"


# What is asked


@pytest.mark.parametrize(
    ("more", "asked"),
    [
        (("views", "--user", "g", "--guest"), {"user": "g", "guest": "true"}),
        (
            ("viewers", "--resource", "document", "d-1", "--version", ""),
            {"type": "document", "id": "d-1", "version": ""},
        ),
        (
            ("top", "--by", "uniques", "--type", "board", "--days", "7"),
            {"by": "uniques", "type": "board", "days": "7"},
        ),
        (("days", "--until", "2026-11-20"), {"until": "2026-11-20"}),
        (("participants", "--session", "7"), {"session": "7"}),
        (("sessions",), {}),
        (("activity",), {}),
    ],
)
def test_the_options_of_a_question_are_those_of_its_export(
    served: History, more: tuple[str, ...], asked: dict[str, str], tmp_path: Path
) -> None:
    assert export(served, *more, "-o", str(tmp_path / "file")).code == 0
    assert served.last() == (
        f"GET export/{more[0]}",
        {"room": ROOM, "format": "csv", **asked},
    )


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("secrets",), "'secrets'"),
        (("top", "--user", "ann"), "--user is no option for top"),
        (("sessions", "--guest"), "--guest is no option for sessions"),
        (("top", "--by", "trend", "--days", "7"), "--days is no option with --by trend"),
        (("viewers",), "viewers needs --resource"),
        (("participants",), "participants needs --session"),
        (("views", "--version", "v2"), "--version needs --resource"),
        (("views", "--guest"), "--guest needs --user"),
        (("views", "--format", "xlsx"), "--format"),
    ],
)
def test_what_does_not_go_together_is_refused(
    served: History, more: tuple[str, ...], says: str
) -> None:
    assert says in complaint(*words(served, *more), code=2)
    assert served.asked == []


def test_what_the_server_refuses_leaves_no_file(served: History, tmp_path: Path) -> None:
    def refuse(_: object) -> str:
        raise Refusal(404, "not_found", "history knows no such room")

    served.export = None
    served.questions["GET export/views"] = refuse
    line = complaint(*words(served, "views", "-o", str(tmp_path / "views.csv")), code=1)
    assert "history knows no such room" in line
    assert [*tmp_path.iterdir()] == []


# How far it is


def test_what_takes_long_shows_rows_and_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    with Tally(1, is_quiet=False) as count:
        count.add(WHOLE)
        assert "rows" not in screen.getvalue()
        monkeypatch.setattr(tally, "PATIENCE_S", 0.0)
        count.add(WHOLE * 1_000)
        assert f"4,003 rows, {len(WHOLE) * 1001 / 1024:.1f} KiB, " in screen.getvalue()


def test_where_the_server_says_how_many_there_are_it_shows_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = [0.0]
    monkeypatch.setattr(tally, "monotonic", lambda: clock[0])
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    said = []
    for expected in ("12000", "2000", "0", "-1", "many", "9" * 30, ""):
        screen = Terminal()
        monkeypatch.setattr(sys, "stderr", screen)
        clock[0] = 0.0
        with Tally(0, is_quiet=False) as count:
            count.expect(expected)
            clock[0] = 10.0
            count.add(b"line\n" * 3_000)
        said.append(screen.getvalue())
    assert "25 %, 3,000 rows, 30 s left" in said[0]
    assert all(" 3,000 rows, 14.6 KiB, 300/s" in one for one in said[1:])
    assert not any("%" in one or "left" in one for one in said[1:])


def test_the_amount_comes_from_the_servers_answer(
    served: History, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    expected: list[str] = []
    monkeypatch.setattr(Tally, "expect", lambda _, rows: expected.append(rows))
    assert export(served, "views", "-o", str(tmp_path / "views.csv")).code == 0
    assert expected == ["3"]


def test_where_the_export_itself_is_on_the_terminal_there_is_no_bar(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tally, "PATIENCE_S", 0.0)
    screen = io.StringIO()
    monkeypatch.setattr(sys, "stderr", screen)
    with Tally(1, is_quiet=True) as count:
        count.add(WHOLE)
    assert screen.getvalue() == ""
