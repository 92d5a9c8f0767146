"""Whatever a client says: it gets its code, the room does not notice, the log stays empty."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.frames import Frame, Opcode

from tests.support.world import Client, World

Json = dict[str, Any]


@pytest.fixture(autouse=True)
def _nothing_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.DEBUG):
        yield
    said = caplog.get_records("call")
    assert [record for record in said if record.name != "websockets.client"] == []


def check_works(world: World, witness: Client) -> None:
    """Assert that `witness` has seen nothing, and is still served."""
    assert witness.take() == []
    witness.update("/still-here")
    world.settle()
    assert witness.users["witness"]["currentPath"] == "/still-here"


def sent(message: Json | str) -> tuple[World, Client, Client]:
    """A member has sent something; a witness was there."""
    world = World()
    ann, witness = world.join("ann"), world.join("witness")
    world.settle()
    ann.take(), witness.take()
    ann.send(message)
    world.settle()
    return world, ann, witness


def update(**fields: Any) -> Json:
    return {"type": "presence_update", "currentPath": "/", **fields}


def nested(depth: int) -> Json:
    value: Json = {}
    for _ in range(depth - 1):
        value = {"a": value}
    return value


UPDATE_OF = "presence_update"
BAD_MESSAGES: dict[str, tuple[Json | str, str, str | None]] = {
    "no JSON": ("hello", "invalid_json", None),
    "nothing": ("", "invalid_json", None),
    "a string": ('"x"', "invalid_json", None),
    "a list": ("[]", "invalid_json", None),
    "NaN": ('{"type":"ping","x":NaN}', "invalid_json", None),
    "8,000 deep": ("[" * 8_000 + "]" * 8_000, "invalid_json", None),
    "10,000 deep, unclosed": ("[" * 10_000, "invalid_json", None),
    "2,000 deep in data": (
        '{"type":"presence_update","currentPath":"/","data":' + '{"a":' * 2_000 + "1" + "}" * 2_001,
        "invalid_json",
        None,
    ),
    "an integer of 400 digits": ('{"type":"ping","x":' + "9" * 400 + "}", "invalid_json", None),
    "a lone surrogate": (
        r'{"type":"presence_update","currentPath":"\ud800"}',
        "invalid_json",
        None,
    ),
    "a bare control character": ('{"type":"pi\x00ng"}', "invalid_json", None),
    "no type": ({}, "unknown_type", None),
    "type unknown": ({"type": "shout"}, "unknown_type", None),
    "type of the server": ({"type": "user_left", "userId": "witness"}, "unknown_type", None),
    "type a list": ({"type": ["ping"]}, "unknown_type", None),
    "path missing": ({"type": "presence_update"}, "invalid_message", UPDATE_OF),
    "path a number": (update(currentPath=1), "invalid_message", UPDATE_OF),
    "path null": (update(currentPath=None), "invalid_message", UPDATE_OF),
    "path with a control": (update(currentPath="/\x07"), "invalid_message", UPDATE_OF),
    "data a list": (update(data=[]), "invalid_message", UPDATE_OF),
    "idleMs a string": (update(idleMs="1"), "invalid_message", UPDATE_OF),
    "idleMs negative": (update(idleMs=-1), "invalid_message", UPDATE_OF),
    "idleMs huge": (update(idleMs=10**30), "invalid_message", UPDATE_OF),
    "cursor missing": ({"type": "cursor_update"}, "invalid_message", "cursor_update"),
    "cursor a number": ({"type": "cursor_update", "cursor": 1}, "invalid_message", "cursor_update"),
    "status unknown": (
        {"type": "status_update", "status": "busy"},
        "invalid_message",
        "status_update",
    ),
    "token a number": ({"type": "token_refresh", "token": 1}, "invalid_message", "token_refresh"),
    "token garbage": ({"type": "token_refresh", "token": "x"}, "token_invalid", "token_refresh"),
    "path oversized": (update(currentPath="é" * 1_025), "too_large", UPDATE_OF),
    "type oversized": (update(resourceType="x" * 129), "too_large", UPDATE_OF),
    "id oversized": (update(resourceId="x" * 129), "too_large", UPDATE_OF),
    "version oversized": (update(versionId="x" * 129), "too_large", UPDATE_OF),
    "activity oversized": (update(activity="x" * 257), "too_large", UPDATE_OF),
    "following oversized": (update(following="x" * 129), "too_large", UPDATE_OF),
    "data oversized": (update(data={"a": "x" * 2_041}), "too_large", UPDATE_OF),
    "data too deep": (update(data=nested(9)), "too_large", UPDATE_OF),
    "cursor oversized": (
        {"type": "cursor_update", "cursor": {"a": "x" * 505}},
        "too_large",
        "cursor_update",
    ),
}


@pytest.mark.parametrize("case", BAD_MESSAGES)
def test_a_bad_message_is_answered_and_nobody_else_notices(case: str) -> None:
    message, code, of = BAD_MESSAGES[case]
    world, ann, witness = sent(message)
    assert ann.errors() == [(code, of)]
    assert ann.closed is None
    check_works(world, witness)
    ann.update("/on-we-go")
    world.settle()
    assert witness.users["ann"]["currentPath"] == "/on-we-go"


def test_what_just_fits_is_taken() -> None:
    _, _, witness = sent(
        update(
            currentPath="é" * 1_024,
            resourceId="x" * 128,
            activity="x" * 256,
            data={"a": "x" * 2_040},
        )
    )
    assert len(witness.users["ann"]["data"]["a"]) == 2_040
    _, _, witness = sent(update(data=nested(8)))
    assert witness.users["ann"]["data"] == nested(8)


def test_a_user_may_be_called_like_anything() -> None:
    world = World()
    witness = world.join("witness")
    for name in ("__proto__", "constructor", "toString", "</script>", "\u202e", "0"):
        world.join(name).update(f"/{name}")
        world.settle()
        assert witness.users[name]["currentPath"] == f"/{name}"


def test_ten_bad_messages_in_a_minute_close_and_nine_do_not() -> None:
    world = World()
    witness, ann = world.join("witness"), world.join("ann")
    for _ in range(9):
        ann.send("?")
    world.settle()
    assert ann.closed is None
    assert len(ann.errors()) == 1
    ann.send("?")
    world.settle()
    assert ann.closed == (4400, "too many errors")
    assert [m["reason"] for m in witness.messages if m["type"] == "user_left"] == ["closed"]


def test_one_that_says_nothing_or_vanishes_without_a_fin() -> None:
    world = World()
    witness, quiet, gone = world.join("witness"), world.join("quiet"), world.join("gone")
    gone.is_silent = True
    gone.transport.window = 0
    world.loop.advance(30)
    assert set(witness.users) == {"witness", "quiet"}
    world.loop.advance(300)
    assert quiet.closed is None
    assert set(witness.users) == {"witness", "quiet"}


def test_one_that_floods_with_pings_and_never_reads_costs_bounded_memory() -> None:
    world = World()
    witness, flood = world.join("witness"), world.join("flood")
    flood.transport.window = 0
    for number in range(20_000):
        flood.send_frame(Frame(Opcode.PING, b"x" * 100))
        if number % 1_000 == 0:
            world.settle()
    assert flood.transport.get_write_buffer_size() < 200_000
    world.loop.advance(31)
    assert "flood" not in witness.users
    assert flood.is_gone
