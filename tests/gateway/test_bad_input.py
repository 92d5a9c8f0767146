"""Whatever comes in: it gets its code, the room does not notice, the log stays empty."""

import base64
import hmac
import json
import logging
import struct
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from websockets.frames import Frame, Opcode

from tests.support.server import ADMIN_KEY, ROOM, Peer, Server, address, pump, token
from tests.support.world import SECRET, Client, World

Json = dict[str, Any]


def forge(header: Json, claims: Json, key: str, digest: str = "sha256") -> str:
    """A token signed with an HMAC, whatever its header says; without a key, not at all."""

    def encoded(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    signed = ".".join(encoded(json.dumps(part).encode()) for part in (header, claims))
    signature = hmac.digest(key.encode(), signed.encode(), digest) if key else b""
    return f"{signed}.{encoded(signature)}"


def check_works(world: World, witness: Client) -> None:
    """Assert that `witness` has seen nothing, and is still served."""
    assert witness.take() == []
    witness.update("/still-here")
    world.settle()
    assert witness.users["witness"]["currentPath"] == "/still-here"


def refusal(world: World, target: str, **headers: str) -> tuple[int, str] | None:
    """How a dial ends; a member of the room sees nothing of it."""
    witness = world.join("witness")
    witness.take()
    stranger = world.dial(target, headers=headers)
    world.settle()
    assert stranger.types() == []
    check_works(world, witness)
    return stranger.closed


@pytest.fixture(autouse=True)
def _nothing_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.DEBUG):
        yield
    assert caplog.text == ""


# Tokens


def claims(world: World, **more: Any) -> Json:
    return {"sub": "mallory", "room": ROOM, "exp": int(world.wall()) + 60, **more}


INVALID: dict[str, Callable[[World], str]] = {
    "garbage": lambda _: "garbage",
    "three dots": lambda _: "...",
    "not ASCII": lambda _: "ä.ö.ü",
    "alg none": lambda w: forge({"alg": "none"}, claims(w), ""),
    "alg none in capitals": lambda w: forge({"alg": "NONE"}, claims(w), SECRET),
    "HS512": lambda w: forge({"alg": "HS512"}, claims(w), SECRET, "sha512"),
    "HS256 under a header that says RS256": lambda w: forge({"alg": "RS256"}, claims(w), SECRET),
    "no algorithm": lambda w: forge({}, claims(w), SECRET),
    "another secret": lambda w: forge({"alg": "HS256"}, claims(w), SECRET + "x"),
    "critical header unknown": lambda w: forge(
        {"alg": "HS256", "crit": ["x"], "x": 1}, claims(w), SECRET
    ),
    "not yet valid": lambda w: w.token("mallory", nbf=int(w.wall()) + 60),
    "issued in the future": lambda w: w.token("mallory", iat=int(w.wall()) + 60),
    "exp as a string": lambda w: w.token("mallory", exp=str(int(w.wall()) + 60)),
    "exp huge": lambda w: w.token("mallory", exp=10**400),
    "exp beyond the year 9999": lambda w: w.token("mallory", exp=10**12),
    "exp negative": lambda w: w.token("mallory", exp=-1),
    "exp boolean": lambda w: w.token("mallory", exp=True),
    "exp a float": lambda w: w.token("mallory", exp=w.wall() + 60.5),
    "exp null": lambda w: w.token("mallory", exp=None),
    "sub empty": lambda w: w.token(""),
    "sub oversized": lambda w: w.token("x" * 129),
    "sub oversized in bytes": lambda w: w.token("é" * 65),
    "sub with a control character": lambda w: w.token("a\x00b"),
    "sub a number": lambda w: w.token("mallory", sub=7),
    "room missing": lambda w: w.token("mallory", room=None),
    "room a number": lambda w: w.token("mallory", room=7),
    "no rooms": lambda w: w.token("mallory", room=[]),
    "role unknown": lambda w: w.token("mallory", role="owner"),
    "observe a string": lambda w: w.token("mallory", observe="true"),
    "claims are a list": lambda _: forge({"alg": "HS256"}, [1], SECRET),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("case", INVALID)
def test_an_invalid_token_is_refused(case: str) -> None:
    world = World()
    target = address(token=INVALID[case](world))
    assert refusal(world, target) == (4401, "token_invalid")


def test_no_token_is_refused() -> None:
    assert refusal(World(), address()) == (4401, "token_missing")


def test_an_expired_token_is_refused() -> None:
    world = World()
    target = address(token=world.token("mallory", ttl=-6))
    assert refusal(world, target) == (4401, "token_expired")


def test_a_token_for_another_workspace_is_refused() -> None:
    world = World()
    for room in ("presence-other", "presence-acme2", "presence-acm", ["presence-a", "x*"]):
        target = address(token=world.token("mallory", room=room))
        assert refusal(world, target) == (4403, "token is for another room")


def test_a_token_may_come_as_a_bearer() -> None:
    world = World()
    headers = {"Authorization": f"Bearer {world.token('ann')}"}
    ann = world.dial(address(), headers=headers)
    world.settle()
    assert set(ann.users) == {"ann"}


@pytest.mark.parametrize(
    ("target", "code"),
    [
        (address(party="chat"), 4404),
        (address(party="presence%2Fx"), 4404),
        (address("presence acme"), 4400),
        (address("x" * 129), 4400),
        (address(""), 4400),
        ("/parties/presence/%ff", 4400),
        ("/parties/presence/a/b", 4400),
        ("/parties/presence", 4400),
        (address(_pk="x" * 129), 4400),
        (address(**{f"p{number}": "" for number in range(33)}), 4400),
    ],
)
def test_a_bad_address_is_refused(target: str, code: int) -> None:
    closed = refusal(World(), target)
    assert closed is not None
    assert closed[0] == code


def test_the_twenty_first_failure_of_an_address_is_held_and_a_valid_token_is_not() -> None:
    world = World()
    for _ in range(20):
        guess = world.dial(address(token="guess"), peer="192.0.2.1")
        world.loop.turn()
        assert guess.closed == (4401, "token_invalid")
    late = world.dial(address(token="guess"), peer="192.0.2.1")
    elsewhere = world.dial(address(token="guess"), peer="192.0.2.2")
    colleague = world.dial(address(token=world.token("ann")), peer="192.0.2.1")
    world.loop.advance(0.99)
    assert late.closed is None
    assert elsewhere.closed == (4401, "token_invalid")
    assert set(colleague.users) == {"ann"}
    world.loop.advance(2.02)
    assert late.closed == (4401, "token_invalid")
    world.loop.advance(60)
    again = world.dial(address(token="guess"), peer="192.0.2.1")
    world.settle()
    assert again.closed == (4401, "token_invalid")


# Keys


def pem(key: Any) -> str:
    """The public half, as it is published."""
    kind = serialization.PublicFormat.SubjectPublicKeyInfo
    written: bytes = key.public_key().public_bytes(serialization.Encoding.PEM, kind)
    return written.decode()


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_a_public_key_verifies_and_is_never_a_shared_secret(algorithm: str) -> None:
    key: Any = {
        "RS256": lambda: rsa.generate_private_key(65_537, 2048),
        "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "EdDSA": ed25519.Ed25519PrivateKey.generate,
    }[algorithm]()
    public = pem(key)
    flags = ("--jwt-public-key", public, "--jwt-audience", "presence", "--jwt-issuer", "app")
    with Server(*flags, variables={"PRESENCE_ADMIN_KEY": ADMIN_KEY}) as server:
        right = {"aud": "presence", "iss": "app"}
        ann = server.enter("ann", key=key, alg=algorithm, **right)
        claims = {"sub": "mallory", "room": ROOM, "exp": 4_000_000_000, **right}
        forged = forge({"alg": "HS256"}, claims, public)
        bad = [
            server.dial(address(token=forged)),
            server.dial(address(token=forge({"alg": algorithm}, claims, public))),
            server.join("mallory", key=key, alg=algorithm, **right | {"aud": "other"}),
            server.join("mallory", key=key, alg=algorithm, **right | {"iss": "other"}),
            server.join("mallory", key=key, alg=algorithm),
        ]
        pump([ann, *bad], lambda: all(peer.closed for peer in bad))
        assert {peer.closed for peer in bad} == {(4401, "token_invalid")}
        assert ann.types() == ["welcome", "presence_snapshot"]


# Messages


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
    for name in ("__proto__", "constructor", "toString", "</script>", "‮", "0"):
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


# Bytes, over TCP


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server("--handshake-timeout", "1") as server:
        yield server


@pytest.fixture
def witness(server: Server) -> Iterator[Peer]:
    """A member; nothing of what the test does may have reached it but coming and going."""
    witness = server.enter("witness")
    yield witness
    witness.update("/still-here")
    pump([witness], lambda: witness.users["witness"]["currentPath"] == "/still-here")
    assert witness.closed is None
    server.check_quiet()


PATH = f"/parties/presence/{ROOM}".encode()
UPGRADE = b"Host: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
NO_REQUESTS: dict[str, tuple[bytes, int]] = {
    "no upgrade": (b"GET " + PATH + b" HTTP/1.1\r\nHost: x\r\n\r\n", 426),
    "no Connection": (b"GET " + PATH + b" HTTP/1.1\r\nUpgrade: websocket\r\n\r\n", 426),
    "no key": (b"GET " + PATH + b" HTTP/1.1\r\n" + UPGRADE + b"\r\n", 400),
    "another upgrade": (b"GET " + PATH + b" HTTP/1.1\r\nUpgrade: h2c\r\n\r\n", 426),
    "200 headers": (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n", 431),
    "a header of 9 KB": (b"GET / HTTP/1.1\r\nA: " + b"b" * 9_000 + b"\r\n\r\n", 431),
    "a request line of 9 KB": (b"GET /" + b"x" * 9_000 + b" HTTP/1.1\r\n\r\n", 414),
    "no end": (b"GET / HTTP/1.1\r\nHost: x", 408),
    "nothing at all": (b"", 408),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "a header without colon": (b"GET / HTTP/1.1\r\nnonsense\r\n\r\n", 400),
    "a body": (b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", 400),
    "POST of an upgrade": (b"POST " + PATH + b" HTTP/1.1\r\n" + UPGRADE + b"\r\n", 405),
    "POST elsewhere": (b"POST /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 405),
    "a page that is not": (b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", 404),
}


@pytest.mark.usefixtures("witness")
@pytest.mark.parametrize("case", NO_REQUESTS)
def test_what_is_no_upgrade_gets_an_http_status(server: Server, case: str) -> None:
    request, status = NO_REQUESTS[case]
    answer = server.exchange(request)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert f"content-length: {len(body)}".encode() in head.lower()


def masked(opcode: Opcode, data: bytes, **flags: Any) -> bytes:
    return Frame(opcode, data, **flags).serialize(mask=True)


BAD_FRAMES: dict[str, tuple[bytes, int]] = {
    "invalid UTF-8": (masked(Opcode.TEXT, b'{"type":"\xff"}'), 1007),
    "half a character": (masked(Opcode.TEXT, b'"\xc3'), 1007),
    "unmasked": (Frame(Opcode.TEXT, b"{}").serialize(mask=False), 1002),
    "reserved bit": (b"\xc1\x80\x00\x00\x00\x00", 1002),
    "reserved opcode": (b"\x83\x80\x00\x00\x00\x00", 1002),
    "fragmented ping": (masked(Opcode.TEXT, b"", fin=False) + b"\x09\x80\x00\x00\x00\x00", 1002),
    "long ping": (b"\x89\xfe\x00\x80" + b"\0" * 132, 1002),
    "continued out of nothing": (masked(Opcode.CONT, b"x"), 1002),
    "text inside a text": (masked(Opcode.TEXT, b"", fin=False) + masked(Opcode.TEXT, b"x"), 1002),
    "close of one byte": (masked(Opcode.CLOSE, b"\x03"), 1002),
    "close with a code that is not": (masked(Opcode.CLOSE, struct.pack("!H", 1005)), 1002),
    "oversized": (masked(Opcode.TEXT, b"x" * 16_385), 1009),
    "oversized by its own word": (b"\x81\xff" + struct.pack("!Q", 2**62) + b"\0\0\0\0", 1009),
    "oversized in pieces": (
        masked(Opcode.TEXT, b"x" * 9_000, fin=False) + masked(Opcode.CONT, b"x" * 9_000),
        1009,
    ),
    "a flood of fragments": (
        masked(Opcode.TEXT, b"", fin=False) + masked(Opcode.CONT, b"", fin=False) * 1_000,
        1009,
    ),
}


@pytest.mark.parametrize("case", BAD_FRAMES)
def test_a_bad_frame_closes_with_its_code(server: Server, witness: Peer, case: str) -> None:
    data, code = BAD_FRAMES[case]
    bad = server.enter("bad")
    bad.send_bytes(data)
    pump([bad, witness], lambda: bad.closed and witness.left())
    assert bad.closed is not None
    assert bad.closed[0] == code
    assert witness.left() == [("bad", "closed")]


def test_binary_is_answered_and_a_message_in_pieces_is_taken(server: Server, witness: Peer) -> None:
    ann = server.enter("ann")
    ann.send_frame(Frame(Opcode.BINARY, b"\x00\xff"))
    pump([ann], ann.errors)
    assert ann.errors() == ["unsupported_data"]
    text = json.dumps(update(currentPath="/é"), ensure_ascii=False).encode()
    cut = text.index("é".encode()) + 1
    for byte in masked(Opcode.TEXT, text[:cut], fin=False) + masked(Opcode.CONT, text[cut:]):
        ann.send_bytes(bytes([byte]))
    pump([ann, witness], lambda: witness.users["ann"]["currentPath"] == "/é")
    assert ann.closed is None


def test_one_whose_connection_is_reset_is_gone_at_once(server: Server, witness: Peer) -> None:
    ann = server.enter("ann")
    pump([witness], lambda: "ann" in witness.users)
    ann.reset()
    pump([witness], witness.left, 2)
    assert witness.left() == [("ann", "timeout")]


def test_one_that_hangs_up_without_a_close_is_gone_at_once(server: Server, witness: Peer) -> None:
    ann = server.enter("ann")
    ann.drop()
    pump([witness], witness.left, 2)
    assert witness.left() == [("ann", "timeout")]


@pytest.mark.parametrize("kind", ["protocol", "message"])
def test_a_flood_of_pings_holds_nobody_up_and_loses_nothing(
    server: Server, witness: Peer, kind: str
) -> None:
    flood, ann = server.enter("flood"), server.enter("ann")
    everybody = [flood, ann, witness]
    ping = masked(Opcode.TEXT, b'{"type":"ping"}')
    flood.send_bytes((ping if kind == "message" else masked(Opcode.PING, b"")) * 20_000)
    flood.update("/after-the-flood")
    for number in range(5):
        ann.update(f"/{number}")
        pump(everybody, lambda number=number: is_at(witness, "ann", f"/{number}"), 1.0)
    pump(everybody, lambda: is_at(witness, "flood", "/after-the-flood"), 20)
    if kind == "protocol":
        pump(everybody, lambda: flood.pongs == 20_000)
    else:
        assert "pong" in flood.types()
        assert set(flood.errors()) == {"rate_limited"}
    assert flood.closed is None


def is_at(witness: Peer, user: str, path: str) -> bool:
    """Whether `user` is at `path`, as `witness` sees it."""
    return witness.users.get(user, {}).get("currentPath") == path


def test_a_valid_token_over_tcp_works_in_either_place(server: Server, witness: Peer) -> None:
    server.enter("by-query")
    server.dial(address(_pk="p"), headers={"Authorization": f"Bearer {token('by-header')}"})
    pump([witness], lambda: {"by-query", "by-header"} <= set(witness.users))
