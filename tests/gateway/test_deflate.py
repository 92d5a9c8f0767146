"""Compression: one stream for a whole room, whoever comes and goes; and no bombs."""

import zlib
from typing import Any

import pytest
from websockets.frames import Frame, Opcode

from presence_server.gateway.deflate import AGREED, MAX_SNAPSHOT, agreement
from tests.support.world import OPTIONS, Client, World

ON = OPTIONS._replace(compression=True)


def paths(client: Client) -> dict[str, Any]:
    return {user: entry["currentPath"] for user, entry in client.users.items()}


def talk(world: World, client: Client, times: int = 20) -> None:
    for number in range(times):
        client.update(f"/documents/{number}/pages", resourceType="document", resourceId=str(number))
        world.settle()


def test_compressed_and_plain_clients_hold_the_same_map_whoever_comes_between() -> None:
    world = World(ON)
    ann, bob = world.join("ann", deflate=True), world.join("bob")
    talk(world, ann)
    cy = world.join("cy", deflate=True)
    talk(world, bob)
    cy.close()
    dan = world.join("dan", deflate=True)
    talk(world, dan)
    room = world.users()
    assert set(room) == {"ann", "bob", "dan"}
    assert ann.users == bob.users == dan.users == room


def test_a_busy_room_costs_a_compressed_client_less_than_half_the_bytes() -> None:
    world = World(ON)
    ann, bob = world.join("ann", deflate=True), world.join("bob")
    before = len(ann.raw), len(bob.raw)
    talk(world, bob, 100)
    assert len(ann.raw) - before[0] < 0.4 * (len(bob.raw) - before[1])


def test_nobody_is_compressed_for_by_default() -> None:
    world = World()
    ann = world.join("ann", deflate=True)
    assert ann.response
    assert "Sec-WebSocket-Extensions" not in ann.response.headers
    talk(world, ann)
    assert paths(ann) == {"ann": "/documents/19/pages"}


def test_who_does_not_offer_it_gets_plain_frames() -> None:
    world = World(ON)
    ann = world.join("ann")
    assert ann.response
    assert "Sec-WebSocket-Extensions" not in ann.response.headers


@pytest.mark.parametrize(
    ("offers", "agreed"),
    [
        ("permessage-deflate", AGREED),
        ("permessage-deflate; client_max_window_bits", AGREED),
        ("x-webkit-deflate-frame, permessage-deflate; client_max_window_bits=12", AGREED),
        ("permessage-deflate; client_no_context_takeover", AGREED),
        ("permessage-deflate; server_no_context_takeover", None),
        ("permessage-deflate; server_max_window_bits=10", None),
        ("permessage-deflate; server_max_window_bits=10, permessage-deflate", AGREED),
        ("permessage-deflate; foo", None),
        ("permessage-deflate; client_max_window_bits=99", None),
        ("permessage-deflate; client_no_context_takeover=1", None),
        ("permessage-deflate; client_max_window_bits; client_max_window_bits", None),
        ("a," * 8_000 + "permessage-deflate", None),
        ("permessage-bzip2", None),
        ("permessage-deflate; ;;=", None),
        ("", None),
        (None, None),
    ],
)
def test_only_what_one_stream_for_all_can_keep_is_agreed_on(
    offers: str | None, agreed: str | None
) -> None:
    assert agreement(offers) == agreed


def compressed(payload: bytes) -> bytes:
    """A client's compressed text."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = deflater.compress(payload) + deflater.flush(zlib.Z_SYNC_FLUSH)
    return b"\xc1" + Frame(Opcode.TEXT, data[:-4]).serialize(mask=True)[1:]


def test_a_decompression_bomb_is_closed_as_too_big_and_nobody_notices() -> None:
    world = World(ON)
    bob, mallory = world.join("bob"), world.join("mallory", deflate=True)
    bomb = compressed(b'{"type":"presence_update","currentPath":"' + b"/" * 10_000_000 + b'"}')
    assert len(bomb) < OPTIONS.max_message
    mallory.send_raw(bomb)
    world.settle()
    assert mallory.closed is not None
    assert mallory.closed[0] == 1009
    assert set(bob.users) == {"bob"}
    talk(world, bob)
    assert paths(bob) == {"bob": "/documents/19/pages"}


@pytest.mark.parametrize("opcode", [Opcode.TEXT, Opcode.BINARY])
def test_nothing_is_kept_of_what_follows_the_end_of_a_compressed_stream(opcode: Opcode) -> None:
    world = World(ON)
    mallory = world.join("mallory", deflate=True)
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    ended = deflater.compress(b"x") + deflater.flush(zlib.Z_FINISH)
    first = Frame(opcode, ended, fin=False).serialize(mask=True)
    mallory.send_raw(bytes([first[0] | 0x40]) + first[1:])
    more = Frame(Opcode.CONT, bytes(10_000), fin=False).serialize(mask=True)
    mallory.send_raw(more)
    world.settle()
    assert mallory.closed is not None
    assert mallory.closed[0] == 1002


def test_a_fragmented_compressed_message_is_taken() -> None:
    world = World(ON)
    ann = world.join("ann", deflate=True)
    whole = compressed(b'{"type":"presence_update","currentPath":"/in-parts"}')
    data = whole[6:]  # behind its header
    unmasked = bytes(byte ^ whole[2 + i % 4] for i, byte in enumerate(data))
    head = Frame(Opcode.TEXT, unmasked[:5], fin=False).serialize(mask=True)
    tail = Frame(Opcode.CONT, unmasked[5:]).serialize(mask=True)
    ann.send_raw(bytes([head[0] | 0x40]) + head[1:] + tail)
    world.settle()
    assert paths(ann) == {"ann": "/in-parts"}


def test_messages_that_inflate_are_read_no_faster_than_they_can_be_looked_at() -> None:
    world = World(ON)
    mallory = world.join("mallory", deflate=True)
    costly = compressed(b'{"type":"ping","x":[' + b"[]," * 5_000 + b"[]]}")
    assert len(costly) < 100
    mallory.send_raw(costly * 1_000)
    taken = 1_000 * len(costly) - len(mallory.transport._incoming)
    assert taken < 100 * len(costly)
    assert not mallory.transport.is_reading()


def test_a_quiet_room_keeps_no_stream() -> None:
    world = World(ON)
    ann, bob = world.join("ann", deflate=True), world.join("bob", deflate=True)
    fanout = world.gateway.rooms.get("presence-acme").fanout
    talk(world, ann, 3)
    assert fanout._stream is not None
    world.loop.advance(2)
    talk(world, ann, 1)
    assert fanout._stream is None
    talk(world, ann, 3)
    assert ann.users == bob.users == world.users()


def test_a_compressed_frame_without_an_agreement_breaks_the_protocol() -> None:
    world = World(ON)
    ann = world.join("ann")
    ann.send_raw(compressed(b'{"type":"ping"}'))
    world.settle()
    assert ann.closed is not None
    assert ann.closed[0] == 1002


def test_a_client_that_fell_behind_joins_the_stream_again() -> None:
    world = World(ON)
    ann, bob = world.join("ann", deflate=True), world.join("bob")
    cy = world.join("cy", deflate=True)
    ann.transport.window = 0
    for number in range(300):
        bob.update(f"/{number}", data={"noise": world.random.randbytes(900).hex()})
        world.settle()
    ann.transport.read(None)
    world.loop.advance(2)
    talk(world, bob)
    assert ann.types().count("presence_snapshot") == 2
    assert ann.users == cy.users == world.users()


def test_a_snapshot_too_large_to_compress_goes_out_as_it_is() -> None:
    world = World(ON._replace(room=OPTIONS.room._replace(members=400)))
    for number in range(150):
        world.join(f"user-{number}").update("/", data={"fill": "x" * 1_900})
        world.settle()
    ann = world.join("ann", deflate=True)
    assert len(ann.raw) > MAX_SNAPSHOT
    talk(world, ann)
    assert ann.users == world.users()
