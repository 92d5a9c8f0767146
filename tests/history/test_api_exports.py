"""Exports: every row once, nothing a spreadsheet would obey, and no more in memory than is on its
way, over real Unix sockets.
"""

import csv
import io
import itertools
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, Final

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError

from presence_server.admin.app import create_app
from presence_server.history.api import answers, formats
from presence_server.history.api.app import EXPORTS, OPEN_EXPORTS
from presence_server.history.front import Front, Result
from presence_server.history.read import days, export, ledger, resources, sessions, viewers
from tests.admin.test_access import ports
from tests.history.recorded import AT, FORMULA, KIND, REF, ROOM, Recorded, Served, ask
from tests.support.server import ADMIN_KEY, eventually

PLAN: Final = {"room": ROOM, "type": KIND, "id": REF}
QUESTIONS: Final[dict[str, dict[str, Any]]] = {
    "views": {"room": ROOM},
    "viewers": PLAN,
    "top": {"room": ROOM},
    "days": {"room": ROOM, "days": 3},
    "sessions": {"room": ROOM},
    "participants": {"room": ROOM, "session": 1},
    "activity": {"room": ROOM},
}
SHAPES: Final[dict[str, tuple[Any, Any]]] = {
    "views": (ledger.View, answers.View),
    "viewers": (viewers.Viewer, answers.Viewer),
    "top": (resources.Resource, answers.Resource),
    "days": (days.Day, answers.Day),
    "sessions": (sessions.Session, answers.Session),
    "participants": (sessions.Participant, answers.Participant),
    "activity": (sessions.Activity, answers.Activity),
}
VIEW: Final = ledger.View(None, False, AT, None, None, 1, 0, "document", "plan-7", None)
CHUNK: Final = [VIEW] * 1_000
FEW: Final = 100
"""Chunks that may be under way: in buffers of sockets, mostly."""


class Chain:
    """A recorder, the admin listener before it, and one who asks."""

    def __init__(self, folder: str, stack: ExitStack) -> None:
        self.results: list[Result] = []
        self.recorded = stack.enter_context(Recorded(f"sqlite:///{folder}/presence.db"))
        stack.enter_context(Served(self.recorded.app, f"{folder}/recorder"))
        self._folder = folder
        self._stack = stack
        self.client = self._listener("admin")
        self.hasty = self._listener("hasty", stall_s=0.3)
        """Of a listener that cuts off soon who takes nothing."""

    def _listener(self, name: str, **more: float) -> httpx.Client:
        front = Front(f"{self._folder}/recorder", self.results.append, lambda: 0, **more)
        unused: Any = None
        app = create_app(ports(unused)._replace(history=front.ask), lambda: ADMIN_KEY)
        self._stack.enter_context(Served(app, f"{self._folder}/{name}"))
        client = httpx.Client(
            transport=httpx.HTTPTransport(uds=f"{self._folder}/{name}"),
            base_url="http://admin/v1/history",
            headers={"Authorization": f"Bearer {ADMIN_KEY}"},
            timeout=30,
        )
        return self._stack.enter_context(client)

    def start(self, client: httpx.Client, stack: ExitStack) -> int:
        """Ask for the ledger, and take the head of the answer only."""
        stream = client.stream("GET", "/export/views", params={"room": ROOM})
        return stack.enter_context(stream).status_code


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    with ExitStack() as stack:
        yield Chain(str(tmp_path_factory.mktemp("exports")), stack)


@pytest.mark.parametrize("what", QUESTIONS)
def test_an_export_says_what_the_question_does(chain: Chain, what: str) -> None:
    page = chain.client.get(f"/{what}", params=QUESTIONS[what]).json()["rows"]
    answer = chain.client.get(f"/export/{what}", params=QUESTIONS[what])
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert answer.headers["content-disposition"] == f'attachment; filename="{what}.csv"'
    assert answer.headers["history-lag-ms"] == "700"
    assert answer.headers["cache-control"] == "no-store"
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    lines = chain.client.get(f"/export/{what}", params={**QUESTIONS[what], "format": "ndjson"})
    assert lines.headers["content-type"] == "application/x-ndjson"
    objects = [json.loads(line) for line in lines.text.splitlines()]
    assert [{name: cell(value) for name, value in row.items()} for row in objects] == [
        {name: value.removeprefix("'") for name, value in row.items()} for row in rows
    ] or what == "activity"
    if what == "activity":  # to which each export adds a line
        assert objects[0]["what"] == "exported"
        objects = [line for line in objects if line["what"] != "exported"]
        page = [line for line in page if line["what"] != "exported"]
    assert sorted(map(str, objects)) == sorted(str(in_order(row, what)) for row in page)


def cell(value: object) -> str:
    """A value as CSV has it."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def in_order(row: dict[str, Any], what: str) -> dict[str, Any]:
    """A row with its columns in the order of exports."""
    return {name: row[name] for name in formats.names(SHAPES[what][0]._fields)}


@pytest.mark.parametrize("what", QUESTIONS)
def test_an_export_says_first_about_how_many_rows_it_has(chain: Chain, what: str) -> None:
    query = {**QUESTIONS[what], "format": "ndjson"}
    answer = chain.client.get(f"/export/{what}", params=query)
    rows = [row for row in answer.text.splitlines() if '"exported"' not in row]
    told = answer.headers.get("history-rows")
    if what == "activity":  # in which an erasure was
        assert len(rows) - 1 == int(told or 0)
    else:
        assert told == (None if what == "top" else str(len(rows)))


@pytest.mark.parametrize("what", SHAPES)
def test_an_export_has_the_columns_of_the_answer(what: str) -> None:
    read, answered = SHAPES[what]
    assert set(read._fields) == set(answered.model_fields)


def test_an_export_stands_in_the_trail(chain: Chain) -> None:
    chain.client.get("/export/days", params={"room": ROOM})
    (line, *_) = chain.client.get("/activity", params={"room": ROOM}).json()["rows"]
    assert (line["what"], line["detail"], line["userId"]) == ("exported", "days", None)


# Cells

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@given(st.sampled_from("=+-@\t\r＝＋－＠"), TEXT)
def test_no_cell_begins_as_a_formula_does(begin: str, rest: str) -> None:
    (row,) = parsed([(begin + rest, 7)])
    assert row == ["'" + begin + rest, "7"]


@given(st.lists(st.tuples(TEXT, TEXT, st.integers(0)), max_size=4))
def test_any_other_text_comes_back_as_it_was(rows: list[tuple[str, str, int]]) -> None:
    dangerous = tuple("=+-@\t\r\n＝＋－＠")
    plain = [row for row in rows if not row[0].startswith(dangerous)]
    plain = [row for row in plain if not row[1].startswith(dangerous)]
    assert parsed(plain) == [[first, second, str(number)] for first, second, number in plain]


def parsed(rows: list[Any]) -> list[list[str]]:
    """Rows written as CSV, and read."""
    text = formats.writer("csv", [])(rows).decode()
    assert not rows or text.endswith("\r\n")
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


def test_a_user_called_as_a_formula_is_a_text(chain: Chain) -> None:
    text = chain.client.get("/export/viewers", params=PLAN).text
    assert f"\n'{FORMULA}," in text
    assert f"\n{FORMULA}" not in text


# Streams


class Rows:
    """Chunks of the ledger, which tell how many were taken, and whether they are over."""

    def __init__(self, most: int, then: Exception | None = None) -> None:
        self.taken = 0
        self.is_over = False
        self._most = most
        self._then = then

    def __call__(self, *_: object) -> Iterator[list[ledger.View]]:
        """The chunks."""
        try:
            while self.taken < self._most:
                self.taken += 1
                yield CHUNK
            if self._then is not None:
                raise self._then
        finally:
            self.is_over = True


def test_an_asker_who_takes_nothing_stops_the_reading(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = Rows(1_000_000)
    monkeypatch.setattr(export, "views", rows)
    with chain.client.stream("GET", "/export/views", params={"room": ROOM}) as answer:
        lines = answer.iter_lines()
        assert next(lines).startswith("userId,")
        eventually(lambda: stands_still(rows))
        taken = rows.taken
        assert taken < FEW
        for _ in itertools.islice(lines, 100_000):
            pass
        assert taken < rows.taken < 100 + FEW
        assert not rows.is_over
    eventually(lambda: rows.is_over)


def stands_still(rows: Rows) -> bool:
    """Whether nothing more is read."""
    before = rows.taken
    time.sleep(0.1)
    return rows.taken == before


@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_an_export_that_breaks_off_looks_like_it(
    chain: Chain, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    broken = OperationalError("SELECT", {}, Exception("gone"))
    monkeypatch.setattr(export, "views", Rows(3, broken))
    chain.results.clear()
    with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
        chain.client.get("/export/views", params={"room": ROOM, "format": form})
    eventually(lambda: "failed" in chain.results)


def test_an_export_that_can_not_begin_is_an_error(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = OperationalError("SELECT", {}, Exception("gone"))
    monkeypatch.setattr(export, "views", Rows(0, broken))
    answer = chain.client.get("/export/views", params={"room": ROOM})
    assert (answer.status_code, answer.json()["code"]) == (503, "history_unavailable")


def test_who_takes_nothing_keeps_nobody_else_from_exporting(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "views", Rows(1_000_000))
    with ExitStack() as stack:
        for _ in range(EXPORTS + 1):
            assert chain.start(chain.client, stack) == 200
        assert chain.client.get("/export/viewers", params=PLAN).text.count("\n") == 5
        for _ in range(OPEN_EXPORTS - EXPORTS - 1):
            assert chain.start(chain.client, stack) == 200
        answer = chain.client.get("/export/viewers", params=PLAN)
        assert (answer.status_code, answer.json()["code"]) == (503, "busy")
        assert chain.client.get("/top", params={"room": ROOM}).status_code == 200


def test_who_takes_nothing_for_long_gives_the_place_to_others(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "views", Rows(1_000_000))
    chain.results.clear()
    with ExitStack() as stack:
        for _ in range(OPEN_EXPORTS):
            assert chain.start(chain.hasty, stack) == 200
        assert chain.client.get("/export/viewers", params=PLAN).status_code == 200
        eventually(lambda: chain.results.count("failed") == OPEN_EXPORTS)


def test_an_empty_export_has_its_columns(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "views", Rows(0))
    assert chain.client.get("/export/views", params={"room": ROOM}).text.startswith("userId,")
    query = {"room": ROOM, "format": "ndjson"}
    assert ask(chain.recorded.app, "GET", "export/views", **query).content == b""
