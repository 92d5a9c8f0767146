"""The time of facts never goes back, whatever the wall clock does."""

import time

from hypothesis import given
from hypothesis import strategies as st

from presence_server.history.clock import STEERING, SteadyClock, steady

HOUR_S = 3_600.0
START_S = 1_800_000_000.0


class Clocks:
    """A steady clock, and a wall clock that can be set."""

    def __init__(self) -> None:
        self.passed = 1_000.0
        self.offset = START_S - self.passed
        self.clock = SteadyClock(lambda: self.passed + self.offset, lambda: self.passed)

    def after(self, seconds: float, *, set_by: float = 0.0) -> int:
        """What it says then."""
        self.passed += seconds
        self.offset += set_by
        return self.clock.now_ms()


@given(
    st.lists(
        st.tuples(
            st.floats(0, 3 * HOUR_S),
            st.one_of(st.just(0.0), st.floats(-HOUR_S, HOUR_S)),
        ),
        max_size=30,
    )
)
def test_time_never_goes_back_and_is_never_a_tenth_faster_or_slower(
    steps: list[tuple[float, float]],
) -> None:
    clocks = Clocks()
    before = clocks.after(0)
    for seconds, set_by in steps:
        now = clocks.after(seconds, set_by=set_by)
        most = STEERING * seconds * 1000 + 2
        assert now >= before
        assert abs(now - before - seconds * 1000) <= most
        before = now


def test_while_nobody_sets_the_wall_clock_it_says_the_same() -> None:
    clocks = Clocks()
    for seconds in (0.1, 17, 0, 86_400):
        assert abs(clocks.after(seconds) - round((clocks.passed + clocks.offset) * 1000)) <= 1


def test_after_a_jump_it_comes_back_to_the_wall_clock_within_ten_times_as_long() -> None:
    for jump in (HOUR_S, -HOUR_S):
        clocks = Clocks()
        clocks.after(0, set_by=jump)
        for _ in range(10):
            clocks.after(HOUR_S)
        assert abs(clocks.after(1) - (clocks.passed + clocks.offset) * 1000) <= 1


def test_a_view_of_a_minute_is_one_of_a_minute_though_the_wall_clock_jumps_an_hour() -> None:
    for jump in (HOUR_S, -HOUR_S):
        clocks = Clocks()
        began = clocks.after(5)
        ended = clocks.after(60, set_by=jump)
        assert 54_000 <= ended - began <= 66_000


def test_the_steady_clock_counts_sleep_where_the_system_can() -> None:
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    expected = time.monotonic() if boottime is None else time.clock_gettime(boottime)
    assert abs(steady() - expected) < 1
