"""The ranking is what anybody would count from the ledger, whichever way it was found."""

import random
from collections import Counter, defaultdict
from typing import NamedTuple

import pytest

from presence_server.history.fold.rules import DAY_MS
from presence_server.history.read import top as ranking
from presence_server.history.read.limits import asking
from presence_server.history.read.top import By, Top, top
from tests.history.rows import MORNING, ROOM, Recorded, recorded, visit

__all__ = ["recorded"]

LAST_DAY = 12
BEGIN = MORNING // DAY_MS * DAY_MS
NOW = BEGIN + LAST_DAY * DAY_MS + 3_600_000
WAYS = {"one by one": (100,), "in small steps": (2, 3, 100), "all at once": (1,)}


class Visit(NamedTuple):
    """Of one user, to one resource, on a day."""

    at: int
    user: str
    kind: str
    ref: str

    @property
    def day(self) -> int:
        """Days since the first."""
        return (self.at - BEGIN) // DAY_MS


def visits() -> list[Visit]:
    """Some resources are seen on the first days only, some on the last, some ever."""
    draw = random.Random(5)
    found = []
    for at in range(BEGIN, NOW, DAY_MS // 24):
        day = (at - BEGIN) // DAY_MS
        number = int(12 * draw.random() ** 2) + (4 * (day // 5) if draw.random() < 0.7 else 0)
        kind = "document" if number % 3 else "sheet"
        found.append(Visit(at, f"user-{draw.randrange(7)}", kind, f"id-{number}"))
    return found


VISITS = visits()


@pytest.fixture(scope="module")
def filled(recorded: Recorded) -> Recorded:
    """All of them, in one room."""
    there = [visit(at, user, ref, kind=kind) for at, user, kind, ref in VISITS]
    for begin in range(0, len(there), 100):
        recorded.take(*there[begin : begin + 100])
    return recorded


def ask(recorded: Recorded, by: By, kind: str | None, days: int | None, limit: int) -> Top:
    with asking(recorded.readers) as connection:
        found = top(connection, ROOM, by=by, kind=kind, days=days, limit=limit, now=NOW)
    assert found is not None
    return found


def expected(by: By, kind: str | None, days: int | None, limit: int) -> list[tuple[str, int]]:
    """Resources and their counts, most first, of equals the one that was seen first last."""
    order = list(dict.fromkeys((visit.kind, visit.ref) for visit in VISITS))
    since = 0 if days is None else LAST_DAY - days + 1
    those = [visit for visit in VISITS if visit.day >= since and kind in (None, visit.kind)]
    if by == "uniques":
        pairs = {(visit.kind, visit.ref, visit.user) for visit in those}
        counts = Counter((kind, ref) for kind, ref, _ in pairs)
    else:
        counts = Counter((visit.kind, visit.ref) for visit in those)
    ranked = sorted(counts, key=lambda it: (counts[it], order.index(it)), reverse=True)
    return [(ref, counts[kind, ref]) for kind, ref in ranked[:limit]]


@pytest.mark.parametrize("way", WAYS)
def test_the_top_is_what_the_ledger_counts(
    filled: Recorded, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setattr(ranking, "_STEPS", WAYS[way])
    for by in ("views", "uniques"):
        for days in (None, 1, 3, 8, 400):
            for kind, limit in ((None, 1), (None, 5), ("sheet", 3), ("document", 100)):
                found = ask(filled, by, kind, days, limit)
                counts = [(row.id, getattr(row, by)) for row in found.rows]
                assert counts == expected(by, kind, days, limit), (by, days, kind, limit)


def test_all_counts_of_a_window_are_the_windows(filled: Recorded) -> None:
    (first,) = ask(filled, "views", None, 3, 1).rows
    those = [v for v in VISITS if v.day > LAST_DAY - 3 and v.ref == first.id]
    assert first.views == first.opens == len(those)
    assert first.uniques == len({visit.user for visit in those})
    assert first.active_ms == 1_000 * len(those)
    assert first.first_at == min(v.at for v in VISITS if v.ref == first.id)


def test_the_trend_ranks_what_is_viewed_now(filled: Recorded) -> None:
    found = ask(filled, "trend", None, None, 100).rows
    worth: defaultdict[str, float] = defaultdict(float)
    for one in VISITS:
        worth[one.ref] += 2 ** ((one.day - LAST_DAY) / 7)
    trends = [row.trend for row in found]
    assert trends == pytest.approx([worth[row.id] for row in found], abs=1e-5)
    assert trends == sorted(trends, reverse=True)
    assert len(found) == len(worth)
    assert found[0].id != ask(filled, "views", None, None, 1).rows[0].id


def test_there_is_no_top_of_a_room_that_is_not_there(filled: Recorded) -> None:
    with asking(filled.readers) as connection:
        assert top(connection, "x", by="views", kind=None, days=3, limit=9, now=NOW) is None


def test_a_kind_that_is_not_there_has_an_empty_top(filled: Recorded) -> None:
    assert ask(filled, "views", "video", 3, 9).rows == []
    assert ask(filled, "trend", "video", None, 9).rows == []
