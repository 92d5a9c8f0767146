"""TLS in memory: what a connection sees of it, and what it costs when the far end does not read."""

import asyncio
import contextlib
import resource
import ssl
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest

from presence_server.gateway.connection import Connection
from presence_server.gateway.outbox import Outbox
from presence_server.gateway.tls import TlsStream
from tests.support.certificates import Authority
from tests.support.loop import FakeLoop
from tests.support.sealer import HANDSHAKE, KEY_UPDATE, Sealer
from tests.support.transport import FakeTransport


class Inside(asyncio.BufferedProtocol):
    """A connection that notes what it is told, and may stop after each piece."""

    def __init__(self, size: int) -> None:
        self.buffer = bytearray(size)
        self.heard: list[Any] = []
        self.transport: TlsStream
        self.stops = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note it."""
        self.transport = cast("TlsStream", transport)
        self.heard.append("made")

    def get_buffer(self, sizehint: int) -> bytearray:
        """As large as the test has it."""
        del sizehint
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Note it."""
        self.heard.append(bytes(self.buffer[:nbytes]))
        if self.stops:
            self.transport.pause_reading()

    def eof_received(self) -> None:
        """Note it."""
        self.heard.append("eof")

    def connection_lost(self, exc: Exception | None) -> None:
        """Note it."""
        del exc
        self.heard.append("lost")

    def pause_writing(self) -> None:
        """Note it."""
        self.heard.append("paused")

    def resume_writing(self) -> None:
        """Note it."""
        self.heard.append("resumed")


class Far:
    """A TLS client in memory, and the server's end that it speaks to."""

    def __init__(self, contexts: tuple[ssl.SSLContext, ssl.SSLContext], size: int = 8_192) -> None:
        server, client = contexts
        self.failed: list[str] = []
        self.loop = FakeLoop()
        self.inside = Inside(size)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = client.wrap_bio(self._incoming, self._outgoing, server_hostname="localhost")
        self.transport = FakeTransport(self.loop, self._receive, self._hang_up, "127.0.0.1")
        connection = cast("Connection", self.inside)
        self.stream = TlsStream(connection, server, self.loop, self._note_failure)
        self.transport.attach(self.stream)
        self.has_eof = False

    def open(self) -> "Far":
        """Shake hands."""
        for _ in range(3):
            with contextlib.suppress(ssl.SSLWantReadError):
                self.tls.do_handshake()
            self.push()
        return self

    def send(self, data: bytes) -> None:
        """Send it in one piece."""
        self.tls.write(data)
        self.push()

    def push(self) -> None:
        """Send what TLS has to say."""
        self.transport.send(self._outgoing.read())

    def read(self) -> bytes:
        """What came; empty at the end that the server announced."""
        read = bytearray()
        with contextlib.suppress(ssl.SSLWantReadError):
            while piece := self.tls.read(65_536):
                read += piece
        return bytes(read)

    def _receive(self, data: bytes) -> None:
        self._incoming.write(data)

    def _hang_up(self) -> None:
        self.has_eof = True

    def _note_failure(self, connection: Connection, why: str) -> None:
        assert isinstance(connection, Inside)
        self.failed.append(why)


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    authority = Authority(tmp_path_factory.mktemp("tls"))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(*authority.issue())
    return server, ssl.create_default_context(cafile=authority.ca)


Make = Callable[..., Far]
Sealed = tuple[Far, Sealer]


@pytest.fixture
def make(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> Make:
    return lambda size=8_192: Far(contexts, size)


def test_a_socket_is_seen_before_its_handshake_and_what_is_written_meanwhile_goes_nowhere(
    make: Make,
) -> None:
    far = make()
    assert far.inside.heard == ["made"]
    far.stream.write(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
    assert far._incoming.pending == 0
    far.stream.write_eof()
    assert far.transport.is_aborted


def test_what_is_said_comes_through_both_ways_whatever_its_size(make: Make) -> None:
    far = make().open()
    for size in (1, 1_000, 16_384, 16_385, 1_000_000):
        data = bytes(index % 251 for index in range(size))
        far.send(data)
        assert b"".join(far.inside.heard[1:]) == data
        del far.inside.heard[1:]
        far.stream.write(data)
        assert far.read() == data


def test_a_connection_that_stops_reading_gets_nothing_and_the_rest_when_it_reads_again(
    make: Make,
) -> None:
    far = make(100).open()
    far.inside.stops = True
    data = bytes(range(250))
    far.send(data)
    assert far.inside.heard[1:] == [data[:100]]
    assert not far.transport.is_reading()
    far.send(b"later")
    far.loop.advance(0)
    assert far.inside.heard[1:] == [data[:100]]
    for count in (2, 3, 4):
        far.stream.resume_reading()
        far.loop.advance(0)
        assert len(far.inside.heard[1:]) == count
    assert b"".join(far.inside.heard[1:]) == data + b"later"


def test_a_reader_that_stalls_shows_in_the_buffer_and_in_nothing_but_it(make: Make) -> None:
    far = make().open()
    far.stream.set_write_buffer_limits(high=20_000, low=0)
    far.transport.window = 0
    for _ in range(10):
        far.stream.write(b"x" * 4_000)
    assert far.inside.heard[1:] == ["paused"]
    assert far._outgoing.pending == 0
    assert 40_000 < far.stream.get_write_buffer_size() < 41_000
    far.transport.read(None)
    assert far.inside.heard[1:] == ["paused", "resumed"]
    assert far.read() == b"x" * 40_000


def test_progress_is_what_the_far_end_took_however_small_the_pieces(make: Make) -> None:
    """What TLS adds to each piece must not look as if less had been taken than before."""
    far = make().open()
    outbox = Outbox(far.stream)
    far.transport.window = 0
    seen = [outbox.flushed]
    for _ in range(50):
        outbox.write(b"x")
        seen.append(outbox.flushed)
    assert len({*seen}) == 1
    for _ in range(10):
        far.transport.read(100)
        seen.append(outbox.flushed)
    assert [later - one for one, later in pairwise(seen[51:])] == [100] * 9


def test_a_long_message_leaves_no_memory_behind(make: Make) -> None:
    """OpenSSL's buffers keep the size that they once had."""
    crowd = [make().open() for _ in range(50)]
    for far in crowd:
        far.transport._on_bytes = lambda data: None  # noqa: ARG005 - it is thrown away
    before = resident()
    for far in crowd:
        far.stream.write(bytes(1_000_000))
    assert resident() < before + 10_000_000


def resident() -> int:
    """Memory of this process that is in RAM."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def test_the_end_of_the_stream_is_said_in_tls_and_in_tcp_behind_all_that_was_written(
    make: Make,
) -> None:
    far = make().open()
    far.transport.window = 0
    far.stream.write(b"goodbye")
    far.stream.write_eof()
    far.stream.write(b"never sent")
    assert not far.has_eof
    far.transport.read(None)
    assert far.tls.read(100) == b"goodbye"
    assert far.tls.read(100) == b""
    assert far.has_eof


def test_what_comes_after_our_end_is_heard_by_nobody(make: Make) -> None:
    far = make().open()
    far.stream.write_eof()
    far.send(b"too late")
    assert far.inside.heard == ["made"]


def test_the_far_ends_end_is_an_end(make: Make) -> None:
    far = make().open()
    far.send(b"last words")
    with pytest.raises(ssl.SSLWantReadError):
        far.tls.unwrap()
    far.push()
    assert far.inside.heard == ["made", b"last words", "eof"]
    assert far.transport.is_closing()


def test_bytes_that_are_no_tls_end_the_connection_and_say_why(make: Make) -> None:
    far = make()
    far.transport.send(b"\x16\x03\x01\x00\x05nonsense, and not little of it")
    assert far.transport.is_closing()
    assert len(far.failed) == 1
    assert far.inside.heard == ["made"]


def test_a_record_that_was_tampered_with_cuts_the_connection(make: Make) -> None:
    far = make().open()
    far.tls.write(b"pay ann")
    record = bytearray(far._outgoing.read())
    record[-1] ^= 1
    far.transport.send(bytes(record))
    assert far.transport.is_aborted
    assert far.inside.heard == ["made"]
    assert far.failed == []


HALF_A_KEY_UPDATE = KEY_UPDATE[:4]


@pytest.fixture
def sealed(contexts: tuple[ssl.SSLContext, ssl.SSLContext], make: Make, tmp_path: Path) -> Sealed:
    """A client whose records are sealed by hand."""
    contexts[1].keylog_filename = str(tmp_path / "keys")
    far = make().open()
    return far, Sealer(tmp_path / "keys")


@pytest.mark.parametrize("size", [10, 100_000])
def test_who_begins_a_handshake_and_leaves_it_there_is_cut_and_harms_no_writer(
    sealed: Sealed, size: int
) -> None:
    far, sealer = sealed
    far.transport.send(sealer.seal(HALF_A_KEY_UPDATE, HANDSHAKE))
    assert not far.transport.is_aborted
    far.stream.write(bytes(size))
    assert far.transport.is_aborted
    far.stream.write(b"more")


def test_who_updates_keys_without_end_is_cut(sealed: Sealed) -> None:
    far, sealer = sealed
    for _ in range(4_000):
        far.transport.send(sealer.update_keys())
        if far.transport.is_aborted:
            break
    assert far.transport.is_aborted


def test_keys_may_be_updated_now_and_then_and_records_be_small_or_large(sealed: Sealed) -> None:
    far, sealer = sealed
    for size in [1] * 3_000 + [16_384] * 20:
        far.transport.send(sealer.seal(bytes(size)))
    for _ in range(2_000):
        far.transport.send(sealer.update_keys())
        far.loop.advance(1)
    far.transport.send(sealer.seal(b"still here"))
    assert far.inside.heard[-1] == b"still here"


def test_when_it_is_lost_nothing_holds_it(make: Make) -> None:
    far = make().open()
    far.transport.lose()
    assert far.inside.heard == ["made", "lost"]
    far.stream.write(b"to nobody")
    assert far.stream._tls is None
