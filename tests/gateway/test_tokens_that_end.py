"""A thousand tokens that end in one second: refreshed one after the other, or closed together."""

from itertools import pairwise
from urllib.parse import urlencode

from tests.support.world import Client, World

CROWD = 1_000
ROOMS = 50
TTL = 180
WINDOW = 60
LEEWAY = 5


def dial(world: World, user: str, number: int, ttl: int = TTL) -> Client:
    """Join one of fifty rooms."""
    room = f"presence-{number % ROOMS}"
    query = urlencode({"_pk": "p", "token": world.token(user, room=room, ttl=ttl)})
    return world.dial(f"/parties/presence/{room}?{query}")


class Crowd:
    """A thousand whose tokens all end in the same second. They refresh them when asked."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.clients = [dial(world, f"user-{number}", number) for number in range(CROWD)]
        self.refreshed = 0
        world.settle()

    def refresh(self, number: int) -> bool:
        """Send a new token, as a client does, if one was asked for since the last time."""
        client = self.clients[number]
        types = [message["type"] for message in client.take()]
        self.refreshed += types.count("token_refreshed")
        if "token_refresh_required" not in types:
            return False
        token = self.world.token(f"user-{number}", room=f"presence-{number % ROOMS}", ttl=3_600)
        client.send({"type": "token_refresh", "token": token})
        return True

    def closed(self) -> int:
        """How many were told that their token has ended."""
        return [client.closed for client in self.clients].count((4401, "token_expired"))


def test_all_are_refreshed_a_few_at_a_time_and_nobody_is_closed() -> None:
    world = World()
    crowd = Crowd(world)
    world.loop.advance(TTL - WINDOW - 1)
    requests = []
    for _ in range(WINDOW + 1):
        requests.append(sum([crowd.refresh(number) for number in range(CROWD)]))
        world.loop.advance(1)
    requests.append(sum([crowd.refresh(number) for number in range(CROWD)]))
    assert sum(requests) == crowd.refreshed == CROWD
    assert max(requests) < CROWD / 10, "the token endpoint sees no herd"
    world.loop.advance(LEEWAY + 2)
    assert {client.closed for client in crowd.clients} == {None}
    assert world.gateway.rooms.user_count() == CROWD


def test_those_who_do_not_refresh_are_closed_within_the_leeway_and_starve_nobody() -> None:
    world = World()
    crowd = Crowd(world)
    talker, listener = (dial(world, name, 0, ttl=3_600) for name in ("talker", "listener"))
    world.loop.advance(TTL - WINDOW - 1)
    for _ in range(WINDOW):
        world.loop.advance(1)
        for number in range(0, CROWD, 2):
            crowd.refresh(number)
    closed = []
    for tenth in range((LEEWAY + 2) * 10):
        talker.update(f"/{tenth}")
        world.loop.advance(0.1)
        assert listener.users["talker"]["currentPath"] == f"/{tenth}"
        closed.append(crowd.closed())
    assert closed[: LEEWAY * 10 - 1] == [0] * (LEEWAY * 10 - 1)
    assert closed[-1] == CROWD / 2
    assert sum(sooner < later for sooner, later in pairwise(closed)) <= 11, "within a second"
    assert {client.closed for client in crowd.clients[::2]} == {None}
    assert len(listener.users) == CROWD / ROOMS + 2, "of an even room all have refreshed"
    assert crowd.clients[1].closed == (4401, "token_expired")
    assert world.gateway.rooms.user_count() == CROWD / 2 + 2
