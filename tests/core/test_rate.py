"""Budgets and faults: arithmetic."""

from presence_server.core.errors import ErrorCode
from presence_server.core.faults import Faults
from presence_server.core.rate import Budget


def test_a_burst_is_free_and_then_the_rate_holds() -> None:
    budget = Budget(rate=10, burst=5)
    assert [budget.take(100.0, 1) for _ in range(7)] == [True] * 5 + [False] * 2
    assert budget.wait(100.0, 1) > 0
    assert budget.take(100.11, 1)
    assert not budget.take(100.11, 1)


def test_waiting_as_long_as_told_is_enough() -> None:
    budget = Budget(rate=3, burst=2)
    now = 50.0
    for _ in range(20):
        now += budget.wait(now, 1)
        assert budget.take(now + 1e-9, 1)


def test_a_debt_is_bounded() -> None:
    budget = Budget(rate=10, burst=10)
    assert budget.overdraw(0.0, 10, limit_s=1.0) == 0
    assert budget.overdraw(0.0, 1_000_000, limit_s=1.0) == 1.0
    assert budget.overdraw(5.0, 1, limit_s=1.0) == 0


def test_at_most_one_fault_a_second_is_told() -> None:
    faults = Faults()
    told = [faults.note(ErrorCode.INVALID_JSON, None, at / 10) for at in range(10, 35)]
    assert told.count(True) == 3


def test_an_advice_is_told_once_for_each_type_and_never_counts() -> None:
    faults = Faults()
    told = [faults.note(ErrorCode.FORBIDDEN, "cursor_update", float(at)) for at in range(1, 50)]
    assert told.count(True) == 1
    assert faults.note(ErrorCode.FORBIDDEN, "presence_update", 60.0)
    assert not faults.is_enough


def test_ten_faults_within_a_minute_are_enough() -> None:
    faults = Faults()
    for at in range(9):
        faults.note(ErrorCode.UNKNOWN_TYPE, None, float(at))
    assert not faults.is_enough
    faults.note(ErrorCode.UNKNOWN_TYPE, None, 61.0)
    assert not faults.is_enough
    for at in range(9):
        faults.note(ErrorCode.UNKNOWN_TYPE, None, 62.0 + at)
    assert faults.is_enough
