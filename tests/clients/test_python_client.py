"""The client against a scripted peer: what it sends, when it dials again, what it makes of it all.

The peer is a plain WebSocket server; each connection plays the next script. Time is the test's own:
nothing here waits for a clock.
"""

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from presence_client import (
    Change,
    Changed,
    CursorMoved,
    Ended,
    Joined,
    Left,
    PresenceClient,
    Refused,
    Reset,
    Timing,
)
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

Json = dict[str, Any]
Script = Callable[["Call"], Awaitable[None]]

README = Path(__file__).parents[2] / "clients" / "python" / "README.md"
PEER_LOG = logging.getLogger("peer")
PEER_LOG.setLevel(logging.WARNING)  # only what the client itself logs is looked at
SOON_S = 10  # what should happen, happens long before this; a test that gets here has failed


@dataclass
class Clock:
    """Time that moves when somebody sleeps, or not before `release()` where `holding`."""

    time: float = 1000.0
    holding: bool = False
    sleeps: list[float] = field(default_factory=list)
    permits: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    def timing(self) -> Timing:
        return Timing(now=lambda: self.time, sleep=self.sleep, uniform=lambda _low, high: high)

    async def sleep(self, delay: float) -> None:
        self.sleeps.append(delay)
        if self.holding:
            await self.permits.acquire()
        self.time += delay
        await asyncio.sleep(0)

    def release(self) -> None:
        self.permits.release()


@dataclass
class Call:
    """One connection, as the peer sees it."""

    ws: ServerConnection
    path: str
    query: dict[str, list[str]]
    closed_with: int | None = None

    async def send(self, *messages: Json) -> None:
        for message in messages:
            await self.ws.send(json.dumps(message))

    async def receive(self, count: int = 1) -> list[Json]:
        return [json.loads(await self.ws.recv()) for _ in range(count)]

    async def drop(self) -> None:
        """End without a Close frame."""
        self.ws.transport.abort()
        await self.ws.wait_closed()


@dataclass
class Peer:
    url: str
    calls: list[Call]

    def tokens(self) -> list[str]:
        return [call.query["token"][0] for call in self.calls]


@asynccontextmanager
async def peer(*scripts: Script) -> AsyncIterator[Peer]:
    """A server whose nth connection plays the nth script; one too many is refused for good."""
    calls: list[Call] = []
    faults: list[Exception] = []

    async def play(ws: ServerConnection) -> None:
        assert ws.request is not None
        parts = urlsplit(ws.request.path)
        call = Call(ws, parts.path, parse_qs(parts.query))
        calls.append(call)
        script = scripts[len(calls) - 1] if len(calls) <= len(scripts) else closes(4410)
        try:
            await script(call)
        except ConnectionClosed:
            pass
        except Exception as fault:  # noqa: BLE001 - raised below, where the test sees it
            faults.append(fault)
        finally:
            await ws.wait_closed()
            call.closed_with = ws.close_code

    async with asyncio.timeout(SOON_S), serve(play, "127.0.0.1", 0, logger=PEER_LOG) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield Peer(f"ws://127.0.0.1:{port}", calls)
    assert not faults, faults


def closes(code: int, reason: str = "") -> Script:
    async def script(call: Call) -> None:
        await call.ws.close(code, reason)

    return script


def admits(*users: Json, then: Script | None = None, seq: int = 0, **welcome: Any) -> Script:
    """Welcome, a snapshot, and whatever follows; stays open unless told otherwise."""

    async def script(call: Call) -> None:
        await call.send(WELCOME | welcome, snapshot(seq, *users))
        await (then or stays)(call)

    return script


async def stays(call: Call) -> None:
    await call.ws.wait_closed()


async def drops(call: Call) -> None:
    await call.drop()


def hears(heard: list[Json], count: int, done: asyncio.Event) -> Script:
    async def script(call: Call) -> None:
        heard.extend(await call.receive(count))
        done.set()
        await call.ws.wait_closed()

    return script


WELCOME: Json = {"type": "welcome", "version": 1, "userId": "me", "observe": False}


def entry(user_id: str, **fields: Any) -> Json:
    return {"userId": user_id, "currentPath": "/"} | fields


def snapshot(seq: int, *users: Json) -> Json:
    return {"type": "presence_snapshot", "users": list(users), "seq": seq}


def joined(seq: int, user_id: str) -> Json:
    return {"type": "user_joined", "seq": seq} | entry(user_id)


def client(peer: Peer, clock: Clock | None = None, **options: Any) -> PresenceClient:
    defaults: Json = {"room": "r", "token": "t", "timing": (clock or Clock()).timing()}
    return PresenceClient(peer.url, **defaults | options)


async def until(condition: Callable[[], bool]) -> None:
    """Come back when something is so; `peer` gives up on it in the end."""
    while not condition():  # noqa: ASYNC110 - what it waits for is state, which sets no event
        await asyncio.sleep(0.001)


# The address


async def test_it_dials_the_room_with_its_connection_id_and_token() -> None:
    async with peer(admits()) as server:
        me = client(server, room="presence-a b/ü", party="main", connection_id="c&1", token="a.b+c")
        async with me:
            await me.ready()
    assert server.calls[0].path == "/parties/main/presence-a%20b%2F%C3%BC"
    assert server.calls[0].query == {"_pk": ["c&1"], "token": ["a.b+c"]}


async def test_it_keeps_its_connection_id_for_life() -> None:
    async with peer(admits(then=drops), closes(1012), admits()) as server, client(server) as me:
        await until(lambda: len(server.calls) == 3 and me.status == "online")
        assert {call.query["_pk"][0] for call in server.calls} == {me.connection_id}


async def test_two_clients_are_two_connections() -> None:
    async with peer() as server:
        assert client(server).connection_id != client(server).connection_id


@pytest.mark.parametrize("url", ["http://host", "host:80", "ws://", "ws://host?a=b", "ws://host#a"])
def test_an_address_that_cannot_work_is_an_error_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="url must"):
        PresenceClient(url, room="r", token="t")


async def test_a_token_never_reaches_a_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    refresh = {"type": "token_refresh_required", "expiresIn": 1}
    heard: list[Json] = []
    done = asyncio.Event()

    async def asks_for_a_token(call: Call) -> None:
        await call.send(refresh)
        await hears(heard, 1, done)(call)

    async with (
        peer(closes(4401, "token_expired"), admits(then=asks_for_a_token)) as server,
        client(server, token=lambda: "s3cret"),
    ):
        await done.wait()
    assert server.tokens() == ["s3cret", "s3cret"]
    assert "dialling again" in caplog.text
    assert "s3cret" not in caplog.text


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


# Dialling again


@pytest.mark.parametrize("code", [1000, 1001, 1012, 4408, 4429, 4999])
async def test_what_passes_is_tried_again(code: int) -> None:
    clock = Clock()
    async with peer(closes(code), closes(code), admits()) as server, client(server, clock) as me:
        await me.ready()
        assert me.status == "online"
    assert clock.sleeps == [1, 2]


async def test_a_connection_lost_without_a_close_is_tried_again_and_a_welcome_resets_the_wait() -> (
    None
):
    clock = Clock()
    scripts = (admits(then=drops), drops, drops, admits(then=drops), admits())
    async with peer(*scripts) as server, client(server, clock) as me:
        await until(lambda: len(server.calls) == 5 and me.status == "online")
    assert clock.sleeps == [1, 2, 4, 1]


async def test_opening_without_a_welcome_does_not_reset_the_wait() -> None:
    clock = Clock()
    async with (
        peer(closes(1012), closes(1012), closes(1012), admits()) as server,
        client(server, clock) as me,
    ):
        await me.ready()
    assert clock.sleeps == [1, 2, 4]


async def test_a_refused_connection_is_tried_again() -> None:
    clock = Clock(holding=True)
    async with peer() as server:
        port = urlsplit(server.url).port
    async with client(server, clock) as me, asyncio.timeout(SOON_S):
        await until(lambda: bool(clock.sleeps))
        assert me.status == "connecting"

        async def welcomes(ws: ServerConnection) -> None:
            await ws.send(json.dumps(WELCOME))
            await ws.send(json.dumps(snapshot(0)))
            await ws.wait_closed()

        async with serve(welcomes, "127.0.0.1", port):
            clock.release()
            await me.ready()


async def test_something_that_is_no_websocket_is_tried_again() -> None:
    clock = Clock(holding=True)

    async def answers_otherwise(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answers_otherwise, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with client(Peer(f"ws://127.0.0.1:{port}", []), clock), asyncio.timeout(SOON_S):
            await until(lambda: clock.sleeps == [1])
            clock.release()
            await until(lambda: clock.sleeps == [1, 2])


@pytest.mark.parametrize("code", [1009, 4400, 4403, 4404, 4409, 4410])
async def test_what_does_not_pass_is_a_refusal(code: int) -> None:
    clock = Clock()
    async with peer(closes(code, "why"), admits()) as server, client(server, clock) as me:
        with pytest.raises(Refused) as refused:
            await me.ready()
        assert (refused.value.code, refused.value.reason) == (code, "why")
        assert me.status == "refused"
        assert me.refusal == (code, "why")
        assert [change async for change in me.changes()] == []
        await me.update("/a")
    assert len(server.calls) == 1
    assert clock.sleeps == []


async def test_a_refusal_after_a_while_ends_the_changes() -> None:
    async with peer(admits(then=closes(4410, "ended"))) as server, client(server) as me:
        seen: list[Change] = [change async for change in me.changes()]
        assert seen == [Reset({})]
        assert me.status == "refused"
        with pytest.raises(Refused):
            await me.ready()


# Tokens


def numbered() -> Callable[[], str]:
    """Tokens t1, t2, …: a new one for each call."""
    count = iter(range(1, 100))
    return lambda: f"t{next(count)}"


async def test_a_token_is_fetched_afresh_on_every_dial() -> None:
    async with (
        peer(admits(then=drops), closes(1012), admits()) as server,
        client(server, token=numbered()) as me,
    ):
        await until(lambda: len(server.calls) == 3 and me.status == "online")
    assert server.tokens() == ["t1", "t2", "t3"]


async def test_a_token_that_expired_while_asleep_is_replaced_at_once() -> None:
    clock = Clock()
    first = admits(then=closes(4401, "token_expired"))
    async with peer(first, admits()) as server, client(server, clock, token=numbered()) as me:
        await until(lambda: len(server.calls) == 2 and me.status == "online")
    assert server.tokens() == ["t1", "t2"]
    assert clock.sleeps == []


async def test_a_third_invalid_token_in_a_row_is_a_refusal() -> None:
    clock = Clock()
    invalid = closes(4401, "token_invalid")
    async with (
        peer(invalid, invalid, invalid, admits()) as server,
        client(server, clock, token=numbered()) as me,
    ):
        with pytest.raises(Refused, match="4401 token_invalid"):
            await me.ready()
    assert server.tokens() == ["t1", "t2", "t3"]
    assert clock.sleeps == [1]


async def test_an_async_callable_may_give_the_token() -> None:
    async def token() -> str:
        await asyncio.sleep(0)
        return "from afar"

    async with peer(admits()) as server, client(server, token=token) as me:
        await me.ready()
    assert server.tokens() == ["from afar"]


async def test_a_failing_token_callable_is_a_failed_dial() -> None:
    clock = Clock()
    answers = iter([OSError("down"), None, "\ud800", RuntimeError("down"), "good"])

    def token() -> Any:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async with peer(admits()) as server, client(server, clock, token=token) as me:
        await me.ready()
    assert server.tokens() == ["good"]
    assert clock.sleeps == [1, 2, 4, 8]


async def test_a_new_token_goes_in_band_when_the_server_asks() -> None:
    heard: list[Json] = []
    done = asyncio.Event()

    async def asks(call: Call) -> None:
        await call.send({"type": "token_refresh_required", "expiresIn": 1000})
        await hears(heard, 1, done)(call)

    async with peer(admits(then=asks)) as server, client(server, token=numbered()):
        await done.wait()
        assert len(server.calls) == 1
    assert heard == [{"type": "token_refresh", "token": "t2"}]


async def test_a_callable_that_fails_in_band_does_not_end_the_reading(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, logger="presence_client")
    answers = iter(["first", OSError("down"), "second"])

    def token() -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return str(answer)

    async def asks(call: Call) -> None:
        await call.send({"type": "token_refresh_required", "expiresIn": 1000}, joined(1, "ann"))
        await call.receive()
        await call.ws.close(4401, "token_expired")

    async with peer(admits(then=asks), admits()) as server, client(server, token=token) as me:
        await until(lambda: "ann" in me.members)
        await me.update("/a")
        await until(lambda: len(server.calls) == 2 and me.status == "online")
    assert server.tokens() == ["first", "second"]
    assert "the next dial tries again" in caplog.text


async def test_a_slow_token_callable_does_not_hold_up_the_reading() -> None:
    calls = 0

    async def token() -> str:
        nonlocal calls
        calls += 1
        if calls > 1:
            await asyncio.Event().wait()
        return "t"

    async def asks(call: Call) -> None:
        await call.send({"type": "token_refresh_required", "expiresIn": 1000}, joined(1, "ann"))
        await stays(call)

    async with peer(admits(then=asks)) as server, client(server, token=token) as me:
        await until(lambda: "ann" in me.members and calls == 2)


# The end


async def test_closing_sends_close_1000_and_leaves_no_task() -> None:
    before = asyncio.all_tasks()

    async def asks(call: Call) -> None:
        # Something beside the reading is going on: a resync that is never answered.
        await call.send(joined(9, "ann"))
        await call.receive()
        await stays(call)

    clock = Clock(holding=True)
    async with peer(admits(then=asks)) as server, client(server, clock) as me:
        await until(lambda: clock.sleeps == [5])
        changes = me.changes()
        await me.aclose()
        assert me.status == "closed"
        assert [change async for change in changes] == []
        await until(lambda: server.calls[0].closed_with is not None)
        assert server.calls[0].closed_with == 1000
    assert asyncio.all_tasks() == before


async def test_it_can_be_closed_between_two_dials() -> None:
    before = asyncio.all_tasks()
    clock = Clock(holding=True)
    async with peer(closes(1012)) as server, client(server, clock) as me:
        await until(lambda: bool(clock.sleeps))
        waiting = asyncio.create_task(me.ready())
        await asyncio.sleep(0)
        await me.aclose()
        with pytest.raises(Ended):
            await waiting
        await me.aclose()
    assert len(server.calls) == 1
    assert asyncio.all_tasks() == before


async def test_it_can_be_closed_while_a_dial_hangs() -> None:
    before = asyncio.all_tasks()
    accepted = asyncio.Event()
    over = asyncio.Event()

    async def says_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.set()
        await reader.read()
        writer.close()
        over.set()

    async with await asyncio.start_server(says_nothing, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with client(Peer(f"ws://127.0.0.1:{port}", [])), asyncio.timeout(SOON_S):
            await accepted.wait()
        await over.wait()
    await until(lambda: asyncio.all_tasks() == before)


async def test_a_client_is_entered_once() -> None:
    async with peer(admits()) as server, client(server) as me:
        with pytest.raises(RuntimeError):
            await me.__aenter__()


async def test_the_example_in_the_readme_runs(capsys: pytest.CaptureFixture[str]) -> None:
    example = re.search(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert example is not None
    names: dict[str, Any] = {}
    exec(example[1], names)  # noqa: S102 - our own example

    async def moves_and_ends(call: Call) -> None:
        heard = await call.receive()
        assert heard[0]["currentPath"] == "/plans/q3"
        await call.send(joined(1, "bob"))
        await call.ws.close(4410, "ended")

    async with peer(admits(entry("ann"), then=moves_and_ends)) as server:
        await names["watch"](server.url, "r", "t")
    out = capsys.readouterr().out
    assert "here already: ann" in out
    assert "Joined(user_id='bob'" in out
