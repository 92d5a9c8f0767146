"""What must hold after every input, a function each, named as what it holds."""

import gc
import logging
from collections.abc import Callable, Sequence
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any, Final
from zlib import crc32

import msgspec
import orjson
from presence_client.store import PresenceStore

from presence_server.core.close_codes import TABLE, Close
from presence_server.core.errors import ErrorCode
from presence_server.core.value import Value
from presence_server.gateway.connection import Connection
from presence_server.gateway.gateway import Gateway
from presence_server.gateway.rooms import LiveRoom
from presence_server.metrics import Metrics
from tests.fuzz import schema
from tests.fuzz.peer import Peer
from tests.fuzz.reading import CLOSE, Broken, Reading
from tests.fuzz.stage import BYSTANDER, LOG, Stage
from tests.support.transport import FakeTransport
from tests.support.world import ROOM

MAX_QUEUED: Final = 2 * 1024 * 1024
"""Bytes that may wait for one that doesn't read: its limit, and what one turn may bring."""
MAX_HELD: Final = 1_048_576
"""Bytes that a connection may hold of what its client said; most is what comes before its key."""
MAX_REASON: Final = 123  # RFC 6455 §5.5

_FAULTS: Final = frozenset({"token_missing", "token_expired", "token_invalid"})
_ERROR_CODES: Final = frozenset(map(str, ErrorCode))
_ANYWHERE: Final = frozenset(
    {"pong", "error", "token_refreshed", "token_refresh_required", "occupancy"}
)
_SHARED: Final = (
    *(type, ModuleType, FunctionType, BuiltinFunctionType, logging.Logger),
    *(FakeTransport, Gateway, LiveRoom, Metrics),
)
"""What a connection has in common with others: what it holds is not counted."""


class Seen:
    """One peer and what it got: read once for all checks."""

    def __init__(self, peer: Peer, *, thorough: bool) -> None:
        self.peer = peer
        self.reading: Reading = peer.reading()
        self.messages = self.reading.parsed()
        self.thorough = thorough
        self.store = PresenceStore()
        for message in self.messages:
            self.store.receive(message, 0.0)
        self.members = dict(self.store.members)

    @property
    def is_inside(self) -> bool:
        """Whether it was admitted, and nobody has ended the connection."""
        is_open = self.reading.close is None and not self.peer.is_gone
        return is_open and self.store.seq is not None  # one that counts has no map


# Of one peer


def every_message_fits_the_schema(seen: Seen) -> None:
    """Each is of a known type, and has its fields."""
    for raw, message in zip(seen.reading.messages, seen.messages, strict=True):
        schema.check(raw, message, thorough=seen.thorough)


def every_error_has_a_code_of_the_protocol(seen: Seen) -> None:
    """And a word for people."""
    for message in seen.messages:
        if message["type"] == "error" and message["code"] not in _ERROR_CODES:
            raise Broken("every_error_has_a_code_of_the_protocol", message)


def every_close_code_is_one_of_the_table(seen: Seen) -> None:
    """Or the answer to a Close of the client, which says the same as that."""
    close = seen.reading.close
    if close is None:
        return
    code, reason = close
    is_ours = code in TABLE and len(reason.encode()) <= MAX_REASON
    if code == Close.UNAUTHORIZED:
        is_ours = reason in _FAULTS
    if not is_ours and code not in _closes_sent(bytes(seen.peer.sent)):
        raise Broken("every_close_code_is_one_of_the_table", close)


def first_comes_a_welcome_then_a_snapshot(seen: Seen) -> None:
    """Only what answers the client itself may stand before the snapshot."""
    types = [message["type"] for message in seen.messages]
    if types and types[0] != "welcome":
        raise Broken("first_comes_a_welcome_then_a_snapshot", types[:3])
    rest = [kind for kind in types[1:] if kind not in _ANYWHERE]
    if "welcome" in rest or (rest and rest[0] != "presence_snapshot"):
        raise Broken("first_comes_a_welcome_then_a_snapshot", types[:9])


def no_event_is_missing(seen: Seen) -> None:
    """Numbered events rise by one from snapshot to snapshot."""
    if seen.store.resync_at is not None:
        raise Broken("no_event_is_missing", [message.get("seq") for message in seen.messages])


OF_ONE: Final[Sequence[Callable[[Seen], None]]] = (
    every_error_has_a_code_of_the_protocol,
    every_message_fits_the_schema,
    every_close_code_is_one_of_the_table,
    first_comes_a_welcome_then_a_snapshot,
    no_event_is_missing,
)

# Of all of them


def the_bystander_is_served(stage: Stage, bystander: Seen) -> None:
    """It is there, and holds what the room holds."""
    if not bystander.is_inside or not bystander.reading.is_whole:
        raise Broken("the_bystander_is_served", bystander.reading.close)
    truth = stage.world.users(ROOM)
    if BYSTANDER not in truth or canonical(bystander.members) != canonical(truth):
        raise Broken("the_bystander_is_served", (bystander.members, truth))


def everybody_holds_a_rooms_map(stage: Stage, others: Sequence[Seen]) -> None:
    """Whoever is in a room and reads has the same map as the room."""
    live = stage.world.gateway.rooms.list()
    rooms = [canonical(stage.world.users(room.room_id)) for room in live]
    for seen in others:
        if seen.is_inside and canonical(seen.members) not in rooms:
            raise Broken("everybody_holds_a_rooms_map", (seen.members, rooms))


def buffers_are_bounded(stage: Stage) -> None:
    """Neither what waits for a peer nor what is kept of it grows past its cap."""
    for peer in [*stage.peers, stage.bystander]:
        queued = peer.transport.get_write_buffer_size()
        if queued > MAX_QUEUED:
            raise Broken("buffers_are_bounded", f"{queued} bytes wait to be read")


def little_is_held(stage: Stage, *, thorough: bool) -> None:
    """A connection keeps little of what its client said. (To count it takes long: a sample.)"""
    for peer in stage.peers:
        is_chosen = thorough or crc32(peer.sent) % schema.SAMPLE == 0
        held = bytes_held(peer.connection) if is_chosen else 0
        if held > MAX_HELD:
            raise Broken("little_is_held", f"{held} bytes")


def nothing_is_logged(_stage: Stage) -> None:
    """No client can write to the log, or leave an exception there."""
    lines, LOG.lines = LOG.lines, []
    if lines:
        raise Broken("nothing_is_logged", lines)


def nobody_is_left_behind(stage: Stage) -> None:
    """When all have gone there is no connection, and no room."""
    stage.disperse()
    gateway = stage.world.gateway
    if len(gateway) or len(gateway.rooms):
        raise Broken("nobody_is_left_behind", (len(gateway), gateway.rooms.list()))


def check(stage: Stage, *, thorough: bool) -> list[Seen]:
    """See that everything holds; returns what the fuzzer's peers got, in their order.

    Raises:
        Broken: if something does not; it names what.

    """
    little_is_held(stage, thorough=thorough)
    buffers_are_bounded(stage)
    stage.settle()
    bystander = Seen(stage.bystander, thorough=thorough)
    others = [Seen(peer, thorough=thorough) for peer in stage.peers]
    for seen in [bystander, *others]:
        for holds in OF_ONE:
            holds(seen)
    the_bystander_is_served(stage, bystander)
    everybody_holds_a_rooms_map(stage, others)
    nobody_is_left_behind(stage)
    nothing_is_logged(stage)
    return others


# How


def canonical(members: dict[str, Any]) -> bytes:
    """A map as bytes that are equal where JSON is: `1`, `1.0` and `true` are three things."""
    return orjson.dumps(members, option=orjson.OPT_SORT_KEYS)


def bytes_held(connection: Connection) -> int:
    """Bytes of all strings that a connection, and nobody else, holds on to."""
    found: dict[int, Any] = {}
    new: list[Any] = [connection]
    while new:
        thing = new.pop()
        if id(thing) not in found and not isinstance(thing, _SHARED):
            found[id(thing)] = thing
            is_value = isinstance(thing, Value)  # the collector does not look into these
            new += msgspec.structs.astuple(thing) if is_value else gc.get_referents(thing)
    strings = [thing for thing in found.values() if isinstance(thing, (bytes, bytearray, str))]
    return sum(map(len, strings))


def _closes_sent(sent: bytes) -> set[int]:
    """The codes of what may be Close frames of a client; 0 is one without a code."""
    codes = {0} if b"\x88\x80" in sent else set()
    at = sent.find(CLOSE)
    while at >= 0:
        code = zip(sent[at + 6 : at + 8], sent[at + 2 : at + 4], strict=False)
        codes.add(int.from_bytes(byte ^ mask for byte, mask in code))
        at = sent.find(CLOSE, at + 1)
    return codes
