"""Parameters that only mean something together."""

from datetime import date
from typing import Final

from presence_server.history.api.errors import bad
from presence_server.history.api.source import Question
from presence_server.history.read.ledger import Asked
from presence_server.history.read.top import By

_EPOCH: Final = date(1970, 1, 1)
_DAY_MS: Final = 86_400_000


def check_resource(kind: str | None, ref: str | None, version: str | None = None) -> None:
    """See that a resource is named in full, or not at all.

    Raises:
        Refused: 400 if not.

    """
    if (kind is None) is not (ref is None):
        raise bad("type" if kind is None else "id", "`type` and `id` go together")
    if version is not None and ref is None:
        raise bad("version", "a `version` is one of a resource: name its `type` and `id` too")


def check_window(by: By, days: int | None) -> None:
    """See that there can be such a top.

    Raises:
        Refused: 400 if not.

    """
    if by == "trend" and days is not None:
        raise bad("days", "a trend is of all time: leave `days` out")


def narrowed(
    question: Question,
    kind: str | None,
    ref: str | None,
    version: str | None,
    user: str | None,
    *,
    is_guest: bool,
) -> Asked:
    """The part of the ledger that is asked for."""
    person = None if user is None else question.person(user, is_guest=is_guest)
    return Asked(kind, ref, version, person)


def last_day(until: date | None, now: int) -> int:
    """The day until which is asked, in days since 1970; today at UTC milliseconds `now`."""
    return now // _DAY_MS if until is None else (until - _EPOCH).days
