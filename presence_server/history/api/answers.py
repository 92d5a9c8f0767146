"""What questions are answered with: the contract that the command line and the page read too.

JSON is camelCase. Times are UTC milliseconds, durations milliseconds, days `2026-11-22`.
"""

from typing import Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

Row = TypeVar("Row")


class Answer(BaseModel):
    """Any part of an answer."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, extra="forbid"
    )


class Asked(Answer):
    """Every answer says how fresh it is."""

    as_of: int = Field(description="everything that happened before this is in the answer")
    lag_ms: int = Field(ge=0, description="how long before the answer that was")


class Page(Asked, Generic[Row]):
    """Some rows, and where to go on."""

    rows: list[Row]
    next: str | None = Field(description="`cursor` of the next page; null on the last")


class Who(Answer):
    """A user: `userId` is null for one who was erased, a pseudonym for a guest."""

    user_id: str | None
    is_guest: bool


class Counts(Answer):
    """How often and how long."""

    views: int = Field(ge=0, description="viewings; a return within five minutes is the same one")
    opens: int = Field(ge=0, description="openings, further tabs and returns included")
    active_ms: int = Field(ge=0, description="how long somebody looked, away left out")
    first_at: int
    last_at: int


class Viewer(Who, Counts):
    """What a user did with a version, or with all of a resource's."""

    is_looking: bool


class VersionCounts(Counts):
    """A version: `version` is null where clients named none."""

    version: str | None
    uniques: int


class Resource(Counts):
    """A resource's totals."""

    type: str
    id: str
    uniques: int
    trend: float = Field(description="views, each half as much after every half-life")


class ResourceStatistics(Asked, Resource):
    """Totals of a resource, and of its versions (the latest 100)."""

    versions: list[VersionCounts]
    is_exact: bool = Field(
        description="whether uniques are; guests with new pseudonyms and erased users count again"
    )


class Seen(Asked, Who):
    """Whether a user has seen any version, and which (the latest 100)."""

    seen: bool
    versions: list["SeenVersion"]


class SeenVersion(Counts):
    """A version that a user saw."""

    version: str | None


class Top(Asked):
    """The resources with the most, most first."""

    by: Literal["views", "uniques", "trend"]
    days: int | None = Field(description="of so many days, today included; null is all time")
    rows: list[Resource]
    is_exact: bool


class Day(Answer):
    """What began on a day (UTC)."""

    day: str
    views: int
    opens: int
    uniques: int = Field(description="users, each once, whatever they looked at")
    active_ms: int


class Days(Asked):
    """A row for each day, those without views included, oldest first."""

    rows: list[Day]


EndedBy = Literal["left", "moved", "away", "day", "server_stopped", "server_lost", "gap", "erased"]


class View(Who):
    """One viewing."""

    began_at: int
    ended_at: int | None = Field(description="null while somebody looks")
    ended_by: EndedBy | None
    opens: int
    active_ms: int
    type: str
    id: str
    version: str | None


class Matrix(Asked):
    """Versions × users of a resource: the latest 50 of each."""

    versions: list[str | None]
    users: list["MatrixRow"]


class MatrixRow(Who):
    """A user's views of each of the versions, in their order."""

    views: list[int]


class Session(Answer):
    """From the first join until the room was empty for long."""

    session: int
    opened_at: int
    last_at: int
    empty_since: int | None
    closed_at: int | None
    users: int = Field(description="who were there, each once")
    joins: int
    members: int = Field(description="who are there now")
    peak: int = Field(description="most users at once")
    views: int


class OneSession(Asked, Session):
    """A session's statistics."""


LeftBecause = Literal[
    "closed",
    "timeout",
    "kicked",
    "expired",
    "untracked",
    "server_stopped",
    "server_lost",
    "gap",
    "erased",
]


class Participant(Who):
    """A user of a session."""

    role: Literal["viewer", "commenter", "operator"]
    joined_at: int
    left_at: int | None = Field(description="null while there")
    left_because: LeftBecause | None
    joins: int
    present_ms: int


What = Literal[
    "opened",
    "joined",
    "left",
    "role",
    "removed",
    "refused",
    "ended",
    "closed",
    "exported",
    "erased",
    "gap",
]


class Activity(Answer):
    """A line of the trail; `userId` is null where it is about nobody, or one who was erased."""

    at: int
    what: What
    user_id: str | None
    is_guest: bool
    detail: str | None = Field(description="the reason, the role, what was exported")
    session: int | None


class Erased(Asked):
    """How many users (one for each room), or resources, were erased."""

    erased: int


class Difference(Answer):
    """Where statistics are not what the ledger says."""

    table: str
    row: str
    column: str
    stored: float
    counted: float


class Checked(Asked):
    """The result of a check: the first 100 differences."""

    rows_checked: int
    differences: list[Difference]
