"""What a connection of the generator makes of the bytes it gets, and how much work that is."""

import time
from random import Random
from typing import TYPE_CHECKING, cast

from websockets.frames import Frame, Opcode

from presence_server.gateway.frames import text_frame
from presence_server.load.connection import Connection, Stage
from presence_server.load.crowd import Crowd, Route
from presence_server.load.plan import Member, Plan, Target

if TYPE_CHECKING:
    import asyncio

PLAN = Plan(Target.of("ws://127.0.0.1"), "r", 1, 1, 0.0, 0.0, 1.0, 0.0)
CHUNK = 16_384


class Wire:
    """A transport that keeps what it is given."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def is_closing(self) -> bool:
        return False

    def write(self, data: bytes) -> None:
        self.written.append(data)


def upgraded() -> tuple[Connection, Wire, Crowd]:
    """A connection that waits for its snapshot."""
    crowd = Crowd(PLAN, Route("127.0.0.1", 1, None, ""), Random(1))
    connection = Connection.of(crowd, Member(0, "u", "r"), "t")
    wire = Wire()
    connection.connection_made(cast("asyncio.Transport", wire))
    connection.stage = Stage.UPGRADED
    wire.written.clear()
    return connection, wire, crowd


def test_of_pings_at_once_the_latest_is_answered_and_all_are_counted() -> None:
    connection, wire, crowd = upgraded()
    connection.data_received(b"".join(b"\x89\x01%d" % number for number in range(10)))
    pong = Frame(Opcode.PONG, b"9").serialize(mask=True)
    assert (crowd.pings, len(wire.written), len(wire.written[0])) == (10, 1, len(pong))
    assert wire.written[0][0] == pong[0]
    mask, (masked,) = wire.written[0][2:6], wire.written[0][6:]
    assert masked ^ mask[0] == ord("9")


def test_a_long_frame_in_many_pieces_is_not_copied_with_each() -> None:
    connection, _, crowd = upgraded()
    filler = b" " * (1 << 25)
    frame = text_frame(b'{"type":"presence_snapshot","users":[],"seq":7%s}' % filler)
    began = time.process_time()
    for start in range(0, len(frame), CHUNK):
        connection.data_received(frame[start : start + CHUNK])
    assert time.process_time() - began < 1
    assert (connection.stage, connection.account.seq, crowd.connected) == (Stage.IN, 7, 1)
