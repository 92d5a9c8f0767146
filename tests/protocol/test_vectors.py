"""The server and the Python client against `protocol/vectors`."""

import json
from typing import Any

import pytest
from jwt import PyJWS
from presence_client import close_codes as client_codes
from presence_client.store import PresenceStore

from presence_server.core import close_codes, codec, text
from presence_server.core.address import parse_address
from presence_server.core.claims import Claims, Expected, read_claims
from presence_server.core.entry import Place
from presence_server.core.errors import BadMessage, Refused, TokenFault, TokenRefused
from presence_server.core.messages import SERVER_TYPES
from presence_server.gateway.keys import secret_key
from presence_server.gateway.tokens import JwtVerifier
from tests.protocol.files import Vector, faults, named, read
from tests.protocol.notation import canonical, expand
from tests.support.world import EPOCH, SECRET

CLIENT = read("client_messages.json")
SERVER = read("server_messages.json")
TOKENS = read("tokens.json")
NOW = int(EPOCH)

PLACE_FIELDS = {
    "resourceType": "resource_type",
    "resourceId": "resource_id",
    "versionId": "version_id",
    "activity": "activity",
    "following": "following",
}

# Messages of clients


def raw(vector: Vector) -> bytes:
    """The bytes of a message."""
    if "hex" in vector:
        return bytes.fromhex(vector["hex"])
    given: Any = expand(vector.get("json", vector.get("message")))
    return (given if "json" in vector else json.dumps(given, ensure_ascii=False)).encode()


def meaning(command: codec.Command) -> dict[str, Any]:
    """What was understood, as the message that says it in the fewest words."""
    said: dict[str, Any] = {"type": codec.TYPE_OF[type(command)]}
    match command:
        case codec.Move(place, idle_s):
            said |= place_fields(place) | idle(idle_s)
        case codec.Mark(status, idle_s):
            said |= {"status": status} | idle(idle_s)
        case codec.Point(cursor):
            said["cursor"] = None if cursor is None else json.loads(cursor)
        case codec.Renew(token):
            said["token"] = token
    return said


def place_fields(place: Place) -> dict[str, Any]:
    values = {name: getattr(place, ours) for name, ours in PLACE_FIELDS.items()}
    values["data"] = None if place.data is None else json.loads(place.data)
    given = {name: value for name, value in values.items() if value is not None}
    return {"currentPath": place.current_path, **given}


def idle(idle_s: float) -> dict[str, float]:
    milliseconds = round(idle_s * 1000, 3)
    whole = milliseconds.is_integer()
    return {"idleMs": int(milliseconds) if whole else milliseconds} if milliseconds else {}


@pytest.mark.parametrize("vector", named([v for v in CLIENT if "accepted" in v]))
def test_a_message_is_understood(vector: Vector) -> None:
    message = raw(vector)
    wanted = vector["message"] if vector["accepted"] is True else vector["accepted"]
    assert canonical(meaning(codec.decode(message))) == canonical(expand(wanted))
    assert not faults("client.json", json.loads(message))


@pytest.mark.parametrize("vector", named([v for v in CLIENT if "error" in v]))
def test_a_message_is_refused(vector: Vector) -> None:
    with pytest.raises(BadMessage) as refused:
        codec.decode(raw(vector))
    told = {"code": refused.value.code.value, "of": refused.value.of}
    assert {key: value for key, value in told.items() if value is not None} == vector["error"]


@pytest.mark.parametrize("vector", named([v for v in CLIENT if "close" in v]))
def test_bytes_that_are_no_text_close_the_connection(vector: Vector) -> None:
    with pytest.raises(UnicodeDecodeError):
        codec.decode(raw(vector))
    assert vector["close"] == close_codes.Close.INVALID_UTF8


def test_every_vector_says_one_thing() -> None:
    for vector in CLIENT:
        assert len({"accepted", "error", "close"} & set(vector)) == 1, vector["name"]
        assert len({"message", "json", "hex"} & set(vector)) == 1, vector["name"]


# Messages of the server


@pytest.mark.parametrize("vector", named(SERVER["messages"]))
def test_a_server_message_is_as_its_schema_says(vector: Vector) -> None:
    assert not faults("server.json", vector["message"])


@pytest.mark.parametrize("sequence", named(SERVER["sequences"]))
def test_the_client_makes_of_a_sequence_what_it_should(sequence: Vector) -> None:
    store, now_ms, asked_at = PresenceStore(), 0, []
    for step in sequence["receives"]:
        if "after" in step:
            now_ms += step["after"]
        else:
            store.receive(step, now_ms / 1000)
        if store.due(now_ms / 1000):
            asked_at.append(now_ms)
    assert canonical(dict(store.members)) == canonical(sequence["map"])
    assert store.seq == sequence["seq"]
    assert (store.resync_at is not None) == sequence["wantsResync"]
    assert asked_at == sequence.get("resyncsAt", asked_at)


@pytest.mark.parametrize("sequence", named(SERVER["sequences"]))
def test_a_sequence_is_made_of_messages_as_the_schema_has_them(sequence: Vector) -> None:
    for message in sequence["receives"]:
        if message.get("type") in SERVER_TYPES:
            assert not faults("server.json", message)


# Addresses


@pytest.mark.parametrize("vector", named(read("addresses.json")))
def test_an_address_is_read(vector: Vector) -> None:
    target = expand(vector["target"])
    if "close" in vector:
        with pytest.raises(Refused) as refused:
            parse_address(target)
        assert [refused.value.code, refused.value.reason] == vector["close"]
    else:
        wanted = expand([vector["room"], vector["connectionId"], vector["token"]])
        counts = vector.get("members") == "count"
        assert parse_address(target) == (*wanted, counts)


# Tokens


def verify(vector: Vector) -> Claims:
    """The claims of a token with this vector's payload, signed as it should be."""
    payload = expand(vector["json"]) if "json" in vector else json.dumps(claims(vector))
    token = PyJWS().encode(payload.encode(), SECRET, "HS256")
    expected = Expected(**vector.get("expects", {}))
    fresh = JwtVerifier([secret_key(SECRET)], expected)
    used = JwtVerifier([secret_key(SECRET)], expected)
    used._remember_header(token, used._keys)  # as if a valid one had come with the same header
    first, again = outcome(fresh, token), outcome(used, token)
    assert first == again
    if isinstance(first, str):
        raise TokenRefused(first)
    return first


def outcome(verifier: JwtVerifier, token: str) -> Claims | TokenFault:
    try:
        return verifier.verify(token, NOW)
    except TokenRefused as refused:
        return refused.fault


def claims(vector: Vector) -> Any:
    return expand(vector["claims"], NOW)


def identity(found: Claims) -> dict[str, Any]:
    who = found.identity
    return {
        "userId": who.user_id,
        "userName": who.profile.name,
        "userImage": who.profile.image,
        "role": who.profile.role,
        "observe": who.observe,
        "anon": who.anon,
        "track": who.track,
        "rooms": list(found.rooms),
        "scopes": sorted(found.scopes),
        "expiresAt": found.expires_at,
    }


@pytest.mark.parametrize("vector", named(TOKENS["tokens"]))
def test_a_token_is_judged(vector: Vector) -> None:
    if "refused" in vector:
        with pytest.raises(TokenRefused) as refused:
            verify(vector)
        assert refused.value.fault == vector["refused"]
    else:
        assert identity(verify(vector)) == expand(vector["accepted"], NOW)


@pytest.mark.parametrize("vector", named(TOKENS["rooms"]))
def test_a_token_is_for_these_rooms(vector: Vector) -> None:
    payload = {"sub": "ann", "exp": NOW + 1, "room": vector["room"]}
    token = read_claims(payload, NOW, Expected())
    assert [room for room in vector["covers"] if not token.covers(room)] == []
    assert [room for room in vector["coversNot"] if token.covers(room)] == []


# Close codes


@pytest.mark.parametrize("vector", named(read("close_codes.json")))
def test_a_client_does_what_a_close_code_advises(vector: Vector) -> None:
    assert client_codes.advice(vector["code"]).value == vector["client"]


def test_the_close_codes_are_those_of_the_table() -> None:
    rows = {v["code"]: (v["client"], v["leave"]) for v in read("close_codes.json") if "leave" in v}
    table = close_codes.TABLE.items()
    assert rows == {code: (row.advice.value, row.leave) for code, row in table}


# The limits that the vectors are about


def test_the_vectors_touch_every_limit() -> None:
    names = " ".join(vector["name"] for vector in [*CLIENT, *TOKENS["tokens"]])
    limits = (
        ("currentPath", text.MAX_PATH),
        ("activity", text.MAX_ACTIVITY),
        ("resourceId", text.MAX_ID),
        ("data", text.MAX_DATA),
        ("cursor", text.MAX_CURSOR),
        ("name", text.MAX_NAME),
        ("picture", text.MAX_PICTURE),
        ("sub", text.MAX_ID),
    )
    for field, limit in limits:
        assert f"{field} of {limit:,} bytes" in names
        assert f"{field} of {limit + 1:,} bytes" in names
