"""A client that hears how many are there, not who."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from presence_client import Counted, PresenceClient, PresenceStore, Reset

from tests.clients.python_peer import (
    WELCOME,
    Call,
    Json,
    admits,
    client,
    drops,
    peer,
    snapshot,
    stays,
    until,
)
from tests.support.server import ROOM, Server, token


def occupancy(members: Any) -> Json:
    return {"type": "occupancy", "members": members}


def tells(*counted: int, then: Callable[[Call], Any] = stays) -> Callable[[Call], Any]:
    """Welcome, numbers, and whatever follows."""

    async def script(call: Call) -> None:
        await call.send(WELCOME, *(occupancy(members) for members in counted))
        await then(call)

    return script


async def test_it_asks_for_a_number_and_is_ready_when_it_comes() -> None:
    async with peer(tells(41)) as server, client(server, members="count") as me:
        assert me.occupancy is None
        await me.ready()
        assert me.occupancy == 41
        assert me.members == {}
    assert server.calls[0].query["members"] == ["count"]


async def test_it_is_online_before_the_first_number() -> None:
    async with peer(tells()) as server, client(server, members="count") as me:
        await until(lambda: me.status == "online")
        assert me.occupancy is None


async def test_others_ask_for_everybody_and_have_no_number() -> None:
    async with peer(admits()) as server, client(server) as me:
        await me.ready()
        assert me.occupancy is None
    assert "members" not in server.calls[0].query


async def test_each_new_number_is_a_change() -> None:
    go = asyncio.Event()

    async def more(call: Call) -> None:
        for members in (2, 3):
            await go.wait()
            go.clear()
            await call.send(occupancy(members))
        await stays(call)

    async with peer(tells(1, then=more)) as server, client(server, members="count") as me:
        changes = me.changes()
        for members in (1, 2, 3):
            assert await anext(changes) == Counted(members)
            go.set()


async def test_a_reader_that_is_slow_finds_the_latest_number() -> None:
    numbers = range(1, 2_001)
    async with peer(tells(*numbers)) as server, client(server, members="count") as me:
        changes = me.changes()
        await until(lambda: me.occupancy == 2_000)
        assert await anext(changes) == Counted(2_000)


async def test_the_number_stays_while_the_connection_is_away_and_its_state_is_said_again() -> None:
    said: list[Json] = []

    async def listens(call: Call) -> None:
        said.extend(await call.receive())
        await call.send(occupancy(9))
        await stays(call)

    async with (
        peer(tells(7, then=drops), tells(then=listens)) as server,
        client(server, members="count") as me,
    ):
        await me.update("/here")
        await until(lambda: len(server.calls) == 2)
        assert me.occupancy in (7, 9)
        await until(lambda: me.occupancy == 9)
    assert [message["currentPath"] for message in said] == ["/here"]
    assert server.calls[1].query["members"] == ["count"]


async def test_a_server_that_does_not_know_the_choice_sends_the_map() -> None:
    async with peer(admits({"userId": "ann"})) as server, client(server, members="count") as me:
        await me.ready()
        assert list(me.members) == ["ann"]
        assert me.occupancy is None


@pytest.mark.parametrize("members", [None, "4", 1.5, True, {}])
def test_a_number_that_is_none_changes_nothing(members: Any) -> None:
    store = PresenceStore()
    assert store.receive(occupancy(members), 0) is None
    assert store.occupancy is None


def test_the_map_and_the_number_are_two_things() -> None:
    store = PresenceStore()
    assert store.receive(snapshot(3, {"userId": "ann"}), 0) == Reset({"ann": {"userId": "ann"}})
    assert store.receive(occupancy(5), 0) == Counted(5)
    assert store.receive(occupancy(5), 0) is None
    assert (list(store.members), store.seq, store.occupancy) == (["ann"], 3, 5)


def test_another_choice_is_an_error_at_once() -> None:
    with pytest.raises(ValueError, match="members must be all or count"):
        PresenceClient("ws://host", room="r", token="t", members="some")  # type: ignore[arg-type]


async def test_with_the_real_server_it_counts_those_who_come_and_go() -> None:
    with Server() as server:

        def dial(user: str, **options: Any) -> PresenceClient:
            address = f"ws://127.0.0.1:{server.port}"
            return PresenceClient(address, room=ROOM, token=token(user), **options)

        async with asyncio.timeout(20), dial("ann", members="count") as ann:
            await ann.ready()
            assert ann.occupancy == 1
            async with dial("bob") as bob:
                await ann.update("/counting")
                await until(lambda: ann.occupancy == 2)
                await until(lambda: bob.members.get("ann", {}).get("currentPath") == "/counting")
            await until(lambda: ann.occupancy == 1)
            assert dict(ann.members) == {}
