"""The tables as they were first: see `schema`, which a test compares with these."""

from typing import Final

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    UniqueConstraint,
    text,
)

revision: Final = "0001"
down_revision: Final = None


def _number(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "activity",
        Column("id", BigInteger, autoincrement=False, nullable=False),
        _number("at"),
        _number("room_id"),
        Column("session_id", BigInteger, nullable=True),
        Column("user_id", BigInteger, nullable=True),
        Column("what", String(16), nullable=False),
        Column("detail", String(128), nullable=True),
        PrimaryKeyConstraint("id", name="pk_activity"),
    )
    op.create_index("ix_activity_at", "activity", ["at"])
    op.create_index("ix_activity_room", "activity", ["room_id", "at", "id"])
    op.create_index("ix_activity_session", "activity", ["session_id", "at", "id"])
    op.create_index("ix_activity_user", "activity", ["user_id"])

    op.create_table(
        "days",
        Column("resource_id", BigInteger, autoincrement=False, nullable=False),
        Column("day", Integer, autoincrement=False, nullable=False),
        _number("room_id"),
        _number("views"),
        _number("opens"),
        _number("active_ms"),
        _number("uniques"),
        PrimaryKeyConstraint("resource_id", "day", name="pk_days"),
    )
    op.create_index("ix_days_room", "days", ["room_id", "day", "resource_id", "views"])

    op.create_table(
        "gaps",
        Column("id", BigInteger, autoincrement=False, nullable=False),
        _number("since"),
        _number("until"),
        _number("dropped"),
        PrimaryKeyConstraint("id", name="pk_gaps"),
    )

    op.create_table(
        "guest_keys",
        Column("id", BigInteger, autoincrement=False, nullable=False),
        Column("secret", LargeBinary(32), nullable=False),
        _number("began_at"),
        Column("ended_at", BigInteger, nullable=True),
        PrimaryKeyConstraint("id", name="pk_guest_keys"),
    )

    op.create_table(
        "participants",
        Column("session_id", BigInteger, autoincrement=False, nullable=False),
        Column("user_id", BigInteger, autoincrement=False, nullable=False),
        Column("role", String(16), nullable=False),
        _number("joined_at"),
        Column("left_at", BigInteger, nullable=True),
        Column("left_because", String(16), nullable=True),
        _number("joins"),
        Column("tabs", Integer, nullable=False),
        _number("present_ms"),
        _number("since"),
        PrimaryKeyConstraint("session_id", "user_id", name="pk_participants"),
    )
    op.create_index(
        "ix_participants_joined", "participants", ["session_id", "joined_at", "user_id"]
    )
    op.create_index("ix_participants_user", "participants", ["user_id"])

    op.create_table(
        "progress",
        Column("id", BigInteger, autoincrement=False, nullable=False),
        Column("run", String(32), nullable=False),
        _number("number"),
        _number("at"),
        Column("half_life", Integer, nullable=False),
        _number("ledger_from"),
        _number("last_view"),
        PrimaryKeyConstraint("id", name="pk_progress"),
    )

    op.create_table(
        "resource_viewers",
        Column("resource_id", BigInteger, autoincrement=False, nullable=False),
        Column("user_id", BigInteger, autoincrement=False, nullable=False),
        _number("room_id"),
        _number("views"),
        _number("opens"),
        _number("active_ms"),
        _number("first_at"),
        _number("last_at"),
        Column("last_day", Integer, nullable=False),
        _number("base_views"),
        _number("base_opens"),
        _number("base_active_ms"),
        PrimaryKeyConstraint("resource_id", "user_id", name="pk_resource_viewers"),
    )
    op.create_index(
        "ix_resource_viewers_last", "resource_viewers", ["resource_id", "last_at", "user_id"]
    )
    op.create_index(
        "ix_resource_viewers_room", "resource_viewers", ["room_id", "last_at", "resource_id"]
    )
    op.create_index("ix_resource_viewers_user", "resource_viewers", ["user_id"])

    op.create_table(
        "resources",
        Column("id", BigInteger, autoincrement=False, nullable=False),
        _number("room_id"),
        Column("kind", String(128), nullable=False),
        Column("ref", String(128), nullable=False),
        _number("views"),
        _number("opens"),
        _number("active_ms"),
        _number("uniques"),
        _number("first_at"),
        _number("last_at"),
        Column("trend", Float(53), nullable=False),
        _number("base_views"),
        _number("base_opens"),
        _number("base_active_ms"),
        _number("base_uniques"),
        PrimaryKeyConstraint("id", name="pk_resources"),
        UniqueConstraint("room_id", "kind", "ref", name="uq_resources_room_id"),
    )
    op.create_index("ix_resources_kind_trend", "resources", ["room_id", "kind", "trend", "id"])
    op.create_index("ix_resources_kind_uniques", "resources", ["room_id", "kind", "uniques", "id"])
    op.create_index("ix_resources_kind_views", "resources", ["room_id", "kind", "views", "id"])
    op.create_index("ix_resources_trend", "resources", ["room_id", "trend", "id"])
    op.create_index("ix_resources_uniques", "resources", ["room_id", "uniques", "id"])
    op.create_index("ix_resources_views", "resources", ["room_id", "views", "id"])

    op.create_table(
        "room_days",
        Column("room_id", BigInteger, autoincrement=False, nullable=False),
        Column("day", Integer, autoincrement=False, nullable=False),
        _number("views"),
        _number("opens"),
        _number("active_ms"),
        _number("uniques"),
        PrimaryKeyConstraint("room_id", "day", name="pk_room_days"),
    )

    op.create_table(
        "rooms",
        Column("id", BigInteger, autoincrement=False, nullable=False),
        Column("ref", String(128), nullable=False),
        PrimaryKeyConstraint("id", name="pk_rooms"),
        UniqueConstraint("ref", name="uq_rooms_ref"),
    )

    op.create_table(
        "sessions",
        Column("id", BigInteger, autoincrement=False, nullable=False),
        _number("room_id"),
        _number("opened_at"),
        _number("last_at"),
        Column("empty_since", BigInteger, nullable=True),
        Column("closed_at", BigInteger, nullable=True),
        _number("users"),
        _number("joins"),
        _number("members"),
        _number("peak"),
        _number("views"),
        PrimaryKeyConstraint("id", name="pk_sessions"),
    )
    op.create_index(
        "ix_sessions_live",
        "sessions",
        ["room_id"],
        sqlite_where=text("closed_at IS NULL"),
        postgresql_where=text("closed_at IS NULL"),
    )
    op.create_index("ix_sessions_open", "sessions", ["closed_at", "empty_since"])
    op.create_index("ix_sessions_room", "sessions", ["room_id", "opened_at", "id"])

    op.create_table(
        "tabs",
        Column("room_id", BigInteger, autoincrement=False, nullable=False),
        Column("tab", BigInteger, autoincrement=False, nullable=False),
        _number("user_id"),
        Column("version_id", BigInteger, nullable=True),
        PrimaryKeyConstraint("room_id", "tab", name="pk_tabs"),
    )

    op.create_table(
        "users",
        Column("id", BigInteger, autoincrement=False, nullable=False),
        _number("room_id"),
        Column("ref", String(128), nullable=True),
        Column("is_guest", Boolean, nullable=False),
        PrimaryKeyConstraint("id", name="pk_users"),
        UniqueConstraint("room_id", "ref", "is_guest", name="uq_users_room_id"),
    )
    op.create_index(
        "ix_users_inexact",
        "users",
        ["room_id", "id"],
        sqlite_where=text("is_guest = 1 OR ref IS NULL"),
        postgresql_where=text("is_guest OR ref IS NULL"),
    )
    op.create_index("ix_users_ref", "users", ["ref"])

    op.create_table(
        "versions",
        Column("id", BigInteger, autoincrement=False, nullable=False),
        _number("resource_id"),
        Column("ref", String(128), nullable=False),
        _number("views"),
        _number("opens"),
        _number("active_ms"),
        _number("uniques"),
        _number("first_at"),
        _number("last_at"),
        _number("base_views"),
        _number("base_opens"),
        _number("base_active_ms"),
        _number("base_uniques"),
        PrimaryKeyConstraint("id", name="pk_versions"),
        UniqueConstraint("resource_id", "ref", name="uq_versions_resource_id"),
    )
    op.create_index("ix_versions_newest", "versions", ["resource_id", "id"])

    op.create_table(
        "viewers",
        Column("version_id", BigInteger, autoincrement=False, nullable=False),
        Column("user_id", BigInteger, autoincrement=False, nullable=False),
        _number("resource_id"),
        _number("views"),
        _number("opens"),
        _number("active_ms"),
        _number("first_at"),
        _number("last_at"),
        _number("base_views"),
        _number("base_opens"),
        _number("base_active_ms"),
        _number("view_id"),
        _number("view_began_at"),
        Column("tabs", Integer, nullable=False),
        PrimaryKeyConstraint("version_id", "user_id", name="pk_viewers"),
    )
    op.create_index("ix_viewers_last", "viewers", ["last_at"])
    op.create_index(
        "ix_viewers_looking",
        "viewers",
        ["view_began_at"],
        sqlite_where=text("tabs > 0"),
        postgresql_where=text("tabs > 0"),
    )
    op.create_index("ix_viewers_resource", "viewers", ["resource_id", "user_id"])
    op.create_index("ix_viewers_user", "viewers", ["user_id"])
    op.create_index("ix_viewers_version", "viewers", ["version_id", "last_at", "user_id"])

    op.create_table(
        "views",
        Column("began_at", BigInteger, autoincrement=False, nullable=False),
        Column("id", BigInteger, autoincrement=False, nullable=False),
        _number("room_id"),
        _number("resource_id"),
        _number("version_id"),
        _number("user_id"),
        Column("ended_at", BigInteger, nullable=True),
        Column("since", BigInteger, nullable=True),
        _number("opens"),
        _number("active_ms"),
        Column("ended_by", SmallInteger, nullable=True),
        PrimaryKeyConstraint("began_at", "id", name="pk_views"),
        postgresql_partition_by="RANGE (began_at)",
    )
    op.create_index("ix_views_resource", "views", ["resource_id", "began_at", "id"])
    op.create_index("ix_views_room", "views", ["room_id", "began_at", "id"])
    op.create_index("ix_views_user", "views", ["user_id", "began_at", "id"])
    op.create_index("ix_views_version", "views", ["version_id", "began_at", "id"])
