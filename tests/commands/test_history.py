"""`presence-server history`: what people and programs are shown of it."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.cells import cell_len

from presence_server.commands import history as group
from presence_server.commands.past import asking
from presence_server.commands.past.commas import columns
from presence_server.history.api import answers
from presence_server.history.api.formats import names
from presence_server.history.read import days, ledger, resources, seen, sessions, viewers
from tests.commands.history_fake import (
    FORMULA,
    MINUTE,
    NOW,
    PSEUDONYM,
    ROOM,
    WRONG,
    History,
    Refusal,
    history,
    page,
    viewer,
)
from tests.commands.program import ESCAPE, KEYS, Ran, call, complaint

DOCUMENT = ("document", "d-1")
QUESTIONS: dict[str, tuple[str, ...]] = {
    "top": (ROOM,),
    "days": (ROOM,),
    "resource": (ROOM, *DOCUMENT),
    "viewers": (ROOM, *DOCUMENT),
    "seen": (ROOM, *DOCUMENT, "ann"),
    "views": (ROOM,),
    "sessions": (ROOM,),
    "session": (ROOM,),
    "activity": (ROOM,),
    "check": ("--room", WRONG),
}


class Terminal(io.StringIO):
    """Somebody reads along."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(scope="module")
def listener() -> Iterator[History]:
    with history() as served:
        yield served


@pytest.fixture
def served(listener: History) -> Iterator[History]:
    """A history that answers as usual again afterwards."""
    usual = dict(listener.questions)
    listener.asked.clear()
    yield listener
    listener.questions = usual


def ask(served: History, *words: str) -> Ran:
    return call("history", *words, "--url", served.url)


def said(served: History, *words: str) -> Any:
    return ask(served, *words, "--json").json()


def shown(served: History, *words: str, width: int = 80) -> list[str]:
    """The lines on a terminal of this width: all fit, and can be printed."""
    variables = KEYS | {"COLUMNS": str(width)}
    ran = call("history", *words, "--url", served.url, variables=variables, onto=Terminal)
    assert ran.stderr == ""
    lines = [line.rstrip() for line in ESCAPE.sub("", ran.stdout).splitlines()]
    assert max(map(cell_len, lines)) <= width, lines
    assert all(line.isprintable() for line in lines), lines
    return lines


def local(at: int) -> str:
    """A time by the clock of this place."""
    return f"{datetime.fromtimestamp(at / 1000, UTC).astimezone():%Y-%m-%d %H:%M:%S}"


# For people


@pytest.mark.parametrize("width", [80, 140])
@pytest.mark.parametrize("name", QUESTIONS)
def test_every_answer_fits_a_terminal(served: History, name: str, width: int) -> None:
    assert len(shown(served, name, *QUESTIONS[name], width=width)) > 1


def test_every_command_that_shows_something_is_among_those() -> None:
    assert {*group.COMMANDS} == {*QUESTIONS, "export", "erase"}


def test_the_most_viewed_come_with_their_rank_and_a_bar(served: History) -> None:
    titles, first, second, _, note = shown(served, "top", ROOM)
    assert titles.split() == ["#", "resource", "views", "uniques", "trend", "active", "last"]
    assert first.split()[:5] == ["1", *DOCUMENT, "1,234", "56"]
    assert first.endswith("3 min ago  ████████")
    assert "document a-rather-long-i…" in second
    assert second.endswith("  █")
    assert note.startswith("uniques are not exact")
    assert "████" in shown(served, "top", ROOM, "--by", "trend")[1]
    assert served.last() == ("GET top", {"room": ROOM, "by": "trend", "limit": "10"})


def test_guests_and_erased_users_are_marked(served: History) -> None:
    titles, ann, guest, erased, formula, li = shown(served, "viewers", ROOM, *DOCUMENT)
    assert titles.split() == ["user", "views", "opens", "active", "first", "last", "now"]
    assert " ".join(ann.split()) == "ann 12 14 48 min 1 d ago 3 min ago looking"
    assert guest.startswith("guest 3f9a3f9a  ")
    assert erased.startswith("(erased)  ")
    assert formula.startswith(FORMULA)
    assert "…  1,234  1,236" in li


def test_days_are_drawn_as_bars(served: History) -> None:
    rows = [line.split() for line in shown(served, "days", ROOM, "--days", "3")]
    assert [row[0] for row in rows] == ["day", "2026-11-20", "2026-11-21", "2026-11-22"]
    longest, half, none = (row[6:] for row in rows[1:])
    assert len(longest[0]) == 2 * len(half[0]) == 32
    assert none == []


def test_what_goes_on_is_told_from_what_has_ended(served: History) -> None:
    _, goes_on, left, erased = shown(served, "views", ROOM)
    assert "document d-1@v2  2 min ago  looking" in goes_on
    assert "document d-1     1 h ago    56 min ago  left" in left
    assert erased.endswith("erased      2   4 min")


def test_a_session_is_told_from_its_begin_to_its_end(served: History) -> None:
    lines = shown(served, "session", ROOM)
    assert lines[:2] == [
        f"session 7 of {ROOM}",
        "opened 7 d ago, ended 1 h ago, 3 users, 5 joins, at most 2 at once, 7 views",
    ]
    assert " ".join(lines[4].split()) == "ann operator 1 h ago 1 h ago server_lost 3 29 min"
    assert "guest 3f9a3f9a  viewer    1 h ago  is here" in lines[5]
    begin, end = (local(NOW - minutes * MINUTE) for minutes in (90, 60))
    assert lines[8:10] == [f"{begin}  opened", f"{begin}  joined   ann             operator"]
    assert lines[-1] == f"{end}  closed"
    assert served.asked[0] == ("GET sessions", {"room": ROOM, "limit": "1"})
    shown(served, "session", ROOM, "6")
    assert ("GET session", {"room": ROOM, "session": "6"}) in served.asked


def test_whether_somebody_has_seen_it_is_a_sentence(served: History) -> None:
    heading, _, version = shown(served, "seen", ROOM, *DOCUMENT, "ann")
    assert heading == "ann has seen document d-1"
    assert version.split()[:3] == ["v2", "9", "11"]
    assert shown(served, "seen", ROOM, *DOCUMENT, "bob") == ["bob has not seen document d-1"]
    assert said(served, "seen", ROOM, *DOCUMENT, "g", "--guest")["isGuest"] is True


def test_a_script_can_tell_no_from_a_failure(served: History) -> None:
    for form in ((), ("--json",), ("--csv",)):
        codes = [ask(served, "seen", ROOM, *DOCUMENT, user, *form).code for user in ("ann", "bob")]
        assert codes == [0, 3]
    assert call("history", "seen", ROOM, *DOCUMENT, "bob", "--url", "http://127.0.0.1:1").code == 1


def test_totals_stand_over_the_versions(served: History) -> None:
    heading, figures, _, *versions = shown(served, "resource", ROOM, *DOCUMENT)
    assert heading == "document d-1"
    assert figures.startswith("1,234 views, 1,236 opens, 56 users, active for 3 d, trend 411")
    assert [line.split()[0] for line in versions] == ["v2", "(none)"]


def test_an_answer_that_is_behind_says_so(served: History) -> None:
    late = answers.Page[answers.Session](rows=[], next=None, as_of=NOW - 12_000, lag_ms=12_000)
    served.questions["GET sessions"] = lambda _: late
    nothing, behind = shown(served, "sessions", ROOM)
    assert nothing == f"{ROOM} had no session"
    assert behind.startswith("as of 12 s ago")
    titles, *rest = ask(served, "sessions", ROOM).rows
    assert (titles[0], rest) == ("session", [])
    assert ask(served, "sessions", ROOM).stderr.splitlines() == [nothing, behind]


# For programs


def test_a_pipe_gets_titles_and_exact_figures(served: History) -> None:
    titles, ann, guest, erased, *_ = ask(served, "viewers", ROOM, *DOCUMENT).rows
    assert titles == ["user", "kind", "views", "opens", "active", "first", "last", "now"]
    moments = ["2026-11-21T00:00:00.000Z", "2026-11-21T23:57:00.000Z"]
    assert ann == ["ann", "", "12", "14", "2880.000", *moments, "looking"]
    assert guest[:2] == [PSEUDONYM, "guest"]
    assert erased[:2] == ["", "erased"]


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_line_in_a_pipe_has_a_field_for_each_title(served: History, name: str) -> None:
    blocks = ask(served, name, *QUESTIONS[name]).stdout.split("\n\n")
    assert len(blocks) == (3 if name == "session" else 1)
    for block in blocks:
        titles, *rows = (line.split("\t") for line in block.splitlines())
        assert all(titles)
        assert {len(row) for row in rows} == {len(titles)}


def test_csv_has_the_fields_of_the_api_and_no_formulas(served: History) -> None:
    text = ask(served, "viewers", ROOM, *DOCUMENT, "--csv").stdout
    assert text.count("\r\n") == 6
    rows = [*csv.DictReader(io.StringIO(text))]
    assert rows[0].keys() == viewer("ann", 1).keys()
    assert [row["userId"] for row in rows[:4]] == ["ann", PSEUDONYM, "", f"'{FORMULA}"]
    assert (rows[0]["activeMs"], rows[0]["isLooking"]) == ("2880000", "true")
    screen = call(
        *("history", "viewers", ROOM, *DOCUMENT, "--csv", "--url", served.url), onto=Terminal
    )
    assert screen.stdout == text.replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("row", "exported"),
    [
        (answers.Viewer, viewers.Viewer),
        (answers.View, ledger.View),
        (answers.Resource, resources.Resource),
        (answers.VersionCounts, resources.VersionCounts),
        (answers.SeenVersion, seen.SeenVersion),
        (answers.Day, days.Day),
        (answers.Session, sessions.Session),
        (answers.Activity, sessions.Activity),
    ],
)
def test_its_columns_are_those_of_an_export(row: type[answers.Answer], exported: Any) -> None:
    assert names(columns(row)) == names(exported._fields)


def test_a_session_as_csv_is_who_took_part(served: History) -> None:
    text = ask(served, "session", ROOM, "--csv").stdout
    rows = [*csv.DictReader(io.StringIO(text))]
    assert [row["userId"] for row in rows] == ["ann", PSEUDONYM]
    assert (rows[0]["leftBecause"], rows[0]["presentMs"]) == ("server_lost", "1740000")


@pytest.mark.parametrize("form", [(), ("--csv",)])
def test_a_pipe_is_told_that_it_did_not_get_all(served: History, form: tuple[str, ...]) -> None:
    cut = ask(served, "viewers", ROOM, *DOCUMENT, "--limit", "2", *form)
    assert cut.stderr == "… and more than these 2: see --limit\n"
    assert len(cut.stdout.splitlines()) == 3
    assert ask(served, "viewers", ROOM, *DOCUMENT, *form).stderr == ""
    session = ask(served, "session", ROOM, "--limit", "1", *form).stderr.splitlines()
    assert session[0] == "… and more: see --limit"


def test_json_is_what_the_server_says(served: History) -> None:
    usual = served.questions["GET top"]({"by": "views", "limit": "10"})
    assert isinstance(usual, answers.Top)
    assert said(served, "top", ROOM) == usual.model_dump(by_alias=True)
    told = said(served, "session", ROOM, "7")
    assert told["peak"] == 2
    assert [one["userId"] for one in told["participants"]["rows"]] == ["ann", PSEUDONYM]
    assert told["activity"]["rows"][0]["what"] == "closed"


def test_pages_are_asked_for_until_there_are_enough(served: History) -> None:
    many = page(answers.Viewer, [viewer(f"user-{n}", n) for n in range(2_500)])
    served.questions["GET viewers"] = many
    told = said(served, "viewers", ROOM, *DOCUMENT, "--limit", "2100")
    assert [row["userId"] for row in told["rows"]] == [f"user-{n}" for n in range(2_100)]
    assert told["next"] == "2100"
    limits = [(given["limit"], given.get("cursor")) for _, given in served.asked]
    assert limits == [("1000", None), ("1000", "1000"), ("100", "2000")]
    whole = ask(served, "viewers", ROOM, *DOCUMENT, "--limit", "100000")
    assert len(whole.rows) == 2_501
    assert shown(served, "viewers", ROOM, *DOCUMENT, "--limit", "2")[-1] == (
        "… and more than these 2: see --limit"
    )


def test_filters_reach_the_server(served: History) -> None:
    of = ("--resource", *DOCUMENT)
    ask(served, "views", ROOM, *of, "--version", "", "--user", "ann smith&co", "--guest")
    assert served.last()[1] == {
        "room": ROOM,
        "type": "document",
        "id": "d-1",
        "version": "",
        "user": "ann smith&co",
        "guest": "true",
        "limit": "50",
    }
    ask(served, "days", ROOM, "--days", "3", "--until", "2026-11-20")
    assert served.last()[1] == {"room": ROOM, "days": "3", "until": "2026-11-20"}
    ask(served, "activity", ROOM, "--session", "7", "--limit", "1")
    assert served.last()[1] == {"room": ROOM, "session": "7", "limit": "1"}


# Check


def test_a_check_that_finds_nothing_is_one_line(served: History) -> None:
    assert shown(served, "check") == ["ok: 12,345 rows checked"]
    assert ask(served, "check") == (0, "ok: 12,345 rows checked\n", "")
    assert served.last() == ("GET check", {})


def test_a_check_that_finds_something_fails(served: History) -> None:
    ran = ask(served, "check", "--room", WRONG)
    assert (ran.code, ran.rows[1]) == (
        1,
        ["viewers", "room 1, resource 2, user 3", "views", "3", "4"],
    )
    assert ask(served, "check", "--room", WRONG, "--json").code == 1
    assert shown(served, "check", "--room", WRONG)[-1] == "1 difference, 12,345 rows checked"


# Why there is no answer


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (404, "history_off", "this server records no history: see PRESENCE_HISTORY"),
        (404, "not_found", "history knows no such room"),
        (503, "query_timeout", "that took too long: ask for less"),
        (503, "history_unavailable", "history does not answer: try later"),
        (403, "forbidden", "a token with the scope history.read is needed"),
    ],
)
def test_what_the_server_refuses_is_one_line(
    served: History, status: int, code: str, message: str
) -> None:
    def refuse(_: dict[str, str]) -> answers.Answer:
        raise Refusal(status, code, message)

    served.questions["GET views"] = refuse
    line = complaint("history", "views", ROOM, "--url", served.url, code=1)
    assert f"{served.url}: {message}" in line


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("top",), "'ROOM'"),
        (("fly",), "'fly'"),
        (("viewers", ROOM, "document"), "'ID'"),
        (("viewers", ROOM, *DOCUMENT, "--limit", "0"), "--limit"),
        (("viewers", ROOM, *DOCUMENT, "--json", "--csv"), "don't go together"),
        (("top", ROOM, "--days", "401"), "--days"),
        (("top", ROOM, "--days", "7", "--by", "trend"), "--days is no option with --by trend"),
        (("days", ROOM, "--until", "yesterday"), "--until"),
        (("views", ROOM, "--version", "v2"), "--version needs --resource"),
        (("views", ROOM, "--guest"), "--guest needs --user"),
        (("session", ROOM, "last"), "NUMBER"),
    ],
)
def test_a_wrong_call_is_refused(words: tuple[str, ...], says: str) -> None:
    assert says in complaint("history", *words, code=2)


def test_what_is_not_utf8_reaches_the_server_as_it_is() -> None:
    assert asking.path("views", {"user": "\udcff"}) == "/v1/history/views?user=%FF"
