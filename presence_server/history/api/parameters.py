"""What a question may say: each parameter is checked as strictly as on the wire.

Pydantic would take more than is said: ` +1_0.0 ` for a number, `on` for true, seconds for a day.
"""

import re
from collections.abc import Callable
from datetime import date
from typing import Annotated, Any, Final, TypeVar, get_args

from fastapi import Query
from pydantic import PlainValidator, WithJsonSchema

from presence_server.core import text
from presence_server.history.api.formats import Format as Form
from presence_server.history.read.top import By as Measure

MAX_LIMIT: Final = 1_000
MAX_TOP: Final = 100
MAX_DAYS: Final = 400
MAX_SESSION: Final = 2**63 - 1
MAX_CURSOR: Final = 256

_IDS: Final = "has 1-128 bytes, no control characters"

SENTENCES: Final = {
    "room": "a room's id has 1-128 characters of A-Z a-z 0-9 . _ : ~ -",
    "type": f"a resource's type {_IDS}",
    "id": f"a resource's id {_IDS}",
    "version": "a version's id has at most 128 bytes, no control characters",
    "user": f"a user's id {_IDS}",
    "guest": "guest is true or false",
    "limit": f"a limit is a number from 1 to {MAX_LIMIT:,}; of the top, to {MAX_TOP}",
    "cursor": "a cursor is what the page before gave as `next`, for the same question",
    "by": "the top is by views, uniques or trend",
    "days": f"days are a number from 1 to {MAX_DAYS}",
    "until": "a day looks like 2026-11-22",
    "session": "a session has a number from 1 on",
    "format": "a format is csv or ndjson",
}
"""What each has to be, for people; the code is `bad_` and its name."""

_DIGITS: Final = re.compile(r"[0-9]{1,19}")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

Schema = dict[str, Any]
T = TypeVar("T")


def _string(example: str, pattern: str, most: int = text.MAX_ID, least: int = 1) -> Schema:
    bounds = {"minLength": least, "maxLength": most, "pattern": pattern}
    return {"type": "string", **bounds, "examples": [example]}


def _id_string(example: str, least: int = 1) -> Schema:
    """`format` says that lengths are in bytes of UTF-8."""
    return {**_string(example, r"^[^\x00-\x1f\x7f-\x9f]*$", least=least), "format": "id"}


def _integer(most: int, **more: Any) -> Schema:
    return {"type": "integer", "minimum": 1, "maximum": most, **more}


def _room(given: str) -> str:
    if not text.is_room_id(given):
        raise ValueError
    return given


def _id(given: str) -> str:
    if not text.is_id(given):
        raise ValueError
    return given


def _version(given: str) -> str:
    return given and _id(given)


def _cursor(given: str) -> str:
    if len(given) > MAX_CURSOR:
        raise ValueError
    return given


def _flag(given: str) -> bool:
    if given not in ("true", "false"):
        raise ValueError
    return given == "true"


def _day(given: str) -> date:
    if not _DAY.fullmatch(given):
        raise ValueError
    return date.fromisoformat(given)


def _number(most: int) -> Callable[[str], int]:
    def number(given: str) -> int:
        if not _DIGITS.fullmatch(given) or not 1 <= int(given) <= most:
            raise ValueError
        return int(given)

    return number


def _one_of(*choices: str) -> Callable[[str], str]:
    def chosen(given: str) -> str:
        if given not in choices:
            raise ValueError
        return given

    return chosen


Room = Annotated[
    T,
    PlainValidator(_room),
    WithJsonSchema(_string("presence-acme", "^[A-Za-z0-9._:~-]+$")),
    Query(alias="room", description="A room."),
]
Kind = Annotated[
    T,
    PlainValidator(_id),
    WithJsonSchema(_id_string("document")),
    Query(alias="type", description="The type of a resource."),
]
Ref = Annotated[
    T,
    PlainValidator(_id),
    WithJsonSchema(_id_string("plan-7")),
    Query(alias="id", description="The id of a resource of this type."),
]
Version = Annotated[
    T,
    PlainValidator(_version),
    WithJsonSchema(_id_string("2", least=0)),
    Query(alias="version", description="A version of it; empty for what names none."),
]
User = Annotated[
    T,
    PlainValidator(_id),
    WithJsonSchema(_id_string("ann")),
    Query(alias="user", description="A user's id; a guest's own, or the pseudonym of an answer."),
]
Guest = Annotated[
    T,
    PlainValidator(_flag),
    WithJsonSchema({"type": "boolean"}),
    Query(alias="guest", description="Whether the user is a guest."),
]
Limit = Annotated[
    T,
    PlainValidator(_number(MAX_LIMIT)),
    WithJsonSchema(_integer(MAX_LIMIT)),
    Query(alias="limit", description="The most rows of a page."),
]
TopLimit = Annotated[
    T,
    PlainValidator(_number(MAX_TOP)),
    WithJsonSchema(_integer(MAX_TOP)),
    Query(alias="limit", description="How many."),
]
Cursor = Annotated[
    T,
    PlainValidator(_cursor),
    WithJsonSchema({"type": "string", "maxLength": MAX_CURSOR}),
    Query(alias="cursor", description="`next` of the page before; without it, the first."),
]
Days = Annotated[
    T,
    PlainValidator(_number(MAX_DAYS)),
    WithJsonSchema(_integer(MAX_DAYS, examples=[30])),
    Query(alias="days", description="How many days (UTC)."),
]
Until = Annotated[
    T,
    PlainValidator(_day),
    WithJsonSchema({"type": "string", "format": "date", "examples": ["2026-11-22"]}),
    Query(alias="until", description="The last of the days; without it, today."),
]
Session = Annotated[
    T,
    PlainValidator(_number(MAX_SESSION)),
    WithJsonSchema(_integer(MAX_SESSION, examples=[1])),
    Query(alias="session", description="The number of a session."),
]
By = Annotated[
    T,
    PlainValidator(_one_of(*get_args(Measure))),
    WithJsonSchema({"type": "string", "enum": [*get_args(Measure)]}),
    Query(alias="by", description="What the most is of."),
]
Format = Annotated[
    T,
    PlainValidator(_one_of(*get_args(Form))),
    WithJsonSchema({"type": "string", "enum": [*get_args(Form)]}),
    Query(alias="format", description="CSV (RFC 4180) with a header, or a JSON object a line."),
]
