"""What the measurements of history stand on: a database as a recorder would have left it."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from presence_server.history.store.check import Difference, check
from presence_server.history.store.engine import readers
from tests.bench import history
from tests.bench.history_ledger import Plan, ledger
from tests.bench.history_reads import QUESTIONS, by_database, drawn
from tests.bench.history_rows import fill, midnight_ms
from tests.bench.history_stage import Line

TINY = Plan(views=3_000, rooms=4, large_users=50, large_resources=40, users=20, resources=10)
UNTIL_MS = midnight_ms()


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> str:
    address = f"sqlite:///{tmp_path_factory.mktemp('filled')}/presence.db"
    fill(address, TINY, UNTIL_MS)
    return address


def test_the_statistics_that_are_filled_in_are_those_of_the_ledger(filled: str) -> None:
    engine = readers(filled)
    with engine.connect() as connection:
        found = [*check(connection)]
    engine.dispose()
    assert [one for one in found if isinstance(one, Difference)] == []
    assert len(found) > 0


def test_every_question_finds_something_in_what_is_filled_in(filled: str) -> None:
    lines = [*by_database(filled, drawn(filled, 3))]
    assert [line.what for line in lines] == [f"{question.name}, p95" for question in QUESTIONS]


def test_the_same_seed_draws_the_same_views() -> None:
    assert [*ledger(TINY, UNTIL_MS)] == [*ledger(TINY, UNTIL_MS)]
    assert [*ledger(replace(TINY, seed=8), UNTIL_MS)] != [*ledger(TINY, UNTIL_MS)]


def test_no_two_viewings_that_are_drawn_would_be_one() -> None:
    ends: dict[tuple[int, int], int] = {}
    for began, _, _, _, version, user, ended, *_ in ledger(TINY, UNTIL_MS):
        assert began > ends.get((version, user), 0) + 300_000
        ends[version, user] = ended


def test_a_line_says_whether_the_median_is_reached() -> None:
    assert "| 2.00 (1.00–9.00) ms | ≤ 3.00 ms | yes |" in str(Line("so", [9, 1, 2], "ms", 3))
    assert "**no**" in str(Line("so", [9, 4, 1], "ms", 3))


@pytest.mark.proof
@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_everything_is_measured_on_a_small_scale_and_nothing_is_lost(
    store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    history.main(["--quick", "--store", store, "--views", "3000"])
    said = capsys.readouterr().out
    for what in ("lost", "dropped", "not in the database"):
        assert re.search(rf", {what} \| 0 (views|facts) \| [^|]+\| yes", said), said
