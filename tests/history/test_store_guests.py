"""Guests have pseudonyms that no one can turn back, and that end with their key."""

import hashlib
import hmac
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from presence_server.history.fold.rules import DAY_MS
from presence_server.history.store.care import Care, Keeping
from presence_server.history.store.database import prepare
from presence_server.history.store.engine import writer
from presence_server.history.store.guests import Pseudonyms, Rotation, read_keys
from tests.history.store_world import MOSTLY_SQLITE

DAY = int(datetime(2026, 11, 22, tzinfo=UTC).timestamp() * 1_000)
MONTH = int(datetime(2026, 12, 1, tzinfo=UTC).timestamp() * 1_000)
KEEPING = Keeping(90, 400, "day")


@pytest.fixture
def engine(address: str) -> Iterator[Engine]:
    prepare(address)
    made = writer(address)
    yield made
    made.dispose()


def named(engine: Engine, pseudonyms: Pseudonyms, at: int, user: str = "guest") -> str:
    with engine.begin() as connection:
        return pseudonyms.of(connection, user, at)


def secrets_of(engine: Engine) -> list[bytes]:
    with engine.begin() as connection:
        return [key.secret for key in read_keys(connection)]


def test_a_pseudonym_is_the_hmac_under_a_random_key(engine: Engine) -> None:
    name = named(engine, Pseudonyms("month"), DAY)
    (secret,) = secrets_of(engine)
    assert name == hmac.new(secret, b"guest", hashlib.sha256).hexdigest()
    assert len(set(secret)) > 8


@MOSTLY_SQLITE
@pytest.mark.parametrize(
    ("rotation", "same", "other"),
    [
        ("day", DAY + DAY_MS - 1, DAY + DAY_MS),
        ("month", MONTH - 1, MONTH),
        ("off", DAY + 4_000 * DAY_MS, None),
    ],
)
def test_it_changes_at_the_begin_of_a_day_or_month(
    engine: Engine, rotation: Rotation, same: int, other: int | None
) -> None:
    pseudonyms = Pseudonyms(rotation)
    first = named(engine, pseudonyms, DAY + 5)
    assert named(engine, pseudonyms, same) == first
    assert other is None or named(engine, pseudonyms, other) != first


@MOSTLY_SQLITE
def test_a_fact_that_is_a_little_older_is_named_by_the_key_of_its_time(engine: Engine) -> None:
    pseudonyms = Pseudonyms("day")
    first = named(engine, pseudonyms, DAY + 5)
    second = named(engine, pseudonyms, DAY + DAY_MS)
    assert named(engine, pseudonyms, DAY + DAY_MS - 1) == first
    assert named(engine, pseudonyms, DAY - 1) == first
    assert named(engine, Pseudonyms("day"), DAY + DAY_MS + 1) == second
    assert len(secrets_of(engine)) == 2


@MOSTLY_SQLITE
def test_a_guest_is_found_under_every_key_that_lives(engine: Engine) -> None:
    pseudonyms = Pseudonyms("day")
    names = [named(engine, pseudonyms, DAY), named(engine, pseudonyms, DAY + DAY_MS)]
    with engine.begin() as connection:
        assert pseudonyms.known(connection, "guest") == names


@MOSTLY_SQLITE
def test_a_key_that_a_rollback_took_back_names_nobody(engine: Engine) -> None:
    pseudonyms = Pseudonyms("day")
    with engine.connect() as connection:
        with connection.begin() as change:
            lost = pseudonyms.of(connection, "guest", DAY)
            change.rollback()
        with connection.begin():
            assert pseudonyms.of(connection, "guest", DAY) != lost
    assert len(secrets_of(engine)) == 1


def test_a_key_is_destroyed_48_hours_after_its_day_guests_or_none(
    engine: Engine, address: str
) -> None:
    named(engine, Pseudonyms("day"), DAY + 5)
    (secret,) = secrets_of(engine)
    care_for(engine, DAY + 3 * DAY_MS - 1)
    assert secrets_of(engine) == [secret]
    care_for(engine, DAY + 3 * DAY_MS)
    assert secrets_of(engine) == []
    if address.startswith("sqlite"):
        files = Path(address.removeprefix("sqlite:///")).parent.iterdir()
        assert not any(secret in file.read_bytes() for file in files)


@MOSTLY_SQLITE
def test_with_off_a_key_is_kept(engine: Engine) -> None:
    named(engine, Pseudonyms("off"), DAY)
    care = Care(engine, KEEPING._replace(guest_key="off"))
    care.step(DAY + 4_000 * DAY_MS)
    assert len(secrets_of(engine)) == 1


@MOSTLY_SQLITE
def test_another_rotation_goes_on_from_the_key_that_is_there(engine: Engine) -> None:
    first = named(engine, Pseudonyms("off"), DAY)
    assert named(engine, Pseudonyms("month"), DAY + DAY_MS) == first
    assert named(engine, Pseudonyms("day"), DAY + DAY_MS) != first


def care_for(engine: Engine, now: int) -> None:
    """All that is to be done at a time."""
    care = Care(engine, KEEPING)
    while care.due(now):
        care.step(now)
