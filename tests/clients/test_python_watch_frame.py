"""What a watcher makes of a room, in plain text: rows, news, header, and how they fit."""

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from presence_client import Changed, Closing, CursorMoved, Joined, Left, Reset, Standing
from presence_client.watch.frame import Moment, Row, describe, fitting, frame, in_order
from presence_client.watch.room import Room
from presence_client.watch.text import ago, clean

Json = dict[str, Any]
ONLINE = Standing("online")
T0 = 1_800_000_000.0


def entry(user_id: str, **fields: Any) -> Json:
    whole = {"userId": user_id, "userName": user_id.title(), "currentPath": "/", "status": "online"}
    return whole | {"joinedAt": T0 * 1000} | fields


def room(*entries: Json) -> Room:
    made = Room()
    made.take(Reset({entry["userId"]: entry for entry in entries}), T0)
    return made


def moment(height: int = 24, *, after: float = 0.0, user_id: str | None = None) -> Moment:
    return Moment(wall=T0 + after, standing_for=0.0, height=height, user_id=user_id)


def texts(room: Room) -> list[str]:
    return [news.text for news in room.news]


# Rows


def test_a_row_says_who_where_and_since_when() -> None:
    ann = entry(
        "ann",
        userName="Ann Lee",
        currentPath="/plans/q3",
        resourceType="document",
        resourceId="42",
        versionId="7",
        status="away",
        activity="typing",
        following="bob",
    )
    shown = frame("r", room(ann, entry("bob")), ONLINE, moment(after=125))
    assert shown.rows[0] == Row(
        "Ann Lee", "ann", "away", "/plans/q3 document 42@7", "typing", "Bob", "2 min"
    )


def test_a_name_that_is_the_id_is_not_said_twice() -> None:
    shown = frame("r", room(entry("ann", userName="ann")), ONLINE, moment())
    assert (shown.rows[0].name, shown.rows[0].id) == ("ann", "")


def test_one_who_follows_somebody_gone_shows_the_id() -> None:
    shown = frame("r", room(entry("ann", following="bob")), ONLINE, moment())
    assert shown.rows[0].following == "bob"


def test_ones_own_row_is_marked() -> None:
    shown = frame("r", room(entry("ann"), entry("bob")), ONLINE, moment(user_id="bob"))
    assert [row.name for row in shown.rows] == ["Ann", "Bob (you)"]


def test_members_keep_their_order_whatever_they_do() -> None:
    members = {"1": entry("1", userName="Bob"), "2": entry("2", userName="Ann")}
    members["3"] = entry("3", userName="ann")
    assert [entry["userId"] for entry in in_order(members)] == ["2", "3", "1"]
    members["1"] = entry("1", userName="Bob", currentPath="/b", status="away", joinedAt=0)
    assert [entry["userId"] for entry in in_order(members)] == ["2", "3", "1"]


def test_an_entry_that_has_next_to_nothing_is_shown() -> None:
    odd: Json = {"userId": "x", "userName": None, "joinedAt": "soon", "status": 7, "following": []}
    shown = frame("r", room(odd), ONLINE, moment())
    assert shown.rows == [Row("x", "", "7", "", "", "", "")]


# What fits


@given(st.integers(0, 200), st.integers(-5, 60))
def test_rows_and_the_line_about_the_others_never_need_more_than_there_is(
    count: int, lines: int
) -> None:
    shown = fitting(count, lines)
    needed = shown + (shown < count)
    assert 0 <= shown <= count
    assert needed <= max(1, lines)
    assert shown == count or needed >= lines


@given(st.integers(0, 60), st.integers(0, 60), st.integers(4, 60))
def test_a_frame_fits_the_screen(members: int, news: int, height: int) -> None:
    full = room(*(entry(f"u{number}") for number in range(members)))
    for number in range(news):
        full.take(Joined("u0", entry("u0", number=number)), T0)
    shown = frame("r", full, ONLINE, moment(height))
    lines = 3 + len(shown.rows) + bool(shown.hidden) + (len(shown.news) + 1 if shown.news else 0)
    assert lines <= max(height, 6)
    assert len(shown.rows) + shown.hidden == len(full.members)


def test_those_who_find_no_room_are_counted() -> None:
    shown = frame("r", room(*(entry(f"u{n:03}") for n in range(50))), ONLINE, moment(17))
    assert (len(shown.rows), shown.hidden, shown.people) == (13, 37, "50 people")


@pytest.mark.parametrize(("count", "said"), [(0, "nobody here"), (1, "1 person"), (2, "2 people")])
def test_the_header_counts_people(count: int, said: str) -> None:
    shown = frame("r", room(*(entry(f"u{n}") for n in range(count))), ONLINE, moment())
    assert shown.people == said


# The connection


@pytest.mark.parametrize(
    ("standing", "seconds", "said"),
    [
        (Standing("connecting"), 5, "connecting…"),
        (Standing("online"), 5, "online"),
        (
            Standing("reconnecting", Closing(1012, "restart"), 8.2),
            3,
            "reconnecting in 5 s… (restart)",
        ),
        (Standing("reconnecting", Closing(1012, ""), 8), 9, "reconnecting… (close 1012)"),
        (Standing("connecting", Closing(1006, "a\x1bb"), 0), 0, "connecting… (a\ufffdb)"),
        (Standing("refused", Closing(4403, "room")), 0, "refused"),
    ],
)
def test_the_connection_is_put_in_words(standing: Standing, seconds: float, said: str) -> None:
    assert describe(standing, seconds) == said


def test_what_was_known_before_the_connection_was_lost_is_not_live() -> None:
    lost = Standing("reconnecting", Closing(1006, ""), 1)
    assert not frame("r", room(), lost, moment()).is_live
    assert frame("r", room(), ONLINE, moment()).is_live


# News


def test_the_news_tell_who_came_moved_and_went() -> None:
    news = room(entry("ann"))
    news.take(Joined("bob", entry("bob")), T0)
    news.take(Changed("bob", entry("bob", currentPath="/b")), T0)
    news.take(Changed("bob", entry("bob", currentPath="/b", status="away")), T0)
    news.take(Changed("bob", entry("bob", currentPath="/b", status="away", data={"x": 1})), T0)
    news.take(CursorMoved("bob", {"x": 1}), T0)
    news.take(Left("bob", "timeout"), T0)
    assert texts(news) == ["Bob joined", "Bob moved to /b", "Bob is away", "Bob left (timeout)"]
    assert set(news.members) == {"ann"}


def test_the_first_snapshot_is_no_news_and_a_later_one_tells_the_difference() -> None:
    news = room(entry("ann"), entry("bob"))
    assert texts(news) == []
    news.take(Reset({"bob": entry("bob"), "cat": entry("cat")}), T0)
    assert texts(news) == ["Ann left meanwhile", "Cat joined meanwhile"]


def test_only_the_latest_news_are_kept() -> None:
    news = room()
    for number in range(9):
        news.take(Joined(f"u{number}", entry(f"u{number}")), T0)
    assert texts(news) == [f"U{number} joined" for number in range(4, 9)]


def test_a_long_name_leaves_room_for_what_happened() -> None:
    news = room()
    news.take(Joined("x", entry("x", userName="n" * 200)), T0)
    assert texts(news) == ["n" * 29 + "… joined"]


# Text of strangers

HOSTILE = "a\x1b[31mb\x07c\r\nd\x9b2Je\u202ef\u2066g\u200dh\u2028i\x00j\ud800k\x7f"


def test_nothing_that_a_terminal_obeys_is_left() -> None:
    assert clean(HOSTILE) == "a�[31mb�c  d�2Je�f�g�h i�j�k�"


@given(st.text())
def test_what_is_cleaned_can_be_printed_on_one_line(text: str) -> None:
    assert clean(text).isprintable()


def test_towers_of_marks_are_cut() -> None:
    assert clean("e" + "\u0301" * 50 + "t\u0302e") == "e\u0301\u0301t\u0302e"


def test_words_of_any_script_stay() -> None:
    for text in ("Zoë", "李小龍", "Ελένη", "नमस्ते", "שלום", "💩", "[red]Bob[/red]"):
        assert clean(text) == text
        assert unicodedata.is_normalized("NFC", text)


def test_a_hostile_entry_is_harmless_in_every_column_and_in_the_news() -> None:
    fields = ("userName", "currentPath", "resourceId", "versionId", "activity", "following")
    bad = entry("x\x1b", **dict.fromkeys(fields, HOSTILE), status=HOSTILE, resourceType=HOSTILE)
    news = room()
    news.take(Joined("x\x1b", bad), T0)
    news.take(Changed("x\x1b", bad | {"currentPath": HOSTILE * 2, "status": "away"}), T0)
    news.take(Left("x\x1b", HOSTILE), T0)
    news.take(Joined("x\x1b", bad), T0)
    shown = frame(HOSTILE, news, ONLINE, moment(80))
    for text in (shown.title, *shown.rows[0], *shown.news):
        assert text.isprintable(), text


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        *((-9, "now"), (0.9, "now"), (1, "1 s"), (59.9, "59 s"), (60, "1 min"), (3599, "59 min")),
        *((3600, "1 h"), (86_399, "23 h"), (86_400, "1 d"), (86_400 * 400, "400 d")),
    ],
)
def test_how_long_is_said_in_one_unit(seconds: float, said: str) -> None:
    assert ago(seconds) == said
