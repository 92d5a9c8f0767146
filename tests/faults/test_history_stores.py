"""What becomes of a database that facts are written to: they wait, and then all is there once."""

import random
import resource
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from presence_server.history import backlog as backlogs
from presence_server.history import writer as writers
from presence_server.history.clock import SteadyClock
from presence_server.history.facts import (
    AnyFact,
    Batch,
    Ended,
    Lost,
    Moved,
    Opened,
    Ready,
    Taken,
    Trouble,
)
from presence_server.history.recorder import Recorder
from presence_server.history.store import engine as engines
from presence_server.history.store.care import Care
from presence_server.history.store.check import Difference, check
from presence_server.history.store.guests import KEPT_MS, read_keys
from presence_server.metrics import Metrics
from tests.history.model_parts import DAY
from tests.history.named import named_rows
from tests.history.noting import attach, enter
from tests.history.scribe import SHORT, Crowd, Scribe, assert_it_says, retold
from tests.history.stories import EPOCH
from tests.history.test_process import Process
from tests.support.at_commit import AtCommit, Moment
from tests.support.postgres import Postgres
from tests.support.world import Client, World

KILLS = 40
ROOM_BYTES = 65_536
BUFFER = 40_000
ONE_BATCH = 4_000


@pytest.fixture(scope="module")
def cluster() -> Iterator[Postgres]:
    """A cluster that may be killed."""
    with Postgres() as running:
        yield running


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a writer waits for is short, and its wall clock is that of the facts."""
    monkeypatch.setattr(writers, "_wall_ms", lambda: EPOCH)
    monkeypatch.setattr(backlogs, "COMMIT_S", 0.02)
    monkeypatch.setattr(writers, "MOST_S", 0.1)
    monkeypatch.setattr(engines, "BUSY_S", 0.05)


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/presence.db"
    running: Postgres = request.getfixturevalue("cluster")
    return running.new_database()


def tell(scribe: Scribe, crowd: Crowd, batches: int, size: int = 7) -> None:
    """Have some batches taken."""
    for _ in range(batches):
        facts = crowd.facts(size)
        scribe.tell(facts, crowd.at)


# PostgreSQL is killed


@pytest.mark.parametrize(
    "is_killed", [False, pytest.param(True, marks=pytest.mark.proof)], ids=["cut", "killed"]
)
@pytest.mark.parametrize("moment", ["before", "during", "after"])
def test_whatever_becomes_of_a_commit_it_counts_once(
    cluster: Postgres, monkeypatch: pytest.MonkeyPatch, moment: Moment, is_killed: bool
) -> None:
    monkeypatch.setattr(Care, "due", lambda *_: False)  # it commits too
    address, crowd = cluster.new_database(), Crowd(1)
    with AtCommit(cluster.port) as proxy:
        through = address.replace(str(cluster.port), str(proxy.port))
        with Scribe(address, through=through) as scribe:
            tell(scribe, crowd, 3)
            scribe.settle()
            proxy.cut(moment, cluster.kill if is_killed else lambda: None)
            tell(scribe, crowd, 3)
            scribe.until(proxy.has_cut.is_set)
            if is_killed:
                cluster.start()
            assert scribe.waiting.facts
            if moment != "during":
                assert (scribe.number() > 3) is (moment == "after")
            proxy.mend()
            scribe.settle()
            assert scribe.troubles("gone") >= 1
            tell(scribe, crowd, 3)
            scribe.settle()
            scribe.assert_it_says(crowd.model)


@pytest.mark.proof
@pytest.mark.timeout(300)
def test_whenever_postgresql_is_killed_all_is_recorded_once() -> None:
    chance, crowd = random.Random(3), Crowd(3, SHORT)
    with Postgres(durable=True) as durable, Scribe(durable.new_database()) as scribe:
        for _ in range(KILLS):
            until = time.monotonic() + chance.uniform(0, 0.5)
            while time.monotonic() < until:
                tell(scribe, crowd, 1, chance.randrange(40))
                scribe.listen()
                time.sleep(0.005)
            durable.kill()
            tell(scribe, crowd, 2)
            durable.start()
        scribe.settle()
        assert scribe.troubles("gone") >= KILLS / 2
        scribe.assert_it_says(crowd.model)


# It is locked, or full


def test_a_database_that_another_locks_is_waited_for(tmp_path: Path) -> None:
    crowd = Crowd(4)
    with Scribe(f"sqlite:///{tmp_path}/presence.db") as scribe:
        tell(scribe, crowd, 3)
        scribe.settle()
        with locked(tmp_path / "presence.db"):
            tell(scribe, crowd, 3)
            scribe.until(lambda: scribe.troubles("locked") >= 5)
            assert scribe.waiting.facts == 21
        scribe.settle()
        scribe.assert_it_says(crowd.model)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Nobody else can write to a database."""
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        yield


@pytest.mark.proof
def test_a_table_of_postgresql_that_another_locks_is_waited_for(cluster: Postgres) -> None:
    address, crowd = cluster.new_database(), Crowd(5)
    with Scribe(address) as scribe:
        tell(scribe, crowd, 3)
        scribe.settle()
        with psycopg.connect(address) as holder:
            holder.execute("LOCK TABLE progress IN ACCESS EXCLUSIVE MODE")
            tell(scribe, crowd, 3)
            scribe.until(lambda: scribe.troubles("locked") >= 2)
            assert scribe.waiting.facts == 21
        scribe.settle()
        scribe.assert_it_says(crowd.model)


def test_a_second_server_waits_until_the_first_has_ended(address: str) -> None:
    crowd = Crowd(6)
    with Scribe(address, "first") as first:
        tell(first, crowd, 3)
        first.settle()
        second = Scribe(address, "second")
        with second:
            second.until(lambda: second.troubles("taken") >= 2)
            tell(first, crowd, 3)
            first.settle()
            first.writer.finish()
            first.writer.ended.result(10)
            crowd.model.new_run()
            tell(second, crowd, 3)
            second.settle()
            second.assert_it_says(crowd.model)


def test_a_disk_without_room_is_waited_for(tmp_path: Path) -> None:
    """No room is a limit on the size of files here."""
    crowd = Crowd(7, people=[("u1", False), ("u2", False)])
    with Process(tmp_path) as process:
        assert process.answer() == Ready(0)
        limit(process, ROOM_BYTES)
        for number in range(1, 6):
            facts = crowd.facts(100)
            process._send(Batch("run", number, crowd.at, facts))
        for _ in range(2):
            trouble = process.answer()
            assert isinstance(trouble, Trouble)
            assert trouble.why == "full"
        limit(process, resource.RLIM_INFINITY)
        while process.answer() != Taken(5):
            pass
    assert_it_says(f"sqlite:///{process.database}", crowd.model)


def limit(process: Process, size: int) -> None:
    """Have it write no file beyond that."""
    pid = process.process.pid
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


# Ten minutes without it, in the time of a fake loop


class Stage:
    """A gateway in memory whose facts a real writer takes; and one beside it to which all is told,
    from the same facts, whatever waits.
    """

    def __init__(self, address: str, run: str = "run") -> None:
        self.world = World()
        self.all = attach(self.world, 1 << 30)
        self.metrics = Metrics()
        clock = SteadyClock(self.world.wall, self.world.loop.time)
        self.recorder = Recorder(run, BUFFER, clock.now_ms, self.world.loop, self.metrics)
        taken = self.recorder.taken
        self.scribe = Scribe(address, run, self.recorder.waiting, taken)
        self.recorder.start(self.world.gateway.rooms, self.scribe)
        self.world.gateway.rooms._listeners = (self.recorder, self.all.recorder)

    def live(self, seconds: float, people: Sequence[Client] = (), chance: float = 0.5) -> None:
        """Let time pass, in which people move about."""
        for second in range(round(seconds)):
            for one in people:
                if self.world.random.random() < chance:
                    look(one, f"doc-{second % 5}")
            self.world.loop.advance(1)
            self.scribe.listen()

    def settle(self) -> None:
        """Let time pass until all is taken."""

        def is_settled() -> bool:
            self.world.loop.advance(0.2)
            return not self.recorder._has_work() and not self.recorder.waiting.facts

        self.scribe.until(is_settled)


def look(one: Client, ref: str) -> None:
    """Look at something."""
    one.update(f"/{ref}", resourceType="doc", resourceId=ref, versionId="v1")


def test_in_ten_minutes_without_a_store_no_more_waits_than_may_and_the_rest_is_a_gap(
    tmp_path: Path,
) -> None:
    stage = Stage(f"sqlite:///{tmp_path}/presence.db")
    world = stage.world
    with stage.scribe as scribe:
        people = [enter(world, f"user-{n}", f"pk-{n}", f"room-{n % 2}") for n in range(6)]
        stage.live(5, people)
        stage.settle()
        with locked(tmp_path / "presence.db"):
            for _ in range(10):
                stage.live(60, people)
                people.pop().close()
                people.insert(0, enter(world, "late", f"pk-{len(world.clients)}", "room-2"))
                assert stage.recorder.waiting.size < BUFFER + ONE_BATCH
                assert len(stage.recorder._queue) < ONE_BATCH
            assert scribe.troubles("locked")
        stage.settle()
        stage.live(3, people)
        stage.settle()
        told = [fact for batch in scribe.told for fact in batch.facts]
        [lost] = [fact for fact in told if isinstance(fact, Lost)]
        dropped = stage.metrics.history_dropped.value
        assert dropped > 0
        check_what_was_dropped(stage, told, lost, dropped)
        rows = named_rows(scribe.readers)
        assert rows["gaps"] == [(lost.since, lost.at, dropped)]
        gaps = [line for trail in rows["activity"].values() for line in trail if line[3] == "gap"]
        assert {line[0] for line in gaps} == {"room-0", "room-1", "room-2"}
        there = {(one.room, one.tab) for one in stage.all.of(Opened)} - {
            (one.room, one.tab) for one in stage.all.of(Ended)
        }
        assert {(room, tab) for room, tab, *_ in rows["tabs"]} == there
        scribe.assert_it_says(retold(scribe.told))


def check_what_was_dropped(stage: Stage, told: list[AnyFact], lost: Lost, dropped: int) -> None:
    """Nothing is missing but what is counted as dropped."""
    before = [fact for fact in told if fact.at <= lost.since and fact is not lost]
    everything = stage.all.facts
    assert everything[: len(before)] == before
    missing = [fact for fact in everything[len(before) :] if fact.at <= lost.at]
    assert len(missing) == dropped


# The clock, and the keys of guests


@pytest.mark.parametrize("jump", [3_600, -3_600], ids=["ahead", "back"])
def test_a_wall_clock_that_jumps_an_hour_makes_no_view_longer_or_shorter(
    tmp_path: Path, jump: int
) -> None:
    address = f"sqlite:///{tmp_path}/presence.db"
    stage = Stage(address)
    with stage.scribe as scribe:
        ann, bob = stage.world.join("ann"), stage.world.join("bob")
        look(ann, "doc")
        began = stage.world.loop.now
        stage.live(60, [bob])
        stage.world.wall_offset += jump
        stage.live(60, [bob])
        ann.close()
        true_ms = (stage.world.loop.now - began) * 1_000
        stage.live(600, [bob], 0.02)
        stage.settle()
        [took] = [row[6] for row in named_rows(scribe.readers)["views"] if row[1][1] == "ann"]
        assert abs(took - true_ms) < 6_100
        scribe.assert_it_says(retold(scribe.told))
    check_next_run(Stage(address, "next"), jump)


def check_next_run(stage: Stage, jump: int) -> None:
    """The server is started again with the clock as it is now, or was; nothing overlaps."""
    stage.world.wall_offset += jump
    with stage.scribe as scribe:
        bob = stage.world.join("bob")
        stage.live(60, [bob])
        stage.settle()
        with scribe.readers.connect() as connection:
            assert [one for one in check(connection) if isinstance(one, Difference)] == []
        ended: dict[Any, int] = {}
        for version, user, began, until, *_ in named_rows(scribe.readers)["views"]:
            assert began >= ended.get((version, user), 0)
            ended[version, user] = until


def test_who_looks_on_when_the_keys_change_is_one_and_the_old_key_goes(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    midnight = (EPOCH // DAY + 1) * DAY
    guest, other = ("r", "g1", True, 1), ("r", "g1", True, 2)
    page, day = ("viewer", "page", "a", "1"), EPOCH // DAY * DAY
    with Scribe(address) as scribe:
        look_before = Moved(midnight - 1_000, *guest, *page, is_away=False)
        scribe.tell([look_before], midnight - 1_000)
        look_on = Moved(midnight + 1_000, *guest, "viewer", "page", "b", "1", is_away=False)
        scribe.tell([look_on, Moved(midnight + 2_000, *other, *page, is_away=False)], midnight)
        scribe.settle()
        views = named_rows(scribe.readers)["views"]
        assert [(row[0][2], row[1][1]) for row in views] == [
            *(("a", f"g1@{day}"), ("a", f"g1@{midnight}"), ("b", f"g1@{day}"))
        ]
        last = midnight + 3_000
        scribe.tell([Ended(last, *guest, "closed"), Ended(last, *other, "closed")], last)
        scribe.settle()
        scribe.assert_it_says(retold(scribe.told))
        [secret, _] = secrets_of(scribe)
        monkeypatch.setattr(writers, "_wall_ms", lambda: midnight + KEPT_MS)
        scribe.until(lambda: secret not in secrets_of(scribe))
        assert len(secrets_of(scribe)) == 1


def secrets_of(scribe: Scribe) -> list[bytes]:
    """The keys that there are."""
    with scribe.readers.connect() as connection:
        return [key.secret for key in read_keys(connection)]
