"""Answers to show, little ones and large ones, of the models that real ones are made of."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from presence_server.history.api.answers import (
    Activity,
    Day,
    Days,
    Matrix,
    MatrixRow,
    OneSession,
    Page,
    Participant,
    Resource,
    ResourceStatistics,
    Session,
    Top,
    VersionCounts,
    View,
)

NOW: Final = 1_795_341_600_000
"""2026-11-22 10:00:00 UTC."""
MINUTE: Final = 60_000
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
FRESH: Final[dict[str, Any]] = {"as_of": NOW, "lag_ms": 800}
GUEST: Final = "3fa2" + "0123456789abcdef" * 3 + "0123456789ab"

HOSTILE: Final = {
    "image": "<img src=x onerror=alert(1)>",
    "script": "</script><script>alert(1)</script>",
    "right to left": "\N{RIGHT-TO-LEFT OVERRIDE}gnp.evil \N{HEBREW LETTER ALEF}!",
    "one long word": "W" * 128,
    "emoji": "\N{FAMILY}" * 30,
    "nothing to see": "\N{ZERO WIDTH SPACE}",
    "quotes": "\"'><svg/onload=alert(1)>&amp;#x",
}


def days(count: int, views: Sequence[int] = ()) -> Days:
    """So many days up to 22 November 2026; `views` are those of the last ones."""
    given = [*[0] * count, *views][-count:]
    last = datetime.fromtimestamp(NOW / 1000, UTC)
    rows = [
        Day(
            day=f"{last - timedelta(days=count - 1 - place):%Y-%m-%d}",
            views=some,
            opens=some * 2,
            uniques=(some + 1) // 2,
            active_ms=some * 90_000,
        )
        for place, some in enumerate(given)
    ]
    return Days(rows=rows, **FRESH)


def busy_days(count: int, most: int = 400) -> Days:
    """As a team makes them: quiet at weekends, more from month to month."""
    dice = random.Random(7)
    rate = [most * (0.3 + 0.7 * place / count) for place in range(count)]
    weekend = [(NOW // DAY - count + 1 + place + 3) % 7 >= 5 for place in range(count)]
    return days(
        count,
        [
            0 if quiet and dice.random() < 0.6 else int(some * dice.uniform(0.05, 1))
            for some, quiet in zip(rate, weekend, strict=True)
        ],
    )


def counts(views: int) -> dict[str, Any]:
    """Of something that was viewed so often."""
    span = {"first_at": NOW - 40 * DAY, "last_at": NOW - 3 * MINUTE}
    return {"views": views, "opens": views * 2, "active_ms": views * 95_000, **span}


def resource(kind: str, ref: str, views: int) -> Resource:
    """A line of the leaderboard."""
    more: dict[str, Any] = {"uniques": (views + 1) // 2, "trend": views / 3}
    return Resource(type=kind, id=ref, **counts(views), **more)


def top(rows: Sequence[Resource], *, by: Any = "views", is_exact: bool = True) -> Top:
    """The leaderboard."""
    return Top(by=by, days=None, rows=list(rows), is_exact=is_exact, **FRESH)


def statistics(
    kind: str, ref: str, views: int, versions: Sequence[str | None], *, is_exact: bool = True
) -> ResourceStatistics:
    """A resource and its versions."""
    return ResourceStatistics(
        **resource(kind, ref, views).model_dump(),
        **FRESH,
        is_exact=is_exact,
        versions=[
            VersionCounts(version=version, uniques=(views + 1) // 2, **counts(views))
            for version in versions
        ],
    )


def user(ref: str | None) -> dict[str, Any]:
    """Who it is: a guest by its pseudonym, an erased one by None."""
    return {"user_id": ref, "is_guest": ref is not None and ref.startswith("3fa2")}


def matrix(versions: Sequence[str | None], users: dict[str | None, list[int]]) -> Matrix:
    """Who saw which version how often."""
    rows = [MatrixRow(views=views, **user(ref)) for ref, views in users.items()]
    return Matrix(versions=list(versions), users=rows, **FRESH)


def view(ref: str | None, version: str | None = "v1", ago: int = HOUR, **more: Any) -> View:
    """A viewing that began so long ago."""
    began = NOW - ago
    end = {"ended_at": began + 5 * MINUTE, "ended_by": "moved"} | more
    what = {"began_at": began, "type": "doc", "id": "plan", "version": version}
    return View(opens=2, active_ms=4 * MINUTE, **{**user(ref), **what, **end})


def page(row: Any, rows: Sequence[Any], cursor: str | None = None) -> Page[Any]:
    """A page of rows of a kind."""
    told: Page[Any] = Page[row](rows=list(rows), next=cursor, **FRESH)
    return told


def session(number: int = 1, **more: Any) -> dict[str, Any]:
    """A session of two hours in which somebody still is."""
    times = {"opened_at": NOW - 2 * HOUR, "last_at": NOW, "empty_since": None, "closed_at": None}
    return {"session": number, "users": 3, "joins": 4, "members": 2, "peak": 3, "views": 17} | (
        times | more
    )


def one_session(**more: Any) -> OneSession:
    """Its statistics."""
    return OneSession(**session(**more), **FRESH)


def sessions(count: int, cursor: str | None = None) -> Page[Any]:
    """A page of sessions, the latest open, the one before it empty."""
    rows = [Session(**session(count))]
    for back in range(1, count):
        opened = NOW - back * DAY
        end = opened + 5 * HOUR
        over = {"last_at": end, "empty_since": end, "closed_at": end if back > 1 else None}
        rows.append(Session(**session(count - back, opened_at=opened, members=0, **over)))
    return page(Session, rows, cursor)


def participant(ref: str | None, joined: int, left: int | None, **more: Any) -> Participant:
    """One who joined and left so many minutes ago."""
    times = {"joined_at": NOW - joined * MINUTE, "present_ms": 20 * MINUTE, "joins": 1}
    gone = None if left is None else NOW - left * MINUTE
    reason = {"left_at": gone, "left_because": None if left is None else "closed"}
    return Participant(**user(ref), **{"role": "commenter", **times, **reason, **more})


def line(minutes: int, what: Any, ref: str | None = None, detail: str | None = None) -> Activity:
    """A line of the trail, so many minutes ago."""
    at = NOW - minutes * MINUTE
    return Activity(at=at, what=what, detail=detail, session=1, **user(ref))


def crowd(count: int) -> tuple[list[Participant], list[Activity]]:
    """So many participants who come and go within two hours; the trail newest first."""
    dice = random.Random(count)
    people: list[Participant] = []
    trail = [line(120, "opened")]
    for place in range(count):
        ref = GUEST[:4] + f"{place:060x}" if place % 7 == 3 else f"user-{place:03}"
        joined = dice.randint(20, 119)
        left = dice.choice([None, dice.randint(1, joined)])
        reason = dice.choice(["closed", "timeout", "closed"])
        people.append(participant(ref, joined, left, left_because=reason if left else None))
        trail.append(line(joined, "joined", ref, "commenter"))
        if left:
            trail.append(line(left, "left", ref, reason))
        if place % 11 == 5:
            trail.append(line(max(joined - 5, left or 0), "role", ref, "operator"))
    return people, sorted(trail, key=lambda told: told.at, reverse=True)
