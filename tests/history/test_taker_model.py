"""The rows against a naive model, over random stories, on both databases."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine, delete
from sqlalchemy.pool import StaticPool

from presence_server.history.facts import Batch, Ended, Moved, Opened, Refused
from presence_server.history.store.database import prepare
from presence_server.history.store.engine import writer
from presence_server.history.store.schema import metadata
from presence_server.history.store.taker import Taker
from tests.history.model_parts import DAY
from tests.history.named import all_rows, named_rows
from tests.history.stories import CUTS, RULES, Cut, Story, batches, play, stories, told
from tests.support.postgres import Postgres

SHARED = (HealthCheck.function_scoped_fixture, HealthCheck.too_slow)
QUICK = settings(max_examples=40, deadline=None, suppress_health_check=SHARED)
FEW = settings(max_examples=8, deadline=None, suppress_health_check=SHARED)
LONG = settings(max_examples=600, deadline=None, suppress_health_check=SHARED)


@pytest.fixture(scope="module")
def memory() -> Iterator[Engine]:
    """A database that is quick."""
    engine = create_engine("sqlite://", poolclass=StaticPool)
    metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def real(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Engine]]:
    """A file and a PostgreSQL, as the writer opens them."""
    folder = tmp_path_factory.mktemp("history")
    addresses = [f"sqlite:///{folder}/presence.db", postgres.new_database()]
    for address in addresses:
        prepare(address)
    engines = [writer(address) for address in addresses]
    yield engines
    for engine in engines:
        engine.dispose()


def wipe(engine: Engine) -> None:
    """Delete all rows."""
    with engine.begin() as connection:
        for table in metadata.sorted_tables:
            connection.execute(delete(table))


def retold(engine: Engine, story: Story, cuts: list[Cut]) -> None:
    """Tell a story to an empty database."""
    wipe(engine)
    play(Taker(engine, RULES), story, cuts)


def assert_it_says_what_happened(engine: Engine, story: Story) -> None:
    """Compare with the model, table by table."""
    rows = named_rows(engine)
    for table, counted in told(story).rows().items():
        assert rows[table] == counted, table


def assert_it_holds_together(engine: Engine) -> None:
    """What must be true whatever happened."""
    rows = named_rows(engine)
    spans: dict[object, int] = {}
    for version, user, began, ended, since, *_ in rows["views"]:
        assert began >= spans.get((version, user), 0), "two viewings of one key overlap"
        spans[version, user] = since if ended is None else ended
        assert ended is None or 0 <= ended - began <= DAY
    lines = [line for trail in rows["activity"].values() for line in trail]
    came, went = (
        [(room, session, user) for room, session, _, what, user, _ in lines if what == word]
        for word in ("joined", "left")
    )
    there = [key for key, person in rows["participants"].items() if person[2] is None]
    assert sorted(came) == sorted([*went, *there]), "each join has one leave"


@QUICK
@given(story=stories(), cuts=CUTS)
def test_the_rows_say_what_a_naive_recount_says(
    memory: Engine, story: Story, cuts: list[Cut]
) -> None:
    retold(memory, story, cuts)
    assert_it_says_what_happened(memory, story)
    assert_it_holds_together(memory)


def test_a_tab_that_turns_into_a_guests_is_named_by_the_key_of_its_day(memory: Engine) -> None:
    day = 20_000 * DAY
    opened = Opened(day, "r1", "u1", False, 1, "viewer")
    turned = Moved(day + 1, "r1", "u1", True, 1, "viewer", None, None, None, False)
    later = Refused(day + DAY, "r1", "g1", True, "room_users")
    wipe(memory)
    taker = Taker(memory, RULES)
    taker.begin("run")
    taker.take([Batch("run", 1, opened.at, [opened])])
    taker.take([Batch("run", 2, later.at, [turned, later])])
    assert_it_says_what_happened(memory, [opened, turned, later])


def test_a_guests_tab_that_is_there_again_is_named_by_the_key_of_its_day(memory: Engine) -> None:
    day = 20_000 * DAY
    opened = Opened(day, "r1", "g1", True, 1, "viewer")
    ended = Ended(day + 1, "r1", "g1", True, 1, "closed")
    again = Moved(day + DAY, "r1", "g1", True, 1, "viewer", None, None, None, False)
    later = Refused(day + 2 * DAY, "r1", "g2", True, "room_users")
    wipe(memory)
    taker = Taker(memory, RULES)
    taker.begin("run")
    taker.take([Batch("run", 1, opened.at, [opened])])
    taker.take([Batch("run", 2, later.at, [ended, again, later])])
    assert_it_says_what_happened(memory, [opened, ended, again, later])


@pytest.mark.proof
@pytest.mark.timeout(600)
@LONG
@given(story=stories(80), cuts=CUTS)
def test_long_stories_are_told_right_too(memory: Engine, story: Story, cuts: list[Cut]) -> None:
    retold(memory, story, cuts)
    assert_it_says_what_happened(memory, story)
    assert_it_holds_together(memory)


@QUICK
@given(story=stories(), cuts=CUTS, others=CUTS)
def test_however_facts_are_cut_into_transactions_the_rows_are_the_same(
    memory: Engine, story: Story, cuts: list[Cut], others: list[Cut]
) -> None:
    story = [fact for fact in story if not getattr(fact, "is_guest", False)]
    if story:
        retold(memory, story, cuts)
        one = but_progress(all_rows(memory))
        retold(memory, story, others)
        assert but_progress(all_rows(memory)) == one


@QUICK
@given(story=stories(), cuts=CUTS, again=st.lists(st.integers(0, 5), min_size=1, max_size=6))
def test_a_batch_that_is_taken_again_changes_nothing(
    memory: Engine, story: Story, cuts: list[Cut], again: list[int]
) -> None:
    """The recorder sends again what it got no word about: some batches before, and the new ones."""
    wipe(memory)
    taker = Taker(memory, RULES)
    sent: list[Batch] = []
    for turn, together in enumerate(batches(story, cuts)):
        if sent and together and sent[-1].run != together[0].run:
            sent = []
        sent += together
        if together:
            taker.take(sent[-len(together) - again[turn % len(again)] :])
            before = all_rows(memory)
            Taker(memory, RULES).take(sent)
            assert all_rows(memory) == before
    assert_it_holds_together(memory)


@FEW
@given(story=stories(), cuts=CUTS)
def test_sqlite_and_postgresql_hold_the_same_rows(
    real: list[Engine], story: Story, cuts: list[Cut]
) -> None:
    story = [fact for fact in story if not getattr(fact, "is_guest", False)]
    if story:
        for engine in real:
            retold(engine, story, cuts)
        file, postgresql = map(all_rows, real)
        assert file == postgresql
        assert_it_says_what_happened(real[1], story)


def but_progress(rows: dict[str, list[tuple[object, ...]]]) -> object:
    """Without the number of the last batch."""
    return {name: of for name, of in rows.items() if name != "progress"}
