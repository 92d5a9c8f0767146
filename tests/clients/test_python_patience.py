"""What hangs is given up: tokens, welcomes, sends and servers that vanished."""

import asyncio
from dataclasses import replace

import pytest
from presence_client import dial

from tests.clients.python_peer import (
    WELCOME,
    Call,
    Clock,
    Json,
    admits,
    client,
    hears,
    peer,
    snapshot,
    stays,
    until,
)


async def test_a_token_callable_that_hangs_on_the_dial_is_a_failed_dial() -> None:
    clock = Clock()
    calls = 0

    async def token() -> str:
        nonlocal calls
        calls += 1
        if calls == 1:
            await asyncio.Event().wait()
        return f"t{calls}"

    async with peer(admits()) as server, client(server, clock, token=token) as me:
        await until(lambda: calls == 1)
        assert clock.lose_patience() == 20
        await me.ready()
    assert server.tokens() == ["t2"]
    assert clock.sleeps == [1]


async def test_a_token_callable_that_hangs_in_band_is_asked_again() -> None:
    clock = Clock()
    calls = 0
    heard: list[Json] = []
    done = asyncio.Event()

    async def token() -> str:
        nonlocal calls
        calls += 1
        if calls == 2:
            await asyncio.Event().wait()
        return f"t{calls}"

    async def asks(call: Call) -> None:
        await call.send({"type": "token_refresh_required", "expiresIn": 1000})
        await hears(heard, 1, done)(call)

    async with peer(admits(then=asks)) as server, client(server, clock, token=token):
        await until(lambda: calls == 2)
        clock.lose_patience()
        await done.wait()
        assert len(server.calls) == 1
    assert heard == [{"type": "token_refresh", "token": "t3"}]


async def test_a_connection_without_a_welcome_is_given_up() -> None:
    clock = Clock()
    async with peer(stays, admits()) as server, client(server, clock) as me:
        await until(lambda: len(server.calls) == 1 and bool(clock.patience))
        assert clock.lose_patience() == 15
        await me.ready()
        assert server.calls[0].closed_with == 1000
    assert clock.sleeps == [1]


async def test_after_the_welcome_it_waits_as_long_as_it_takes() -> None:
    clock = Clock()
    go = asyncio.Event()

    async def slowly(call: Call) -> None:
        await call.send(WELCOME)
        await go.wait()
        await call.send(snapshot(0))
        await stays(call)

    async with peer(slowly) as server, client(server, clock) as me:
        await until(lambda: me.status == "online")
        [(_, patience)] = clock.patience
        assert patience.when() is None
        go.set()
        await me.ready()
        assert len(server.calls) == 1


async def test_a_server_that_takes_nothing_any_more_is_given_up() -> None:
    """With a full buffer the keepalive waits too, so the send itself has to lose patience."""
    asked: set[float] = set()

    def soon(delay: float) -> asyncio.Timeout:
        asked.add(delay)
        return asyncio.timeout(0.1)

    async def stalls(call: Call) -> None:
        call.ws.transport.pause_reading()
        await until(lambda: len(call.ws.server.connections) == 2)
        call.ws.transport.abort()

    timing = replace(Clock().timing(), timeout=soon)
    async with (
        peer(admits(then=stalls), admits()) as server,
        client(server, timing=timing) as me,
    ):
        while len(server.calls) < 2:
            await me.update("/a", data={"x": "a" * 15_000})
            await asyncio.sleep(0)
        await until(lambda: me.status == "online")
    assert asked == {15}


async def test_a_server_that_vanished_is_found_out_by_the_keepalive(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for option in ("ping_interval", "ping_timeout", "close_timeout"):
        monkeypatch.setitem(dial.OPTIONS, option, 0.05)

    async def vanishes(call: Call) -> None:
        call.ws.transport.pause_reading()  # pings get no answer, and there is no FIN
        await until(lambda: len(call.ws.server.connections) == 2)
        call.ws.transport.abort()

    async with peer(admits(then=vanishes), admits()) as server, client(server) as me:
        await until(lambda: len(server.calls) == 2 and me.status == "online")


def test_a_vanished_server_is_found_out_within_half_a_minute() -> None:
    steps = ("ping_interval", "ping_timeout", "close_timeout")
    assert sum(dial.OPTIONS[step] for step in steps) <= 30
