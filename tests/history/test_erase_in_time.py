"""What was noted before an erasure is erased with it, wherever it is on its way."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import orjson
import pytest
from sqlalchemy import Engine

from presence_server.history.api.app import create_api
from presence_server.history.facts import AnyFact, Moved, Opened
from presence_server.history.front import Front
from presence_server.history.store.erase import erase_user
from tests.history.noting import attach
from tests.history.recorded import Served
from tests.history.scribe import SOON_S, Scribe
from tests.history.stories import EPOCH
from tests.support.world import OPTIONS, ROOM, World

if TYPE_CHECKING:
    from concurrent.futures import Future

CANARY = "canary-5b1e9c"
HERE = (EPOCH, "room", CANARY, False, 1, "viewer")
SEEN: list[AnyFact] = [Opened(*HERE), Moved(*HERE, "doc", "d-1", None, False)]


@pytest.fixture
def scribe(tmp_path: Path) -> Iterator[Scribe]:
    """A real writer with a real file, which has begun."""
    with Scribe(f"sqlite:///{tmp_path}/presence.db", "a run") as made:
        made.settle()
        yield made


def users(scribe: Scribe) -> list[str | None]:
    """The ids of those who are known."""
    with scribe.readers.connect() as connection:
        return [*connection.exec_driver_sql("SELECT ref FROM users ORDER BY id").scalars()]


def left(folder: Path) -> list[str]:
    """The files that hold the id."""
    return [
        file.name for file in folder.glob("presence.db*") if CANARY.encode() in file.read_bytes()
    ]


def erase(scribe: Scribe, after: int) -> "Future[int]":
    """Have the id erased once so much is taken."""

    def work(engine: Engine) -> int:
        return erase_user(engine, None, CANARY, EPOCH)

    return scribe.writer.submit(work, after)


async def test_nobody_who_is_erased_comes_back_with_what_was_just_noted(
    scribe: Scribe, tmp_path: Path
) -> None:
    world = World(OPTIONS)
    recorder = attach(world).recorder
    recorder.waiting = scribe.waiting
    recorder.start(world.gateway.rooms, scribe)
    for user, resource in ((CANARY, "d-1"), ("bob", f"d-{CANARY}")):
        client = world.join(user, user)
        client.update("/a", resourceType="doc", resourceId=resource)
        client.close()
    assert scribe.told == [], "all of it is still to be packed"

    app = create_api(scribe.readers, scribe.writer.submit, lambda: EPOCH)
    front = Front(f"{tmp_path}/questions", lambda _: None, recorder.noted)
    of = {"room": ROOM, "type": "doc", "id": f"d-{CANARY}"}
    with Served(app, f"{tmp_path}/questions"):
        first = await front.ask("DELETE", "/v1/history/user", urlencode({"user": CANARY}))
        second = await front.ask("DELETE", "/v1/history/resource", urlencode(of))
    await front.close()
    assert [orjson.loads(bytes(one.body))["erased"] for one in (first, second)] == [1, 1]
    assert left(tmp_path) == []
    scribe.settle()
    assert users(scribe) == [None, "bob"]
    assert left(tmp_path) == []


def test_an_erasure_waits_for_batches_that_have_not_come_yet(
    scribe: Scribe, tmp_path: Path
) -> None:
    erased = erase(scribe, after=2)
    scribe.writer.submit(lambda _: None).result(SOON_S)  # others need not wait for it
    scribe.tell(SEEN[:1], EPOCH)
    scribe.settle()
    assert not erased.done()
    scribe.tell(SEEN[1:], EPOCH)
    assert erased.result(SOON_S) == 1
    assert (users(scribe), left(tmp_path)) == ([None], [])


def test_an_erasure_that_nobody_waits_for_any_more_is_none(scribe: Scribe) -> None:
    assert erase(scribe, after=1).cancel()
    scribe.tell(SEEN, EPOCH)
    scribe.settle()
    assert users(scribe) == [CANARY]


def test_at_the_end_nobody_waits_for_what_never_comes(scribe: Scribe) -> None:
    erased = erase(scribe, after=9)
    scribe.tell(SEEN, EPOCH)
    scribe.writer.finish()
    scribe.writer.ended.result(SOON_S)
    assert erased.cancelled()
    assert users(scribe) == [CANARY]
