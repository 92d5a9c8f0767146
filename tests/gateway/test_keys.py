"""Which keys are taken, and that no token passes under a key that it was not signed with."""

import base64
import hashlib
import hmac
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from presence_server.core.claims import Expected
from presence_server.core.errors import TokenRefused
from presence_server.gateway.key_file import read_key_file
from presence_server.gateway.keys import (
    KeyRefused,
    Keys,
    public_keys,
    published_keys,
    secret_key,
)
from presence_server.gateway.tokens import MAX_HEADER, MAX_HEADERS, JwtVerifier

NOW = 1_800_000_000.0
CLAIMS = {"sub": "ann", "room": "presence-acme", "exp": int(NOW) + 60}
SECRET = "a-secret-for-tests,-of-forty-eight-bytes,-no-less"
RSA = rsa.generate_private_key(65_537, 2048)
SMALL_RSA = rsa.generate_private_key(65_537, 1024)  # noqa: S505 - to see it refused
EC = ec.generate_private_key(ec.SECP256R1())
WRONG_CURVE = ec.generate_private_key(ec.SECP384R1())
ED = ed25519.Ed25519PrivateKey.generate()
PRIVATE: dict[str, Any] = {"HS256": SECRET, "RS256": RSA, "ES256": EC, "EdDSA": ED}

Json = dict[str, Any]


def pem(key: Any) -> str:
    """The public half, as it is published."""
    kind = PublicFormat.SubjectPublicKeyInfo
    return str(key.public_key().public_bytes(Encoding.PEM, kind).decode())


def private_pem(key: Any) -> str:
    return str(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


JWKS: dict[str, Json] = {
    "HS256": {"kty": "oct", "k": encoded(SECRET.encode())},
    "RS256": RSAAlgorithm.to_jwk(RSA.public_key(), as_dict=True),
    "ES256": ECAlgorithm.to_jwk(EC.public_key(), as_dict=True),
    "EdDSA": OKPAlgorithm.to_jwk(ED.public_key(), as_dict=True),
}


def jwk(algorithm: str, kid: str | None = None, **more: Any) -> Json:
    """The key for an algorithm, as a JWK."""
    named = {} if kid is None else {"kid": kid}
    return {**JWKS[algorithm], **named, **more}


def key_file(*keys: Json) -> Keys:
    return read_key_file(json.dumps({"keys": keys}).encode())


def verifier(*keys: Json) -> JwtVerifier:
    return JwtVerifier(key_file(*keys), Expected())


def sign(algorithm: str, kid: str | None = None, **header: Any) -> str:
    named = {} if kid is None else {"kid": kid}
    return jwt.encode(CLAIMS, PRIVATE[algorithm], algorithm, headers=named | header)


def forge(header: Json, key: bytes = b"", claims: Json = CLAIMS) -> str:
    """A token signed with an HMAC, whatever its header says; without a key, not at all."""
    signed = ".".join(encoded(json.dumps(part).encode()) for part in (header, claims))
    signature = hmac.digest(key, signed.encode(), hashlib.sha256) if key else b""
    return f"{signed}.{encoded(signature)}"


def accepts(judge: JwtVerifier, token: str) -> bool:
    """Whether a token is accepted; the second time, when its header may be known, as the first."""
    first, again = (outcome(judge, token) for _ in range(2))
    assert first == again
    assert first in ("ann", "token_invalid")
    return first == "ann"


def outcome(judge: JwtVerifier, token: str) -> str:
    """The user whose token it is, or what is wrong with it."""
    try:
        return judge.verify(token, NOW).identity.user_id
    except TokenRefused as refused:
        return refused.fault


# Which are taken

ALL = ("HS256", "RS256", "ES256", "EdDSA")


@pytest.mark.parametrize("algorithm", ALL)
def test_each_key_stands_for_its_own_algorithm(algorithm: str) -> None:
    judge = verifier(*(jwk(each) for each in ALL))
    assert accepts(judge, sign(algorithm))
    only = verifier(jwk(algorithm))
    assert [accepts(only, sign(each)) for each in ALL] == [each == algorithm for each in ALL]


def test_a_key_file_is_a_jwk_set_or_public_keys_or_secrets() -> None:
    blocks = pem(RSA) + "# of the old one\n\n" + pem(EC) + pem(ED)
    assert [key.algorithm_name for key in read_key_file(blocks.encode())] == [*ALL[1:]]
    assert public_keys(blocks)[0].key_id is None
    secrets = f"# since spring\n{SECRET}\r\n  {SECRET[::-1]}\n\n".encode()
    judge = JwtVerifier(read_key_file(secrets), Expected())
    assert accepts(judge, sign("HS256"))
    assert accepts(judge, forge({"alg": "HS256"}, SECRET[::-1].encode()))
    assert not accepts(judge, forge({"alg": "HS256"}, SECRET.upper().encode()))
    assert len(key_file(*(jwk(each, each) for each in ALL))) == 4
    assert read_key_file(b"\xef\xbb\xbf" + SECRET.encode())[0].algorithm_name == "HS256"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"# nothing but words\n", "empty"),
        (b"\xff\xfe", "UTF-8"),
        (b"short", "32 bytes"),
        (SECRET.encode() + b"\nshort", "32 bytes"),
        (b'["kty"]', "not a JWK Set"),
        (b'{"keys": {}}', "not a JWK Set"),
        (b'{"keys": []}', "empty"),
        (b"{", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"x" * 1_100_000, "bytes"),
        (b"-----BEGIN PUBLIC KEY-----\nMII", "PEM"),
        ((pem(EC) + private_pem(EC)).encode(), "a private key: give its public half"),
        (private_pem(RSA).encode(), "a private key: give its public half"),
        (b"-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n", "a certificate"),
        ((pem(EC) + SECRET).encode(), "beside the PEM keys"),
        ((SECRET + "\n" + pem(EC)).encode(), "beside the PEM keys"),
        ("".join(pem(EC).splitlines(keepends=True)[1:-1]).encode(), "without its BEGIN"),
        (SECRET.encode() + b"\nproduction key, changed in spring by ann", "line 2 is no secret"),
        (b"https://issuer.example/.well-known/jwks.json", "line 1 is no secret"),
        (b"PRESENCE_JWT_SECRET=" + SECRET.encode(), "line 1 is no secret"),
        (SECRET.encode() + b"\n\nshort", "line 3: a secret needs"),
        (b'{"keys": [\n}', "not JSON: line 2"),
        (pem(SMALL_RSA).encode(), "2048"),
        (pem(WRONG_CURVE).encode(), "P-256"),
        (b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGFnbWFuIGtleSBvZiBub2JvZHkgYXQgYWxs", "no secret"),
    ],
)
def test_a_file_that_holds_something_else_is_refused(content: bytes, says: str) -> None:
    with pytest.raises(KeyRefused, match=says) as refused:
        read_key_file(content)
    for line in content.decode("latin-1").splitlines():
        assert len(line) < 4 or line not in str(refused.value)


UNUSABLE: dict[str, object] = {
    "no object": "key",
    "no type": {},
    "a type that is a list": jwk("RS256", kty=["RSA"]),
    "for encryption": jwk("RS256", use="enc"),
    "for signing alone": jwk("RS256", key_ops=["sign"]),
    "operations that are no list": jwk("RS256", key_ops=7),
    "RS512": jwk("RS256", alg="RS512"),
    "PS256": jwk("RS256", alg="PS256"),
    "an RSA key for HS256": jwk("RS256", alg="HS256"),
    "a secret for RS256": jwk("HS256", alg="RS256"),
    "an algorithm that is a list": jwk("RS256", alg=["RS256"]),
    "a kid that is a number": jwk("RS256", kid=7),  # type: ignore[arg-type]
    "a kid without end": jwk("RS256", kid="x" * 257),
    "a small RSA key": RSAAlgorithm.to_jwk(SMALL_RSA.public_key(), as_dict=True),
    "an RSA key too big to try": jwk("RS256", n=encoded(b"\xff" * 2_000)),
    "an RSA key without a number": {"kty": "RSA", "e": "AQAB"},
    "an RSA key with numbers of no kind": {"kty": "RSA", "e": 3, "n": [1]},
    "an RSA key that is even": jwk("RS256", n=encoded(b"\xfe" * 256), e="AA"),
    "another curve": ECAlgorithm.to_jwk(WRONG_CURVE.public_key(), as_dict=True),
    "a point off the curve": jwk("ES256", x=encoded(b"\x01" * 32)),
    "a curve that is none": jwk("ES256", crv="P-999"),
    "Ed448": jwk("EdDSA", crv="Ed448"),
    "X25519": jwk("EdDSA", crv="X25519"),
    "a private RSA key": RSAAlgorithm.to_jwk(RSA, as_dict=True),
    "a private EC key": ECAlgorithm.to_jwk(EC, as_dict=True),
    "a private Ed25519 key": OKPAlgorithm.to_jwk(ED, as_dict=True),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_an_unusable_key_is_passed_over_where_it_is_published_and_refused_in_a_file(
    case: str,
) -> None:
    entry: Any = UNUSABLE[case]
    good = jwk("EdDSA", "good")
    assert [key.key_id for key in published_keys({"keys": [entry, good]})] == ["good"]
    with pytest.raises(KeyRefused):
        published_keys({"keys": [entry]})
    with pytest.raises(KeyRefused):
        key_file(good, entry)


def test_a_secret_that_is_published_is_none() -> None:
    keys = [jwk("HS256", "leaked"), jwk("RS256", "good")]
    assert [key.key_id for key in published_keys({"keys": keys})] == ["good"]
    with pytest.raises(KeyRefused, match="no key that can be used"):
        published_keys({"keys": keys[:1]})


def test_a_short_secret_or_one_that_could_be_looked_up_is_refused_in_a_set() -> None:
    for secret in (b"x" * 31, pem(RSA).encode(), json.dumps(jwk("RS256")).encode()):
        with pytest.raises(KeyRefused):
            key_file({"kty": "oct", "k": encoded(secret)})
        with pytest.raises(KeyRefused):
            secret_key(secret.decode())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)


@given(st.sampled_from(ALL), st.dictionaries(st.sampled_from(
    ["kty", "kid", "alg", "use", "key_ops", "n", "e", "d", "k", "crv", "x", "y", "p", "oth"]
), json_values, max_size=4))  # fmt: skip
def test_whatever_is_in_a_set_it_is_a_safe_key_or_refused(algorithm: str, changes: Json) -> None:
    try:
        (key,) = published_keys({"keys": [{**jwk(algorithm), **changes}]})
    except KeyRefused:
        return
    assert key.algorithm_name in ALL[1:]


@given(json_values)
def test_whatever_an_endpoint_answers_it_is_refused_or_no_more(answer: Any) -> None:
    with pytest.raises(KeyRefused):
        published_keys(answer)


# Which key for which token


def test_a_token_is_tried_with_the_keys_of_its_kid_and_those_without() -> None:
    judge = verifier(jwk("ES256", "a"), jwk("RS256", "b"), jwk("EdDSA"))
    assert accepts(judge, sign("ES256", "a"))
    assert accepts(judge, sign("ES256"))
    assert not accepts(judge, sign("ES256", "b"))
    assert not accepts(judge, sign("ES256", "c"))
    assert not accepts(judge, sign("ES256", ""))
    assert accepts(judge, sign("EdDSA", "c"))


def test_two_keys_of_one_kid_both_count() -> None:
    other = {"kty": "oct", "k": encoded(SECRET[::-1].encode()), "kid": "a"}
    judge = verifier(other, jwk("HS256", "a"))
    assert accepts(judge, sign("HS256", "a"))
    assert accepts(judge, forge({"alg": "HS256", "kid": "a"}, SECRET[::-1].encode()))


PUBLISHED = [
    pem(RSA).encode(),
    pem(RSA).strip().encode(),
    RSA.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    json.dumps(jwk("RS256", "rsa")).encode(),
    json.dumps(jwk("RS256")).encode(),
    jwk("RS256")["n"].encode(),
    ED.public_key().public_bytes_raw(),
    pem(EC).encode(),
]


@pytest.mark.parametrize("algorithm", ALL)
@pytest.mark.parametrize("kid", [None, "rsa", "ec", "ed", "mac", "none"])
def test_a_public_key_signs_nothing(algorithm: str, kid: str | None) -> None:
    kids = {"HS256": "mac", "RS256": "rsa", "ES256": "ec", "EdDSA": "ed"}
    judges = [
        verifier(*(jwk(each, kids[each]) for each in ALL)),
        verifier(*(jwk(each) for each in ALL)),
        verifier(*(jwk(each) for each in ALL if each != "HS256")),
    ]
    header = {"alg": algorithm} | ({} if kid is None else {"kid": kid})
    for key in PUBLISHED:
        token = forge(header, key)
        assert not any(accepts(judge, token) for judge in judges)


@pytest.mark.parametrize("algorithm", ["none", "None", "", None, 7, ["HS256"], {"HS256": 1}])
def test_no_algorithm_but_a_keys_own_is_one(algorithm: object) -> None:
    judge = verifier(*(jwk(each) for each in ALL))
    assert not accepts(judge, forge({"alg": algorithm}))
    assert not accepts(judge, forge({"alg": algorithm}, SECRET.encode()))


@pytest.mark.parametrize("kid", [7, None, ["a"], {"a": 1}, True, 1.5])
def test_a_kid_that_is_no_string_is_refused(kid: object) -> None:
    judge = verifier(jwk("HS256"))
    assert accepts(judge, forge({"alg": "HS256"}, SECRET.encode()))
    assert not accepts(judge, forge({"alg": "HS256", "kid": kid}, SECRET.encode()))


def test_a_key_that_a_token_brings_along_or_points_to_is_not_looked_at() -> None:
    judge = verifier(jwk("RS256", "rsa"))
    mallory = rsa.generate_private_key(65_537, 2048)
    brought: Json = {
        "jwk": RSAAlgorithm.to_jwk(mallory.public_key(), as_dict=True),
        "jku": "http://127.0.0.1:9/keys.json",
        "x5u": "http://127.0.0.1:9/chain.pem",
        "x5c": [encoded(b"certificate")],
    }
    for header in (brought, {"kid": "rsa", **brought}):
        assert not accepts(judge, jwt.encode(CLAIMS, mallory, "RS256", headers=header))
        assert accepts(judge, sign("RS256", **header))


def test_an_oversized_header_passes_but_is_not_remembered() -> None:
    judge = verifier(jwk("HS256"))
    assert accepts(judge, sign("HS256", filler="x" * MAX_HEADER))
    assert accepts(judge, sign("HS256", filler="x" * 100_000))
    assert not judge._known_headers


def test_headers_that_are_remembered_are_few_and_gone_when_keys_change() -> None:
    judge = verifier(jwk("HS256"))
    for number in range(2 * MAX_HEADERS):
        assert accepts(judge, sign("HS256", number=number))
    assert len(judge._known_headers) == MAX_HEADERS
    token = sign("HS256", number=0)
    assert accepts(judge, token)
    judge.reconfigure(key_file(jwk("RS256")), Expected(), None)
    assert not accepts(judge, token)
    assert accepts(judge, sign("RS256"))


def test_the_most_that_can_be_tried_is_found_last() -> None:
    others = [
        {"kty": "oct", "k": encoded(hashlib.sha256(b"%d" % number).digest())}
        for number in range(31)
    ]
    assert accepts(verifier(*others, jwk("HS256")), sign("HS256"))


@given(
    st.sampled_from(ALL),
    st.sampled_from(ALL),
    st.sampled_from([None, "a", "b"]),
    st.lists(st.tuples(st.sampled_from(ALL), st.sampled_from([None, "a", "b"])), max_size=6),
)
def test_a_token_passes_under_its_own_key_alone(
    signed_with: str, said: str, kid: str | None, keys: list[tuple[str, str | None]]
) -> None:
    judge = JwtVerifier(tuple(key for each in keys for key in key_file(jwk(*each))), Expected())
    header, _, rest = sign(signed_with, kid).partition(".")
    named = {} if kid is None else {"kid": kid}
    if said != signed_with:
        header = encoded(json.dumps({"alg": said, **named}).encode())
    is_right = said == signed_with and any(
        algorithm == signed_with and (kid is None or of in (None, kid)) for algorithm, of in keys
    )
    assert accepts(judge, f"{header}.{rest}") == is_right
