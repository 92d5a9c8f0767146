"""The tables, for SQLite and PostgreSQL alike.

Times are UTC milliseconds, days are days since 1970-01-01 (UTC), durations milliseconds. There is
one writer: it numbers new rows itself, from the greatest id on, so that both databases hold the
same rows. Nothing here holds a name, a path, an address or a token; the ids of users stand in
`users.ref` and nowhere else.

`base_…` is what retention has taken away: of every such count, count = base + what the ledger says.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id() -> Column[int]:
    return Column("id", BigInteger, primary_key=True, autoincrement=False)


def _number(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable)


COUNTS: Final = ("views", "opens", "active_ms")


def _counts() -> list[Column[int]]:
    """Viewings, openings (a return and a further tab are one each), milliseconds looked at."""
    return [_number(name) for name in COUNTS]


def _base() -> list[Column[int]]:
    return [_number(f"base_{name}") for name in COUNTS]


def _span() -> list[Column[int]]:
    """When the first viewing began, and when the last was last opened or looked at."""
    return [_number("first_at"), _number("last_at")]


rooms = Table("rooms", metadata, _id(), Column("ref", String(128), nullable=False, unique=True))

users = Table(
    "users",
    metadata,
    _id(),
    _number("room_id"),
    # An erased user's is NULL; a guest's is the hex of its HMAC-SHA256.
    Column("ref", String(128)),
    Column("is_guest", Boolean, nullable=False),
    UniqueConstraint("room_id", "ref", "is_guest"),
    Index("ix_users_ref", "ref"),
    # Small: of those who would be counted again.
    Index(
        "ix_users_inexact",
        "room_id",
        "id",
        sqlite_where=text("is_guest = 1 OR ref IS NULL"),
        postgresql_where=text("is_guest OR ref IS NULL"),
    ),
)

resources = Table(
    "resources",
    metadata,
    _id(),
    _number("room_id"),
    Column("kind", String(128), nullable=False),
    Column("ref", String(128), nullable=False),
    *_counts(),
    _number("uniques"),
    *_span(),
    # The binary logarithm of the sum over days of views · 2^(day / half-life): see `fold/trend`.
    Column("trend", Float(53), nullable=False),
    *_base(),
    _number("base_uniques"),
    UniqueConstraint("room_id", "kind", "ref"),
    Index("ix_resources_views", "room_id", "views", "id"),
    Index("ix_resources_uniques", "room_id", "uniques", "id"),
    Index("ix_resources_trend", "room_id", "trend", "id"),
    Index("ix_resources_kind_views", "room_id", "kind", "views", "id"),
    Index("ix_resources_kind_uniques", "room_id", "kind", "uniques", "id"),
    Index("ix_resources_kind_trend", "room_id", "kind", "trend", "id"),
)

versions = Table(
    "versions",
    metadata,
    _id(),
    _number("resource_id"),
    # "" is no version.
    Column("ref", String(128), nullable=False),
    *_counts(),
    _number("uniques"),
    *_span(),
    *_base(),
    _number("base_uniques"),
    UniqueConstraint("resource_id", "ref"),
    Index("ix_versions_newest", "resource_id", "id"),
)

viewers = Table(
    "viewers",
    metadata,
    Column("version_id", BigInteger, primary_key=True, autoincrement=False),
    Column("user_id", BigInteger, primary_key=True, autoincrement=False),
    _number("resource_id"),
    *_counts(),
    *_span(),
    *_base(),
    # The latest viewing, which a return within five minutes of its end goes on with.
    _number("view_id"),
    _number("view_began_at"),
    # Tabs that look now.
    Column("tabs", Integer, nullable=False),
    Index("ix_viewers_version", "version_id", "last_at", "user_id"),
    Index("ix_viewers_user", "user_id"),
    Index("ix_viewers_resource", "resource_id", "user_id"),
    Index("ix_viewers_last", "last_at"),
    # Small: of who looks now, for the split after 24 hours.
    Index(
        "ix_viewers_looking",
        "view_began_at",
        sqlite_where=text("tabs > 0"),
        postgresql_where=text("tabs > 0"),
    ),
)
"""What each user did with each version."""

resource_viewers = Table(
    "resource_viewers",
    metadata,
    Column("resource_id", BigInteger, primary_key=True, autoincrement=False),
    Column("user_id", BigInteger, primary_key=True, autoincrement=False),
    _number("room_id"),
    *_counts(),
    *_span(),
    # The day of the latest viewing's begin: another on that day is no further unique of it.
    Column("last_day", Integer, nullable=False),
    *_base(),
    Index("ix_resource_viewers_last", "resource_id", "last_at", "user_id"),
    Index("ix_resource_viewers_room", "room_id", "last_at", "resource_id"),
    Index("ix_resource_viewers_user", "user_id"),
)
"""What each user did with all versions of a resource."""

days = Table(
    "days",
    metadata,
    Column("resource_id", BigInteger, primary_key=True, autoincrement=False),
    Column("day", Integer, primary_key=True, autoincrement=False),
    _number("room_id"),
    *_counts(),
    _number("uniques"),
    # With the views: those of a window are summed up without the table.
    Index("ix_days_room", "room_id", "day", "resource_id", "views"),
)
"""What began on each day. Kept for good."""

room_days = Table(
    "room_days",
    metadata,
    Column("room_id", BigInteger, primary_key=True, autoincrement=False),
    Column("day", Integer, primary_key=True, autoincrement=False),
    *_counts(),
    # Users, each once, whatever they looked at.
    _number("uniques"),
)
"""The same of whole rooms. Kept for good."""

views = Table(
    "views",
    metadata,
    # First, so that PostgreSQL can part the table by it.
    Column("began_at", BigInteger, primary_key=True, autoincrement=False),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    _number("room_id"),
    _number("resource_id"),
    _number("version_id"),
    _number("user_id"),
    # NULL while somebody looks; with `since`, the begin of the span that is not in active_ms yet.
    _number("ended_at", nullable=True),
    _number("since", nullable=True),
    _number("opens"),
    _number("active_ms"),
    # An index into `ENDS` of fold/viewings.
    Column("ended_by", SmallInteger),
    Index("ix_views_room", "room_id", "began_at", "id"),
    Index("ix_views_resource", "resource_id", "began_at", "id"),
    Index("ix_views_version", "version_id", "began_at", "id"),
    Index("ix_views_user", "user_id", "began_at", "id"),
    postgresql_partition_by="RANGE (began_at)",
)
"""The ledger: each viewing, by one user, of one version, whatever the tabs."""

tabs = Table(
    "tabs",
    metadata,
    Column("room_id", BigInteger, primary_key=True, autoincrement=False),
    Column("tab", BigInteger, primary_key=True, autoincrement=False),
    _number("user_id"),
    # NULL while it looks at nothing.
    _number("version_id", nullable=True),
)
"""The tabs that are open now."""

sessions = Table(
    "sessions",
    metadata,
    _id(),
    _number("room_id"),
    _number("opened_at"),
    _number("last_at"),
    # NULL while somebody is there.
    _number("empty_since", nullable=True),
    _number("closed_at", nullable=True),
    _number("users"),
    _number("joins"),
    _number("members"),
    _number("peak"),
    _number("views"),
    Index("ix_sessions_room", "room_id", "opened_at", "id"),
    Index("ix_sessions_open", "closed_at", "empty_since"),
    # Small: each room has one at most.
    Index(
        "ix_sessions_live",
        "room_id",
        sqlite_where=text("closed_at IS NULL"),
        postgresql_where=text("closed_at IS NULL"),
    ),
)

participants = Table(
    "participants",
    metadata,
    Column("session_id", BigInteger, primary_key=True, autoincrement=False),
    Column("user_id", BigInteger, primary_key=True, autoincrement=False),
    Column("role", String(16), nullable=False),
    _number("joined_at"),
    # NULL while there; then the last leave and its reason.
    _number("left_at", nullable=True),
    Column("left_because", String(16)),
    _number("joins"),
    # Tabs open now.
    Column("tabs", Integer, nullable=False),
    # Milliseconds there, up to the last leave; `since` is the last join.
    _number("present_ms"),
    _number("since"),
    Index("ix_participants_joined", "session_id", "joined_at", "user_id"),
    Index("ix_participants_user", "user_id"),
)

activity = Table(
    "activity",
    metadata,
    _id(),
    _number("at"),
    _number("room_id"),
    _number("session_id", nullable=True),
    _number("user_id", nullable=True),
    Column("what", String(16), nullable=False),
    # The reason of a leave or refusal, the role.
    Column("detail", String(128)),
    Index("ix_activity_session", "session_id", "at", "id"),
    Index("ix_activity_room", "room_id", "at", "id"),
    Index("ix_activity_user", "user_id"),
    Index("ix_activity_at", "at"),
)
"""The trail: opened, joined, left, role, removed, refused, ended, closed, exported, erased, gap."""

gaps = Table(
    "gaps",
    metadata,
    _id(),
    _number("since"),
    _number("until"),
    _number("dropped"),
)
"""When facts were lost, and how many."""

guest_keys = Table(
    "guest_keys",
    metadata,
    _id(),
    Column("secret", LargeBinary(32), nullable=False),
    _number("began_at"),
    # NULL while it is in use; 48 hours later it is gone.
    _number("ended_at", nullable=True),
)

progress = Table(
    "progress",
    metadata,
    _id(),
    Column("run", String(32), nullable=False),
    _number("number"),
    _number("at"),
    Column("half_life", Integer, nullable=False),
    _number("ledger_from"),
    # Parts of the ledger have no cheap greatest id.
    _number("last_view"),
)
"""One row: the last batch that was taken, the first time that the ledger still tells of, and the
last id that a viewing got.
"""
