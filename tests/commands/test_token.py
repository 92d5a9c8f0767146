"""`presence-server token`: who signs, what it says, and what is not printed."""

import json
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from tests.commands.program import KEYS, call, complaint, run
from tests.support.peer import Peer, pump
from tests.support.server import ROOM, SECRET, Server, address

ANN = ("token", "--user", "ann", "--room", ROOM)
EC = ec.generate_private_key(ec.SECP256R1())
KINDS = {"ES256": EC, "EdDSA": ed25519.Ed25519PrivateKey.generate()}
BARE: dict[str, str] = {}


def private_pem(key: object, password: bytes | None = None) -> bytes:
    """A private key as a file has it."""
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(  # type: ignore[attr-defined, no-any-return] # of any kind
        Encoding.PEM, PrivateFormat.PKCS8, encryption
    )


def public_pem(key: object) -> bytes:
    """Its public half."""
    return key.public_key().public_bytes(  # type: ignore[attr-defined, no-any-return] # likewise
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    )


def claims(token: str) -> dict[str, object]:
    """What a token says."""
    return jwt.decode(token, options={"verify_signature": False})


def welcomed(peer: Peer) -> bool:
    """Whether it gets in."""
    pump([peer], lambda: peer.messages or peer.closed)
    return peer.types()[:1] == ["welcome"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "key"


def test_a_private_key_opens_a_server_that_has_the_public_one(tmp_path: Path) -> None:
    keys = tmp_path / "public.pem"
    keys.write_bytes(b"".join(map(public_pem, KINDS.values())))
    with Server(variables={"PRESENCE_JWT_KEY_FILE": str(keys)}) as server:
        for algorithm, key in KINDS.items():
            file = tmp_path / f"{algorithm}.pem"
            file.write_bytes(private_pem(key))
            token = run(*ANN, "--key-file", str(file), variables=BARE).stdout.strip()
            assert jwt.get_unverified_header(token)["alg"] == algorithm
            ann = server.dial(address(token=token, _pk=algorithm))
            assert welcomed(ann)


def test_a_jwk_set_signs_with_its_private_key_and_names_it(file: Path) -> None:
    private = jwt.algorithms.ECAlgorithm.to_jwk(EC, as_dict=True) | {"kid": "k1", "use": "sig"}
    public = {name: value for name, value in private.items() if name != "d"} | {"kid": "k0"}
    file.write_text(json.dumps({"keys": [public, private]}))
    token = call(*ANN, "--key-file", str(file), variables=BARE).stdout.strip()
    assert jwt.get_unverified_header(token) == {"alg": "ES256", "kid": "k1", "typ": "JWT"}
    jwt.decode(token, EC.public_key(), ["ES256"])
    named = call(*ANN, "--key-file", str(file), "--kid", "k2", variables=BARE).stdout.strip()
    assert jwt.get_unverified_header(named)["kid"] == "k2"


def test_the_first_secret_of_the_servers_key_file_signs(file: Path) -> None:
    other = "another secret of more than thirty-two bytes".replace(" ", "-")
    file.write_text(f"# ours\n{SECRET}\n{other}\n")
    token = call(*ANN, variables={"PRESENCE_JWT_KEY_FILE": str(file)}).stdout.strip()
    jwt.decode(token, SECRET, ["HS256"])


def test_a_token_says_what_it_was_told_to_and_what_the_server_expects() -> None:
    scope = ("--scope", "rooms:read rooms:end")
    flags = ("--room", "other-*", "--anon", "--no-track", *scope, "--ttl", "60")
    expected = {"PRESENCE_JWT_ISSUER": "https://issuer.example", "PRESENCE_JWT_AUDIENCE": "us"}
    said = claims(call(*ANN, *flags, variables=KEYS | expected).stdout.strip())
    assert said["room"] == [ROOM, "other-*"]
    assert (said["anon"], said["track"]) == (True, False)
    assert said["scope"] == "rooms:read rooms:end"
    assert (said["iss"], said["aud"]) == ("https://issuer.example", "us")
    assert int(str(said["exp"])) - int(str(said["iat"])) == 60
    assert "observe" not in said
    assert "track" not in claims(call(*ANN).stdout.strip())


def test_a_file_that_cannot_sign_is_refused_with_what_to_do(file: Path) -> None:
    wrong = {
        public_pem(EC): "give the private key",
        private_pem(EC, b"secret"): "has a password",
        private_pem(ec.generate_private_key(ec.SECP384R1())): "P-256",
        private_pem(rsa.generate_private_key(65_537, 1024)): "2048 bits",  # noqa: S505 - that is it
        b'{"keys": []}': "can sign",
        b"short\n": "32 bytes",
        b"": "empty",
    }
    for content, says in wrong.items():
        file.write_bytes(content)
        line = complaint(*ANN, "--key-file", str(file), variables=BARE, code=2)
        assert says in line
        assert str(file) in line
    missing = complaint(*ANN, "--key-file", "/nonexistent", variables=BARE, code=2)
    assert "/nonexistent: no such file" in missing


def test_where_only_public_keys_are_set_it_asks_for_the_private_one() -> None:
    variables = {"PRESENCE_JWKS_URL": "https://issuer.example/keys"}
    assert "--key-file" in complaint(*ANN, variables=variables, code=2)
    assert "PRESENCE_JWT_SECRET" in complaint(*ANN, variables=BARE, code=2)
