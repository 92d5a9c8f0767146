"""`presence-server history` against a server that records: what people did is what it says."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from presence_server.commands.past import asking
from tests.commands.program import KEYS, Ran, call, complaint, surroundings
from tests.support.server import ADMIN_KEY, ROOM, Server, eventually, token

DOCUMENT = ("document", "d 1")
FORMULA = "=ann()"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Ann and a guest have looked at a document, Bob and one with an odd name at two each."""
    database = tmp_path_factory.mktemp("history") / "presence.db"
    variables = KEYS | {"PRESENCE_HISTORY": f"sqlite:///{database}"}
    with Server("--ping-interval", "600", "--pong-timeout", "600", variables=variables) as server:
        for user in ("ann", "bob", "visitor", FORMULA):
            peer = server.enter(user, anon=user == "visitor")
            peer.update("/", resourceType="document", resourceId="d 1", versionId="v2")
            if user in ("bob", FORMULA):
                peer.update("/", resourceType="board", resourceId="b")
        eventually(lambda: server.metric("presence_history_up"), 60)
        written = f"/v1/history/views?room={ROOM}"
        eventually(lambda: len(server.admin(written, ADMIN_KEY).json()["rows"]) == 6)
        yield server


def ask(server: Server, *words: str) -> Ran:
    return call("history", *words, variables=surroundings(server))


def test_each_question_is_answered(server: Server) -> None:
    top = ask(server, "top", ROOM).rows
    assert [row[:4] for row in top[1:]] == [[*DOCUMENT, "4", "4"], ["board", "b", "2", "2"]]
    seen = ask(server, "viewers", ROOM, *DOCUMENT, "--version", "v2").rows[1:]
    looking = {row[0] or row[1]: row[7] for row in seen if row[1] != "guest"}
    assert looking == {"ann": "looking", "bob": "", FORMULA: ""}
    assert [row[1] for row in seen].count("guest") == 1
    assert ask(server, "seen", ROOM, *DOCUMENT, "visitor", "--guest").rows[1][:2] == ["v2", "1"]
    assert ask(server, "resource", ROOM, *DOCUMENT).rows[1][:3] == ["v2", "4", "4"]
    assert [row[1] for row in ask(server, "days", ROOM, "--days", "1").rows] == ["views", "6"]
    assert [row[3] for row in ask(server, "sessions", ROOM).rows] == ["state", "4 here"]
    story = ask(server, "session", ROOM, "--json").json()
    assert (story["peak"], len(story["participants"]["rows"])) == (4, 4)
    assert [line["what"] for line in story["activity"]["rows"]] == ["joined"] * 4 + ["opened"]
    assert ask(server, "check").stdout.startswith("ok: ")


def test_pages_follow_one_another(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ask(server, "views", ROOM, "--json").json()["rows"]
    monkeypatch.setattr(asking, "PAGE", 2)
    assert ask(server, "views", ROOM, "--json", "--limit", "5").json()["rows"] == whole[:5]
    assert len(whole) == 6


def test_an_export_has_the_lines_of_csv_and_is_in_the_trail(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "views.csv"
    assert ask(server, "export", ROOM, "views", "-o", str(file)).stdout.startswith(
        f"{file}: 6 rows"
    )
    assert file.read_bytes().decode() == ask(server, "views", ROOM, "--csv").stdout
    with file.open(newline="") as lines:
        assert f"'{FORMULA}" in [row["userId"] for row in csv.DictReader(lines)]
    trail = ask(server, "activity", ROOM, "--limit", "1").rows
    assert trail[1][1:5] == ["exported", "", "", "views"]
    filtered = tmp_path / "viewers.ndjson"
    flags = ("--resource", *DOCUMENT, "--format", "ndjson", "-o", str(filtered))
    assert ask(server, "export", ROOM, "viewers", *flags).code == 0
    assert len([json.loads(line) for line in filtered.read_text().splitlines()]) == 4


def test_a_token_may_what_its_scope_says(server: Server) -> None:
    here = surroundings(server)
    reader = ("--admin-key", token("reports", scope="history.read"))
    assert len(call("history", "top", ROOM, *reader, variables=here).rows) == 3
    erase = ("history", "erase", "--user", "ann", "--room", ROOM, "--yes")
    assert "history.admin" in complaint(*erase, *reader, code=1, variables=here)
    operator = ("--admin-key", token("op", role="operator"))
    line = complaint("history", "top", ROOM, *operator, code=1, variables=here)
    assert "history.read" in line
    assert "knows no such room" in complaint("history", "top", "nowhere", code=1, variables=here)


def test_who_is_erased_is_gone_and_the_counts_stay(server: Server) -> None:
    assert ask(server, "erase", "--user", "ann", "--yes").code == 0
    viewers = ask(server, "viewers", ROOM, *DOCUMENT).rows[1:]
    assert ["", "erased", "1"] in [row[:3] for row in viewers]
    assert "ann" not in [row[0] for row in viewers]
    flags = ("--resource", "board", "b", "--room", ROOM, "--yes")
    assert ask(server, "erase", *flags).stdout == f"erased board b in {ROOM}\n"
    assert [row[:3] for row in ask(server, "top", ROOM).rows[1:]] == [[*DOCUMENT, "4"]]
    assert ask(server, "check", "--room", ROOM).stdout.startswith("ok: ")
