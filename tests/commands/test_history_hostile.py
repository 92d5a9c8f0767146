"""Somebody else answers in place of history: one line says so, and the terminal stays whole."""

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from presence_server.commands import operator
from tests.commands.history_fake import ROOM, VIEWERS, History, history
from tests.commands.program import Ran, call, complaint
from tests.commands.test_history import QUESTIONS, Terminal
from tests.commands.test_hostile_admin import dripping, pouring, stranger, whole

VIEWER = VIEWERS[0]
PAGE = {"asOf": 1, "lagMs": 0, "next": None}
NO_ANSWERS = ("null", "[]", "{}", '{"rows":null}', "[" * 100_000, "\xff")
EXPORT = ("history", "export", ROOM, "views")
STRANGE: list[tuple[str, Any]] = [
    *(("views", bad) for bad in ("1", None, -1, 1.5, 10**40, [1])),
    *(("lastAt", bad) for bad in (10**15, 1e300, "now")),
    ("userId", 1),
    ("isLooking", "yes"),
]


@pytest.fixture(scope="module")
def listener() -> Iterator[History]:
    with history() as served:
        yield served


@pytest.fixture
def served(listener: History) -> Iterator[History]:
    usual = dict(listener.questions)
    yield listener
    listener.questions = usual


def viewers(served: History, *more: str, onto: type = Terminal) -> Ran:
    return call("history", "viewers", ROOM, "d", "1", *more, "--url", served.url, onto=onto)


def answering(says: object) -> Callable[[object], str]:
    """Says this, whatever is asked."""
    text = says if isinstance(says, str) else json.dumps(says)
    return lambda _: text


@pytest.mark.parametrize("name", QUESTIONS)
def test_answers_of_another_shape_are_none(served: History, name: str) -> None:
    served.questions = dict.fromkeys(served.questions, answering({"asOf": 1, "lagMs": 0}))
    line = complaint("history", name, *QUESTIONS[name], "--url", served.url, code=1)
    assert "is no admin listener of a presence server (/v1/history/" in line


@pytest.mark.parametrize("body", NO_ANSWERS, ids=lambda body: body[:30])
def test_so_is_what_is_no_json(served: History, body: str) -> None:
    served.questions["GET viewers"] = answering(body)
    assert "answers what this version can't read" in viewers(served).stderr


@pytest.mark.parametrize(("field", "bad"), STRANGE)
def test_so_are_rows(served: History, field: str, bad: object) -> None:
    served.questions["GET viewers"] = answering({**PAGE, "rows": [VIEWER | {field: bad}]})
    ran = viewers(served)
    assert (ran.code, ran.stdout) == (1, "")
    assert "answers what this version can't read" in ran.stderr


def test_what_is_not_known_yet_is_passed_over(served: History) -> None:
    row = VIEWER | {"mood": "good"}
    served.questions["GET viewers"] = answering({**PAGE, "rows": [row], "more": 1})
    assert viewers(served, "--json").json()["rows"] == [row]
    assert viewers(served).code == 0


def test_no_id_does_anything_to_a_terminal(served: History) -> None:
    row = VIEWER | {"userId": "\x1b[2Jann\u202e\r\n" + "x" * 5_000}
    served.questions["GET viewers"] = answering({**PAGE, "rows": [row]})
    for form in ((), ("--json",), ("--csv",)):
        ran = viewers(served, *form)
        without_colours = ran.stdout.replace("\x1b[2m", "").replace("\x1b[0m", "")
        assert without_colours.replace("\n", "").isprintable()
    assert viewers(served, "--json").json()["rows"][0]["userId"] == row["userId"]


def test_pages_that_lead_nowhere_are_given_up(served: History) -> None:
    rows: list[Any] = []
    served.questions["GET viewers"] = answering({**PAGE, "rows": rows, "next": "again"})
    assert "has pages without rows" in viewers(served).stderr
    rows.append(VIEWER)
    served.questions["GET viewers"] = answering({**PAGE, "rows": rows, "next": "again"})
    assert len(viewers(served, "--json", "--limit", "5").json()["rows"]) == 5


def test_more_rows_than_were_asked_for_are_not_shown(served: History) -> None:
    served.questions["GET viewers"] = answering({**PAGE, "rows": [VIEWER] * 100})
    assert len(viewers(served, "--json", "--limit", "5").json()["rows"]) == 5


# Without an end


@pytest.mark.parametrize("words", [("history", "top", ROOM), (*EXPORT, "-o", "file")])
def test_an_answer_without_an_end_is_given_up(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(operator, "WHOLE_S", 0.3)
    monkeypatch.setattr(operator, "LARGEST", 1 << 20)
    with stranger(dripping) as url:
        line = complaint(*words, "--url", url, code=1)
        assert "does not answer in full within 0.3 s" in line
    with stranger(pouring) as url:
        assert "more than 1 MiB" in complaint(*words, "--url", url, code=1)
    assert [*tmp_path.iterdir()] == []


def test_an_answer_that_breaks_off_is_none() -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "100")
        request.end_headers()
        request.wfile.write(b"  ")

    with stranger(answer) as url:
        assert "the answer broke off" in complaint("history", "check", "--url", url, code=1)


# Exports


def test_what_is_no_export_is_not_written_to_a_file(tmp_path: Path) -> None:
    file = tmp_path / "views.csv"
    with stranger(whole("<html>welcome</html>")) as url:
        line = complaint(*EXPORT, "-o", str(file), "--url", url, code=1)
    assert "is no admin listener of a presence server (/v1/history/export" in line
    assert not file.exists()


def test_an_export_whose_end_can_t_be_told_is_none(tmp_path: Path) -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "text/csv")
        request.end_headers()
        request.wfile.write(b"userId\r\n")

    with stranger(answer) as url:
        line = complaint(*EXPORT, "-o", str(tmp_path / "views.csv"), "--url", url, code=1)
    assert "does not say where its answer ends" in line
    assert [*tmp_path.iterdir()] == []
