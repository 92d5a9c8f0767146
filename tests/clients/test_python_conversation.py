"""What the client makes of what it hears, and what it says of itself, on a scripted peer."""

import asyncio

import pytest
from presence_client import Changed, CursorMoved, Joined, Left, Reset

from tests.clients.python_peer import (
    WELCOME,
    Call,
    Clock,
    Json,
    admits,
    client,
    drops,
    entry,
    hears,
    joined,
    peer,
    snapshot,
    stays,
    until,
)

# The map and its changes


async def test_ready_waits_for_the_first_snapshot() -> None:
    go = asyncio.Event()

    async def slowly(call: Call) -> None:
        await call.send(WELCOME)
        await go.wait()
        await call.send(snapshot(0, entry("me")))
        await stays(call)

    async with peer(slowly) as server, client(server) as me:
        await until(lambda: me.status == "online")
        ready = asyncio.create_task(me.ready())
        await asyncio.sleep(0)
        assert not ready.done()
        go.set()
        await ready
        assert me.members == {"me": entry("me")}
        assert me.user_id == "me"


async def test_changes_come_in_order() -> None:
    async def events(call: Call) -> None:
        await call.send(
            joined(1, "ann"),
            {"type": "presence_changed", "seq": 2} | entry("ann", currentPath="/b"),
            {"type": "cursor_changed", "userId": "ann", "cursor": {"x": 1}},
            {"type": "user_left", "userId": "ann", "reason": "timeout", "seq": 3},
        )
        await stays(call)

    async with peer(admits(then=events)) as server, client(server) as me:
        changes = me.changes()
        assert [await anext(changes) for _ in range(5)] == [
            Reset({}),
            Joined("ann", entry("ann")),
            Changed("ann", entry("ann", currentPath="/b")),
            CursorMoved("ann", {"x": 1}),
            Left("ann", "timeout"),
        ]


async def test_what_is_not_of_the_protocol_does_not_end_the_reading() -> None:
    async def babbles(call: Call) -> None:
        for frame in ("{", "[]", "null", "[" * 100_000, b"\xff", '{"type":"later"}', '{"type":[]}'):
            await call.ws.send(frame)
        await call.send({"type": "error", "code": "bad_message", "message": "?"}, joined(1, "ann"))
        await stays(call)

    async with peer(admits(then=babbles)) as server, client(server) as me:
        await until(lambda: "ann" in me.members)
        assert len(server.calls) == 1


async def test_a_reader_that_falls_behind_gets_the_map_instead() -> None:
    async def crowd(call: Call) -> None:
        await call.send(*(joined(seq, f"u{seq}") for seq in range(1, 8)))
        await call.receive()
        await call.send(joined(8, "u8"))
        await stays(call)

    async with peer(admits(then=crowd)) as server, client(server, max_behind=5) as me:
        slow = me.changes()
        await until(lambda: "u7" in me.members)
        assert await anext(slow) == Reset({f"u{seq}": entry(f"u{seq}") for seq in range(1, 8)})
        await me.update("/a")
        assert await anext(slow) == Joined("u8", entry("u8"))


async def test_a_reader_may_come_and_go() -> None:
    async def one_more(call: Call) -> None:
        await call.receive()
        await call.send(joined(1, "ann"))
        await stays(call)

    async with peer(admits(then=one_more)) as server, client(server) as me:
        async for change in me.changes():
            assert isinstance(change, Reset)
            break
        later = me.changes()
        await me.update("/a")
        assert await anext(later) == Joined("ann", entry("ann"))


async def test_the_roster_stays_while_reconnecting_and_keeps_no_ghost() -> None:
    clock = Clock(holding=True)
    both, one = (entry("ann"), entry("bob")), (entry("ann"),)
    async with (
        peer(admits(*both, seq=70, then=drops), admits(*one, seq=3)) as server,
        client(server, clock) as me,
    ):
        await until(lambda: me.status == "reconnecting" and bool(clock.sleeps))
        assert set(me.members) == {"ann", "bob"}
        clock.release()
        await until(lambda: set(me.members) == {"ann"})
        assert me.status == "online"


async def test_a_field_update_after_a_reconnect_is_not_ignored() -> None:
    async def moves(call: Call) -> None:
        await call.send({"type": "presence_changed", "seq": 4} | entry("ann", currentPath="/new"))
        await stays(call)

    first = admits(entry("ann"), seq=70, then=drops)
    async with peer(first, admits(entry("ann"), seq=3, then=moves)) as server, client(server) as me:
        await until(lambda: me.members.get("ann", {}).get("currentPath") == "/new")


async def test_a_gap_asks_for_one_resync_and_again_after_five_seconds() -> None:
    clock = Clock(holding=True)
    heard: list[Json] = []

    async def skips(call: Call) -> None:
        await call.send(joined(5, "ann"), joined(9, "bob"), {"type": "token_refresh_required"})
        heard.extend(await call.receive(2))
        clock.release()
        heard.extend(await call.receive(1))
        await call.send(snapshot(9, entry("ann"), entry("bob")), joined(10, "cat"))
        await stays(call)

    async with peer(admits(then=skips)) as server, client(server, clock, token=lambda: "t") as me:
        await until(lambda: "cat" in me.members)
        assert set(me.members) == {"ann", "bob", "cat"}
    kinds = [message["type"] for message in heard]
    assert sorted(kinds[:2]) == ["resync", "token_refresh"]
    assert kinds[2:] == ["resync"]
    assert set(clock.sleeps) == {5.0}


# What the client says of itself


async def test_it_says_its_whole_state_at_the_welcome_and_not_before() -> None:
    heard: list[Json] = []
    done = asyncio.Event()
    go = asyncio.Event()

    async def silent_at_first(call: Call) -> None:
        await go.wait()
        await call.send(WELCOME, snapshot(0))
        await hears(heard, 3, done)(call)

    async with peer(silent_at_first) as server, client(server) as me:
        await until(lambda: len(server.calls) == 1)
        await me.set_status("away", idle_ms=120_000)
        await me.update("/a", resource_type="doc", data={"tab": 2})
        await me.set_cursor({"x": 1})
        go.set()
        await done.wait()
    assert heard == [
        {"type": "presence_update", "currentPath": "/a", "resourceType": "doc", "data": {"tab": 2}},
        {"type": "status_update", "status": "away", "idleMs": 120_000},
        {"type": "cursor_update", "cursor": {"x": 1}},
    ]


async def test_it_says_each_change_while_online() -> None:
    heard: list[Json] = []
    done = asyncio.Event()
    async with peer(admits(then=hears(heard, 4, done))) as server, client(server) as me:
        await me.ready()
        await me.update("/a", resource_id="1", version_id="2", activity="reads", following="ann")
        await me.set_cursor({"x": 1})
        await me.set_cursor(None)
        await me.set_status("online")
        await done.wait()
    assert heard == [
        {
            "type": "presence_update",
            "currentPath": "/a",
            "resourceId": "1",
            "versionId": "2",
            "activity": "reads",
            "following": "ann",
        },
        {"type": "cursor_update", "cursor": {"x": 1}},
        {"type": "cursor_update", "cursor": None},
        {"type": "status_update", "status": "online"},
    ]


async def test_a_rejoin_with_unchanged_state_says_it_again_with_its_age() -> None:
    clock = Clock(holding=True)
    heard: list[Json] = []
    done = asyncio.Event()

    async def hears_and_drops(call: Call) -> None:
        heard.extend(await call.receive(1))
        await call.drop()

    async with (
        peer(admits(then=hears_and_drops), admits(then=hears(heard, 1, done))) as server,
        client(server, clock) as me,
    ):
        await me.update("/a")
        await until(lambda: bool(clock.sleeps))
        clock.time += 60
        clock.release()
        await done.wait()
    said = {"type": "presence_update", "currentPath": "/a"}
    assert heard == [said, said | {"idleMs": 61_000}]


async def test_what_is_set_while_offline_is_said_at_the_next_welcome() -> None:
    clock = Clock(holding=True)
    heard: list[Json] = []
    done = asyncio.Event()

    async def hears_and_drops(call: Call) -> None:
        heard.extend(await call.receive(3))
        await call.drop()

    async with (
        peer(admits(then=hears_and_drops), admits(then=hears(heard, 3, done))) as server,
        client(server, clock) as me,
    ):
        await me.update("/a")
        await me.set_status("away")
        await me.set_cursor({"x": 1})
        await until(lambda: bool(clock.sleeps))
        await me.set_status("online")
        await me.update("/b")
        clock.release()
        await done.wait()
    # A takeover inherits: what was taken back meanwhile has to be said, not only what holds.
    assert heard[3:] == [
        {"type": "presence_update", "currentPath": "/b", "idleMs": 1000},
        {"type": "status_update", "status": "online", "idleMs": 1000},
        {"type": "cursor_update", "cursor": None},
    ]


async def test_an_observer_says_nothing() -> None:
    heard: list[Json] = []
    done = asyncio.Event()

    async def drops_after_a_resync(call: Call) -> None:
        await call.send(joined(9, "ann"))
        await hears(heard, 1, done)(call)

    script = admits(then=drops_after_a_resync, observe=True)
    async with peer(script) as server, client(server, Clock(holding=True)) as me:
        await me.update("/a")
        await done.wait()
    assert heard == [{"type": "resync"}]


@pytest.mark.parametrize(
    "data", [{"x": float("nan")}, {"x": "\ud800"}, {"x": object()}, {"x": "é" * 9000}]
)
async def test_what_cannot_be_sent_is_an_error_here_and_not_remembered(data: Json) -> None:
    heard: list[Json] = []
    done = asyncio.Event()
    async with peer(admits(then=hears(heard, 1, done))) as server, client(server) as me:
        with pytest.raises((ValueError, TypeError)):
            await me.update("/a", data=data)
        await me.update("/b")
        await done.wait()
    assert heard == [{"type": "presence_update", "currentPath": "/b"}]


async def test_what_the_caller_changes_afterwards_is_not_said() -> None:
    heard: list[Json] = []
    done = asyncio.Event()
    async with peer(admits(then=hears(heard, 1, done))) as server:
        me = client(server)
        data = {"tab": [1]}
        await me.update("/a", data=data)
        data["tab"].append(2)
        async with me:
            await done.wait()
    assert heard[0]["data"] == {"tab": [1]}
