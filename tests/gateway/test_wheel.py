"""One timer for everybody: each is visited when it asked to be, whatever the others ask."""

from hypothesis import given
from hypothesis import strategies as st

from presence_server.gateway.ports import NEVER
from presence_server.gateway.wheel import RESOLUTION_S, Wheel
from tests.support.loop import FakeLoop


class Guest:
    """Wants to be visited at these delays, one after the other."""

    def __init__(self, loop: FakeLoop, delays: list[float]) -> None:
        self.visit_at = NEVER
        self.visits: list[float] = []
        self._loop = loop
        self._delays = delays

    def visit(self, now: float) -> float:
        """Note the visit, and ask for the next."""
        assert now == self._loop.now
        self.visits.append(now)
        return (
            now + self._delays[len(self.visits)] if len(self.visits) < len(self._delays) else NEVER
        )


DELAYS = st.lists(st.floats(0, 30, allow_nan=False), min_size=1, max_size=4)


@given(st.lists(DELAYS, min_size=1, max_size=8))
def test_every_visit_comes_at_its_time_or_one_resolution_later(plans: list[list[float]]) -> None:
    loop = FakeLoop()
    wheel = Wheel(loop, loop.time)
    guests = [Guest(loop, delays) for delays in plans]
    start = loop.now
    for guest, delays in zip(guests, plans, strict=True):
        wheel.schedule(guest, start + delays[0])
    loop.advance(150)
    for guest, delays in zip(guests, plans, strict=True):
        assert len(guest.visits) == len(delays)
        asked = start
        for delay, visited in zip(delays, guest.visits, strict=True):
            asked += delay
            assert asked <= visited + 1e-6
            assert visited <= asked + RESOLUTION_S + 1e-6
            asked = visited


def test_an_earlier_visit_takes_the_place_of_a_later_one() -> None:
    loop = FakeLoop()
    wheel = Wheel(loop, loop.time)
    guest = Guest(loop, [0.0])
    wheel.schedule(guest, loop.now + 10)
    wheel.schedule(guest, loop.now + 1)
    wheel.schedule(guest, loop.now + 5)
    loop.advance(20)
    assert len(guest.visits) == 1
    assert guest.visits[0] < 1_002
