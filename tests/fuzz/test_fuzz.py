"""What the fuzzers know holds, more is looked for, and what is broken is seen."""

import logging
import os
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest

from presence_server.core import codec
from presence_server.core.claims import read_claims
from presence_server.core.entry import Profile
from presence_server.core.room import Room
from presence_server.gateway import debts, fanout, session, tokens
from presence_server.gateway.deflate import Stream
from presence_server.gateway.frames import PING_FRAME, text_frame
from presence_server.gateway.gateway import Gateway
from presence_server.gateway.outbox import Outbox
from presence_server.gateway.rooms import LiveRoom, Rooms
from presence_server.gateway.session import Session
from presence_server.gateway.wire import Wire
from tests.fuzz import handshake as handshakes
from tests.fuzz import messages
from tests.fuzz import tokens as claims
from tests.fuzz.reading import Broken
from tests.fuzz.stage import LOG, listen

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
HARNESSES: dict[str, ModuleType] = {
    "handshake": handshakes,
    "messages": messages,
    "tokens": claims,
}
CORPUS = sorted((FOLDER / "corpus").glob("*/*"))
SECONDS = int(os.environ.get("FUZZ_SECONDS", "60"))
START_S = 240
"""What imports and the corpus may take beside, on a busy machine."""


@pytest.fixture(autouse=True)
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hear what is logged, as in a fuzzer."""
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    LOG.lines.clear()
    listen()
    yield
    logging.getLogger().removeHandler(LOG)


# The corpus


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_what_fuzzing_once_reached_holds(path: Path) -> None:
    HARNESSES[path.parent.name].play(path.read_bytes(), thorough=True)


def test_the_corpus_stays_small() -> None:
    assert {path.parent.name for path in CORPUS} == set(HARNESSES)
    assert len(CORPUS) < 200
    assert sum(path.stat().st_size for path in CORPUS) < 300_000


# More of it


def fuzz(name: str, *arguments: str) -> subprocess.Popen[str]:
    """Start a fuzzer."""
    # Other tests run beside it, and wait for somebody; this one only wants what is left.
    command = ["nice", sys.executable, "-m", "tests.fuzz", name, *arguments]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def finish(fuzzer: subprocess.Popen[str], timeout: float) -> str:
    """Wait for a fuzzer; what it said."""
    try:
        return fuzzer.communicate(timeout=timeout)[0]
    finally:
        fuzzer.kill()
        fuzzer.wait()


def report(folder: Path, said: str) -> str:
    """What a failed run found, to be put into the corpus."""
    found = [path for path in folder.iterdir() if path.is_file()]
    inputs = [f"{path.name}\n{b64encode(path.read_bytes()).decode()}" for path in found]
    inputs += [path.read_bytes().hex() for path in found]
    return "\n".join([said[-4_000:], *inputs])


@pytest.mark.alone
@pytest.mark.proof
@pytest.mark.timeout(SECONDS + 2 * START_S)
def test_fuzzing_finds_nothing_new(tmp_path: Path) -> None:
    fuzzers: dict[str, subprocess.Popen[str]] = {}
    for name in HARNESSES:
        (tmp_path / name / "corpus").mkdir(parents=True)
        fuzzers[name] = fuzz(
            name,
            str(tmp_path / name / "corpus"),
            str(FOLDER / "corpus" / name),
            f"-max_total_time={SECONDS}",
            f"-artifact_prefix={tmp_path / name}/",
            *("-seed=1", "-timeout=30", "-rss_limit_mb=1024", "-print_final_stats=1"),
        )
    outputs = {name: finish(fuzzer, SECONDS + START_S) for name, fuzzer in fuzzers.items()}
    for name, fuzzer in fuzzers.items():
        assert fuzzer.returncode == 0, report(tmp_path / name, outputs[name])
        assert "stat::number_of_executed_units" in outputs[name]


@pytest.mark.alone
@pytest.mark.proof
def test_a_planted_bug_is_found(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "seed").write_text('{"type":"ping"}')
    arguments = ("-seed=1", "-runs=1000000", f"-artifact_prefix={tmp_path}/")
    fuzzer = fuzz("planted", str(tmp_path / "corpus"), *arguments)
    said = finish(fuzzer, START_S)
    assert fuzzer.returncode != 0
    assert "Planted" in said
    assert b64encode(next(tmp_path.glob("crash-*")).read_bytes()).decode() in report(tmp_path, said)


# Every invariant can fail


class Plant(NamedTuple):
    """A bug, an input that shows it, and the promise that it breaks."""

    promise: str
    harness: str
    data: bytes
    target: Any
    name: str
    bug: Any


def first(target: Any, name: str, deed: Callable[..., object]) -> Callable[..., Any]:
    """What `name` does, with `deed` done before."""
    original = getattr(target, name)

    def call(*arguments: Any) -> Any:
        deed(*arguments)
        return original(*arguments)

    return call


def skip_a_number(room: Room, *_: Any) -> None:
    room.seq += 1


def call_everybody_mallory(_room: Room, tab: Any, *_: Any) -> None:
    tab.member.profile = Profile("Mallory", None, "operator")


def hoard(session: Session, raw: bytes) -> None:
    session._held[codec.Ping] = (codec.Renew(raw.decode() * 100_000), 0.0)


def ping_after_close(wire: Wire) -> list[bytes]:
    pending = wire.library.data_to_send() if wire.library else []
    return [*pending, PING_FRAME] if pending and wire.close_sent else pending


def lose_a_byte(wire: Wire, data: bytearray) -> None:
    del data[: wire.library is not None]


def lose_the_welcome(outbox: Outbox, data: bytes) -> None:
    outbox._ahead += data if data.startswith(b"HTTP") else b""


PING = b'{"type":"ping"}'
MOVE = b'{"type":"presence_update","currentPath":"/a"}'
NOBODY = b'{"type":"presence_snapshot","users":[],"seq":2}'
NO_HTTP = b"hello\r\n\r\n"
PLANTS = [
    Plant("every_message_is_json", "messages", MOVE, fanout, "encode_event", lambda _: b"{"),
    Plant(
        *("every_message_fits_the_schema", "messages", MOVE),
        *(fanout, "encode_event", lambda _: b'{"type":"presence_changed"}'),
    ),
    Plant(
        *("every_error_has_a_code_of_the_protocol", "messages", b"{"),
        *(session, "text_frame", lambda text: text_frame(text.replace(b"invalid", b"strange"))),
    ),
    Plant(
        *("every_close_code_is_one_of_the_table", "messages", b"T%ff"),
        *(Wire, "close", lambda wire, *_: wire._ask_library().send_close(1011, "")),
    ),
    Plant(
        *("first_comes_a_welcome_then_a_snapshot", "messages", PING),
        *(Outbox, "put_ahead", lose_the_welcome),
    ),
    Plant(
        *("no_event_is_missing", "messages", MOVE),
        *(Room, "move", first(Room, "move", skip_a_number)),
    ),
    Plant("nothing_follows_a_close", "messages", b"F88%03%e8", Wire, "to_send", ping_after_close),
    Plant("the_server_masks_nothing", "messages", PING, session, "_PONG", b"\x81\x80\0\0\0\0"),
    Plant("the_server_sends_whole_frames", "messages", PING, session, "_PONG", b"\x01\x00"),
    Plant(
        *("the_bystander_is_served", "messages", b"Kann"),
        *(Rooms, "remove_user", lambda rooms, room_id, _: rooms.end(room_id)),
    ),
    Plant("the_bystander_is_served", "messages", MOVE, LiveRoom, "publish", lambda *_: None),
    Plant(
        *("everybody_holds_a_rooms_map", "messages", b"Od"),
        *(debts, "lone_frame", lambda _: Stream().frame(NOBODY)),
    ),
    Plant(
        *("nobody_forges_who_they_are", "messages", MOVE),
        *(Room, "move", first(Room, "move", call_everybody_mallory)),
    ),
    Plant(
        *("little_is_held", "messages", PING),
        *(Session, "handle", first(Session, "handle", hoard)),
    ),
    Plant(
        *("buffers_are_bounded", "messages", b"S0\n" + PING),
        *(session, "_PONG", text_frame(b"x" * 3_000_000)),
    ),
    Plant(
        *("nothing_is_logged", "messages", PING),
        *(codec, "decode", first(codec, "decode", lambda raw: logging.warning("%s", raw))),
    ),
    Plant("nobody_is_left_behind", "messages", PING, Gateway, "lost", lambda *_: None),
    Plant("the_answer_is_http", "handshake", NO_HTTP, Wire, "reproof", lambda _: b"what?"),
    Plant(
        *("an_answer_has_the_length_that_it_says", "handshake", NO_HTTP),
        *(Wire, "reproof", lambda _: b"HTTP/1.1 400 Bad\r\nContent-Length: 9\r\n\r\n"),
    ),
    Plant(
        *("pieces_do_not_matter", "handshake", b"GET /heal\x1ethz HTTP/1.1\r\n\r\n"),
        *(Wire, "receive", first(Wire, "receive", lose_a_byte)),
    ),
    Plant(
        *("who_comes_in_has_a_whole_token", "tokens", b'{"sub":"ann","room":"*","exp":5}'),
        *(tokens, "read_claims", lambda payload, _now, expected: read_claims(payload, 0, expected)),
    ),
]


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.promise)
def test_a_promise_that_is_broken_is_named(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    HARNESSES[plant.harness].play(plant.data, thorough=True)
    monkeypatch.setattr(plant.target, plant.name, plant.bug)
    with pytest.raises(Broken) as broken:
        HARNESSES[plant.harness].play(plant.data, thorough=True)
    assert broken.value.promise == plant.promise


def test_an_exception_that_leaves_the_gateway_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "decode", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        messages.play(PING)
