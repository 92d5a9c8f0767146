"""How the client says it stands: its status, why, and when it dials again."""

import asyncio
from urllib.parse import urlsplit

import pytest
from presence_client import Closing, NoToken, Standing

from tests.clients.python_peer import (
    SOON_S,
    Clock,
    Peer,
    admits,
    client,
    closes,
    drops,
    entry,
    peer,
    until,
)


async def test_the_standings_tell_every_turn_up_to_the_refusal() -> None:
    scripts = (closes(1012, "restarting"), admits(then=drops), admits(then=closes(4410, "ended")))
    async with peer(*scripts) as server, client(server) as me:
        seen = [standing async for standing in me.standings()]
    assert seen == [
        Standing("connecting"),
        Standing("connecting", Closing(1012, "restarting"), 3),
        Standing("online"),
        Standing("reconnecting", Closing(1006, "connection lost"), 1),
        Standing("online"),
        Standing("refused", Closing(4410, "ended")),
    ]


async def test_a_late_reader_of_standings_gets_the_present_one() -> None:
    async with peer(admits()) as server, client(server) as me:
        await me.ready()
        standings = me.standings()
        assert await anext(standings) == me.standing == Standing("online")
        await me.aclose()
        assert [standing async for standing in standings] == [Standing("closed")]
        assert [standing async for standing in me.standings()] == [Standing("closed")]


async def test_several_readers_of_standings_each_get_all_of_them() -> None:
    async def follow() -> list[str]:
        return [standing.status async for standing in me.standings()]

    async with peer(admits(then=closes(4410))) as server, client(server) as me:
        both = await asyncio.gather(follow(), follow())
    assert list(both) == [["connecting", "online", "refused"]] * 2


async def test_why_nobody_answers_is_told() -> None:
    clock = Clock(holding=True)
    async with peer() as server:
        gone = server.url
    async with client(Peer(gone, []), clock) as me, asyncio.timeout(SOON_S):
        await until(lambda: me.standing.closing is not None)
        assert me.standing == Standing("connecting", Closing(1006, "Connection refused"), 1)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", "HTTP 502"),
        (b"HTTP/1.1 302 Found\r\nLocation: ws://[\r\nContent-Length: 0\r\n\r\n", "no WebSocket"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://%s/\r\n\r\n", "no WebSocket"),
        (b"SSH-2.0-OpenSSH\r\n", "no WebSocket"),
        (b"", "no WebSocket"),
    ],
)
async def test_what_answers_otherwise_is_told_without_the_address(
    answer: bytes, reason: str
) -> None:
    async def otherwise(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        target = request.split()[1]
        writer.write(answer % target if b"%s" in answer else answer)
        await writer.drain()
        writer.close()

    clock = Clock(holding=True)
    async with await asyncio.start_server(otherwise, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        host = Peer(f"ws://127.0.0.1:{port}", [])
        async with client(host, clock, token="s3cret") as me, asyncio.timeout(SOON_S):
            await until(lambda: me.standing.closing is not None)
            closing = me.standing.closing
            assert closing is not None
            assert closing.code == 1006
            assert reason in closing.reason
            assert "s3cret" not in closing.reason
            assert str(urlsplit(host.url).port) not in closing.reason


async def test_a_token_callable_can_say_why_there_is_none() -> None:
    def token() -> str:
        raise NoToken("not signed in")

    clock = Clock(holding=True)
    async with peer() as server, client(server, clock, token=token) as me:
        await until(lambda: me.standing.closing is not None)
        assert me.standing.closing == (1006, "no token: not signed in")


async def test_what_a_failing_token_callable_says_itself_is_not_told() -> None:
    def token() -> str:
        raise OSError("GET https://example.org/token?key=s3cret")

    clock = Clock(holding=True)
    async with peer() as server, client(server, clock, token=token) as me:
        await until(lambda: me.standing.closing is not None)
        assert me.standing.closing == (1006, "no token: its callable failed")


async def test_ones_own_entry_is_known_by_its_user_id() -> None:
    async with peer(admits(entry("ann"), entry("me"))) as server, client(server) as me:
        assert me.entry is None
        await me.ready()
        assert me.entry == entry("me")


async def test_an_observer_has_no_entry() -> None:
    async with peer(admits(entry("ann"), observe=True)) as server, client(server) as me:
        await me.ready()
        assert me.entry is None
