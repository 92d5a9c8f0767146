"""Who may not come in: every refusal has its code, and the room does not notice."""

import base64
import hmac
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from presence_server.core.errors import Because
from tests.support.peer import pump
from tests.support.server import ADMIN_KEY, ROOM, Server, address
from tests.support.world import OPTIONS, SECRET, World

Json = dict[str, Any]


@pytest.fixture(autouse=True)
def _nothing_else_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.DEBUG):
        yield
    said = [it for it in caplog.get_records("call") if it.name != "websockets.client"]
    assert {record.getMessage() for record in said} <= {"connection refused"}


def forge(header: Json, claims: Json, key: str, digest: str = "sha256") -> str:
    """A token signed with an HMAC, whatever its header says; without a key, not at all."""

    def encoded(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    signed = ".".join(encoded(json.dumps(part).encode()) for part in (header, claims))
    signature = hmac.digest(key.encode(), signed.encode(), digest) if key else b""
    return f"{signed}.{encoded(signature)}"


def refusal(world: World, target: str, **headers: str) -> tuple[int, str] | None:
    """How a dial ends; a member of the room sees nothing of it."""
    witness = world.join("witness")
    witness.take()
    stranger = world.dial(target, headers=headers)
    world.settle()
    assert stranger.types() == []
    assert witness.take() == []
    witness.update("/still-here")
    world.settle()
    assert witness.users["witness"]["currentPath"] == "/still-here"
    return stranger.closed


def claims(world: World, **more: Any) -> Json:
    return {"sub": "mallory", "room": ROOM, "exp": int(world.wall()) + 60, **more}


def respelt(token: str) -> str:
    """The same bytes in base64url, but for the last two bits, which nobody reads."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) + 1]


INVALID: dict[tuple[Because, str], Callable[[World], str]] = {
    ("form", "garbage"): lambda _: "garbage",
    ("form", "three dots"): lambda _: "...",
    ("form", "not ASCII"): lambda _: "ä.ö.ü",
    ("algorithm", "alg none"): lambda w: forge({"alg": "none"}, claims(w), ""),
    ("algorithm", "alg none in capitals"): lambda w: forge({"alg": "NONE"}, claims(w), SECRET),
    ("algorithm", "HS512"): lambda w: forge({"alg": "HS512"}, claims(w), SECRET, "sha512"),
    ("algorithm", "HS256 under a header that says RS256"): lambda w: forge(
        {"alg": "RS256"}, claims(w), SECRET
    ),
    ("algorithm", "no algorithm"): lambda w: forge({}, claims(w), SECRET),
    ("signature", "another secret"): lambda w: forge({"alg": "HS256"}, claims(w), SECRET + "x"),
    ("signature", "another secret under a header seen before"): lambda w: jwt.encode(
        claims(w), "x" * 48, algorithm="HS256"
    ),
    ("signature", "another's signature"): lambda w: (
        w.token("mallory").rpartition(".")[0] + "." + w.token("ann").rpartition(".")[2]
    ),
    ("form", "a signature in another spelling"): lambda w: respelt(w.token("mallory")),
    ("signature", "no signature under a header seen before"): lambda w: (
        w.token("mallory").rpartition(".")[0] + "."
    ),
    ("form", "critical header unknown"): lambda w: forge(
        {"alg": "HS256", "crit": ["x"], "x": 1}, claims(w), SECRET
    ),
    ("nbf", "not yet valid"): lambda w: w.token("mallory", nbf=int(w.wall()) + 60),
    ("iat", "issued in the future"): lambda w: w.token("mallory", iat=int(w.wall()) + 60),
    ("exp", "exp as a string"): lambda w: w.token("mallory", exp=str(int(w.wall()) + 60)),
    ("form", "exp huge"): lambda w: w.token("mallory", exp=10**400),
    ("exp", "exp beyond the year 9999"): lambda w: w.token("mallory", exp=10**12),
    ("exp", "exp negative"): lambda w: w.token("mallory", exp=-1),
    ("exp", "exp boolean"): lambda w: w.token("mallory", exp=True),
    ("exp", "exp a float"): lambda w: w.token("mallory", exp=w.wall() + 60.5),
    ("exp", "exp null"): lambda w: w.token("mallory", exp=None),
    ("sub", "sub empty"): lambda w: w.token(""),
    ("sub", "sub oversized"): lambda w: w.token("x" * 129),
    ("sub", "sub oversized in bytes"): lambda w: w.token("é" * 65),
    ("sub", "sub with a control character"): lambda w: w.token("a\x00b"),
    ("sub", "sub a number"): lambda w: w.token("mallory", sub=7),
    ("room", "room missing"): lambda w: w.token("mallory", room=None),
    ("room", "room a number"): lambda w: w.token("mallory", room=7),
    ("room", "no rooms"): lambda w: w.token("mallory", room=[]),
    ("role", "role unknown"): lambda w: w.token("mallory", role="owner"),
    ("observe", "observe a string"): lambda w: w.token("mallory", observe="true"),
    ("form", "claims are a list"): lambda _: forge({"alg": "HS256"}, [1], SECRET),  # type: ignore[arg-type]
}


@pytest.mark.parametrize(("because", "case"), INVALID)
def test_an_invalid_token_is_refused_and_only_the_log_says_why(
    because: Because, case: str, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(OPTIONS._replace(log_connections="refused"))
    target = address(token=INVALID[because, case](world))
    assert refusal(world, target) == (4401, "token_invalid")
    (line,) = (it.__dict__ for it in caplog.records if it.getMessage() == "connection refused")
    assert (line["reason"], line["because"]) == ("token_invalid", because)


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
        right: Json = {"aud": "presence", "iss": "app"}
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
