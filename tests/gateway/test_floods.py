"""Floods: one that sends without end holds nobody up and takes no memory, admitted or not."""

import pytest
from websockets.frames import Frame, Opcode

from presence_server.core.rate import Budget
from presence_server.gateway.intake import FRAMES_BURST, READ_SIZE
from presence_server.gateway.ports import NEVER
from presence_server.gateway.wheel import RESOLUTION_S, Wheel
from presence_server.gateway.wire import MAX_REQUEST
from tests.support.loop import FakeLoop
from tests.support.world import OPTIONS, Client, World

PING = Frame(Opcode.PING, b"").serialize(mask=True)
BIG_PING = Frame(Opcode.PING, b"x" * 125).serialize(mask=True)


def refused(world: World) -> Client:
    """One without a token, whose Close is on its way and who doesn't answer it."""
    client = world.dial("/parties/presence/presence-acme")
    client.is_silent = True
    world.loop.turn()
    client._ws.data_to_send()
    return client


def test_nothing_follows_our_close_not_even_a_pong() -> None:
    world = World()
    ann = world.join("ann")
    ann.is_silent = True
    world.gateway.rooms.remove_user("presence-acme", "ann")
    size = len(ann.raw)
    ann.send_raw(BIG_PING * 20)
    world.loop.advance(1)
    assert len(ann.raw) == size


@pytest.mark.parametrize("is_admitted", [True, False], ids=["admitted", "refused"])
def test_a_flood_is_read_no_faster_than_frames_may_come(is_admitted: bool) -> None:
    world = World()
    client = world.join("ann") if is_admitted else refused(world)
    client.is_silent = not is_admitted
    client.send_raw(PING * 20_000)
    waiting = len(client.transport._incoming)
    assert not client.transport.is_reading()
    assert waiting > 6 * (20_000 - FRAMES_BURST) - 2 * READ_SIZE
    world.loop.advance(4)
    assert waiting - len(client.transport._incoming) <= 6 * 500 * 4 + READ_SIZE


@pytest.mark.parametrize("is_admitted", [True, False], ids=["admitted", "refusal held"])
def test_one_that_floods_and_does_not_read_takes_no_memory(is_admitted: bool) -> None:
    world = World()
    for _ in range(20):
        world.dial("/parties/presence/presence-acme")
    world.settle()
    ann = world.join("ann") if is_admitted else world.dial("/parties/presence/presence-acme")
    world.settle()
    assert ann.closed is None
    ann.transport.window = 0
    largest = 0
    for _ in range(200):
        ann.send_raw(BIG_PING * 100)
        world.loop.advance(0.05)
        largest = max(largest, ann.transport.get_write_buffer_size())
    assert OPTIONS.buffer_limit < largest < OPTIONS.buffer_limit + 2 * READ_SIZE


def test_a_request_of_a_megabyte_is_refused_long_before() -> None:
    world = World()
    client = world.join("ann", settle=False)
    client.is_silent = True
    client.transport.send(b"GET / HTTP/1.1\r\n")
    sent = 0
    while not client.raw and sent < 1_000_000:
        client.transport.send(b"X: " + b"x" * 4_000 + b"\r\n")
        sent += 4_005
    assert client.raw.startswith(b"HTTP/1.1 431 ")
    assert sent <= MAX_REQUEST + READ_SIZE


@pytest.mark.parametrize("now", [0.0, 7_040.123, 1e7, 2.0**33])
@pytest.mark.parametrize("rate", [1.0, 1.1, 3.0, 7.0, 9_999.0])
def test_a_burst_of_one_allows_one_however_long_the_machine_runs(now: float, rate: float) -> None:
    budget = Budget(rate, burst=1)
    assert budget.take(now, 1)
    assert not budget.take(now, 1)
    later = now + budget.wait(now, 1)
    assert later > now
    assert budget.take(later, 1)


def test_a_visit_that_raises_costs_the_others_no_visit() -> None:
    loop = FakeLoop()
    wheel = Wheel(loop, loop.time)

    class Visitor:
        def __init__(self, *, is_broken: bool) -> None:
            self.visit_at = NEVER
            self.visits = 0
            self._is_broken = is_broken

        def visit(self, now: float) -> float:
            self.visits += 1
            if self._is_broken:
                raise ValueError("broken")
            return now + 1

    visitors = [Visitor(is_broken=number == 2) for number in range(5)]
    for visitor in visitors:
        wheel.schedule(visitor, loop.now + 1)
    with pytest.raises(ValueError, match="broken"):
        loop.advance(2)
    loop.advance(3 + 3 * RESOLUTION_S)
    assert [visitor.visits >= 2 for visitor in visitors] == [True, True, False, True, True]
