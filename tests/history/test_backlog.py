"""When a transaction is due, which batches go into it, and what waits for which of them."""

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from presence_server.history.backlog import COMMIT_S, MAX_BATCHES, MOST_FACTS, Backlog
from presence_server.history.facts import MAX_FACTS, Batch, RoomEnded
from presence_server.history.jobs import Job, Jobs

NOW = 1_000.0
ENGINE: Any = None


def batch(number: int, facts: int = 1) -> Batch:
    """One of so many facts."""
    return Batch("run", number, number, [RoomEnded(number, "r")] * facts)


def backlog(*facts: int) -> Backlog:
    """Batches of so many facts each, numbered from 1; the last transaction was just now."""
    waiting = Backlog()
    waiting.committed(0, NOW)
    for number, count in enumerate(facts, 1):
        waiting.add(batch(number, count))
    return waiting


def numbers(batches: Sequence[Batch]) -> list[int]:
    """Of each."""
    return [one.number for one in batches]


# When


def test_a_transaction_is_due_a_second_after_the_last_one() -> None:
    waiting = backlog(1)
    assert waiting.pause_s(NOW) == COMMIT_S
    assert waiting.pause_s(NOW + 0.75) == COMMIT_S - 0.75
    assert waiting.pause_s(NOW + 60) == 0


def test_the_first_one_is_due_at_once() -> None:
    waiting = Backlog()
    waiting.add(batch(1))
    assert waiting.pause_s(0.0) == 0


@pytest.mark.parametrize("facts", [[MAX_FACTS], [MAX_FACTS - 1, 1], [0] * MAX_BATCHES])
def test_where_much_waits_one_is_due_at_once(facts: list[int]) -> None:
    assert backlog(*facts).pause_s(NOW) == 0
    assert backlog(*facts[:-1]).pause_s(NOW) > 0


def test_where_nothing_waits_none_ever_is() -> None:
    waiting = backlog(MAX_FACTS)
    waiting.committed(1, NOW)
    assert (len(waiting), waiting.pause_s(NOW + 60)) == (0, COMMIT_S)


# Which


def test_a_transaction_has_no_more_facts_than_it_may_but_one_batch_whatever_its_size() -> None:
    assert numbers(backlog(*[MAX_FACTS] * 6).next()) == [1, 2, 3, 4]
    assert numbers(backlog(MOST_FACTS + 1, 1).next()) == [1]
    assert numbers(backlog(MOST_FACTS, 0, 0, 1).next()) == [1, 2, 3]
    assert numbers(backlog().next()) == []


def test_what_is_not_said_to_be_committed_is_next_again() -> None:
    waiting = backlog(1, 1)
    assert numbers(waiting.next()) == numbers(waiting.next()) == [1, 2]
    waiting.let_go(1)
    assert numbers(waiting.next()) == [2]


def test_a_database_that_has_less_than_before_takes_nothing_back() -> None:
    waiting = backlog(1, 1, 1)
    waiting.let_go(2)
    waiting.let_go(0)
    assert (waiting.taken, numbers(waiting.next())) == (2, [3])


@given(st.lists(st.integers(0, MAX_FACTS), max_size=30))
def test_transaction_by_transaction_all_are_taken_once_in_order(facts: list[int]) -> None:
    waiting = backlog(*facts)
    taken: list[int] = []
    while waiting:
        together = waiting.next()
        assert sum(len(one.facts) for one in together) <= MOST_FACTS
        taken += numbers(together)
        waiting.committed(taken[-1], NOW)
    assert taken == [*range(1, len(facts) + 1)]
    assert waiting.pause_s(NOW) == COMMIT_S


# What waits for it


class Held:
    """Jobs, and which were done."""

    def __init__(self, *after: int) -> None:
        self.done: list[int] = []
        self.jobs = Jobs()
        self.futures: list[Future[Any]] = [Future() for _ in after]
        for future, number in zip(self.futures, after, strict=True):
            self.jobs.add(Job(lambda _, number=number: self.done.append(number), future, number))  # type: ignore[misc] # mypy can't infer a lambda with a default


def test_a_job_is_done_when_the_batch_that_it_waits_for_is_taken_and_in_its_turn() -> None:
    held = Held(2, 0, 3, 1)
    assert (held.jobs.is_any_due(0), held.jobs.awaited(0)) == (True, 1)
    held.jobs.do_due(ENGINE, 0)
    assert (held.done, held.jobs.is_any_due(0)) == ([0], False)
    held.jobs.do_due(ENGINE, 2)
    assert (held.done, held.jobs.awaited(2)) == ([0, 2, 1], 3)


def test_a_job_that_nobody_waits_for_any_more_is_not_done() -> None:
    held = Held(5)
    held.futures[0].cancel()
    assert (held.jobs.is_any_due(0), held.jobs.awaited(0)) == (True, None)
    held.jobs.do_due(ENGINE, 0)
    assert (held.done, len(held.jobs)) == ([], 0)


def test_what_a_job_fails_with_is_told_to_whoever_waits_and_the_next_is_done() -> None:
    jobs, futures = Jobs(), [Future[Any](), Future[Any]()]
    for future, work in zip(futures, (lambda _: 1 // 0, lambda _: "done"), strict=True):
        jobs.add(Job(work, future, 0))
    jobs.do_due(ENGINE, 0)
    assert isinstance(futures[0].exception(0), ZeroDivisionError)
    assert futures[1].result(0) == "done"


def test_a_batch_is_known_to_be_here_by_its_number() -> None:
    waiting = backlog(1, 1)
    assert [waiting.has(number) for number in (1, 2, 3)] == [True, True, False]
    assert not backlog().has(0)


def test_at_the_end_those_that_wait_for_nothing_to_come_are_told() -> None:
    held = Held(7, 8)
    held.jobs.cancel()
    assert [future.cancelled() for future in held.futures] == [True, True]
    assert len(held.jobs) == 0
