"""What a restart's table says: the herd's peak, and what must never be."""

from __future__ import annotations

import math

from tests.bench.restart import RUNS, Outcome, lag_bound, peak, percentile, problems, row
from tests.bench.restart_crowd import Person


def person(**changes: object) -> Person:
    """A client that came back after 3 s."""
    values: dict[str, object] = {
        "id": "ann",
        "room": "presence-0",
        "isIn": True,
        "closedAt": 1_000,
        "code": 1012,
        "backAt": 4_000,
        "leaves": 0,
        "dials": 1,
        "failed": 0,
        "refused": [],
        "again": [],
        "reused": 0,
    }
    return Person(**(values | changes))  # type: ignore[arg-type] # names and types as above


def outcome(*people: Person) -> Outcome:
    """A restart in which nothing went wrong but for what `people` say."""
    return Outcome(
        run=RUNS[0],
        people=[*people],
        tokens={0: 3, 900: 2, 1_000: 4},
        whole_s=5.0,
        exit_code=0,
        up_s=2.7,
        refused_503_s=2.0,
        dark_s=0.6,
        maps=0,
        server_cpu_s=1.0,
        crowd_cpu_s=2.0,
        crowd_lag_s=0.1,
        lag_s=0.25,
        overflows=0,
        load=0.5,
    )


def test_a_peak_is_found_wherever_it_begins() -> None:
    assert peak({0: 3, 900: 2, 1_000: 4}, 100) == 4
    assert peak({0: 3, 900: 2, 1_000: 4}, 1_000) == 6
    assert peak({}, 100) == 0


def test_a_share_of_nobody_is_no_number() -> None:
    assert percentile([1.0, 2.0, 3.0], 1) == 3.0
    assert math.isnan(percentile([], 0.5))


def test_all_back_is_no_problem() -> None:
    assert problems(outcome(person(), person())) == []
    assert "3.0 / 3.0 / 3.0" in row(outcome(person()))


def test_one_that_is_not_back_is_a_problem() -> None:
    assert problems(outcome(person(), person(isIn=False))) == [f"{RUNS[0].key}: 1 are not back"]


def test_a_leave_a_refusal_and_an_old_token_are_problems() -> None:
    found = problems(outcome(person(leaves=1), person(refused=[4429]), person(reused=1)))
    assert len(found) == 3


def test_the_lag_is_the_first_bucket_that_has_them_all() -> None:
    buckets = {'presence_loop_lag_seconds_bucket{le="0.1"}': 8.0}
    buckets |= {'presence_loop_lag_seconds_bucket{le="0.25"}': 9.0}
    assert lag_bound(buckets | {"presence_loop_lag_seconds_count": 9.0}) == 0.25
