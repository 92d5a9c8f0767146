"""A key to sign with, found in a file: a private key in PEM, a JWK or JWK Set, or secrets by line.

What a server would not verify with is refused here too, and what can only verify is told apart.
"""

import json
from pathlib import Path
from typing import Any, Final

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from presence_server.commands.forgotten import forgotten
from presence_server.gateway.key_file import MAX_KEY_FILE, read_key_file
from presence_server.gateway.keys import MIN_RSA_BITS, PEM, KeyRefused, jwk_key, secret_key
from presence_server.settings import Settings, SettingsRefused
from presence_server.tokens import Signer

KEY_FILE: Final = "the private key with --key-file PRIVATE.pem"
ONLY_VERIFIES: Final = f"public keys only verify: give {KEY_FILE}"
_NONE: Final = "no secret or private key to sign with"
_KINDS: Final = f"a key to sign with is RSA of {MIN_RSA_BITS} bits or more, P-256 or Ed25519"


def signer(
    settings: Settings, key_file: Path | None, secret: str | None = None, ways: str = KEY_FILE
) -> Signer:
    """The key to sign with: a file or a secret of the command line goes before all settings.

    `ways` are other ways than a secret, for who has none.

    Raises:
        SettingsRefused: if there is none, or it is no good.

    """
    if secret is None and settings.jwt_secret is not None:
        secret = settings.jwt_secret.get_secret_value()
    file = settings.jwt_key_file if key_file is None and secret is None else key_file
    try:
        if file is not None:
            return file_signer(file)
        if secret is not None:
            return secret_signer(secret)
    except KeyRefused as refused:
        raise SettingsRefused(f"jwt key: {refused}") from None
    if settings.jwt_public_key is not None or settings.jwks_url is not None:
        raise SettingsRefused(f"{_NONE}: public keys only verify: give {ways}")
    raise SettingsRefused(f"{_NONE}: set PRESENCE_JWT_SECRET, or give {ways}{forgotten()}")


def secret_signer(secret: str) -> Signer:
    """A secret to sign with.

    Raises:
        KeyRefused: if no server would take it.

    """
    secret_key(secret)
    return Signer(secret)


def file_signer(path: Path) -> Signer:
    """The first key of a file that can sign.

    Raises:
        KeyRefused: if there is none.

    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_KEY_FILE + 1)
    except OSError as error:
        raise KeyRefused(f"{path}: {(error.strerror or 'it can not be read').lower()}") from None
    try:
        return _signer(content)
    except KeyRefused as refused:
        raise KeyRefused(f"{path}: {refused}") from None


def _signer(content: bytes) -> Signer:
    text = content.decode(errors="replace").lstrip("\ufeff \t\r\n")
    if text.startswith(("{", "[")):
        return _of_jwks(text)
    blocks = [block for block in PEM.findall(text) if "PRIVATE KEY" in block.partition("\n")[0]]
    if blocks:
        return _of_pem(blocks[0])
    key = read_key_file(content)[0]
    if key.algorithm_name != "HS256":
        raise KeyRefused(ONLY_VERIFIES)
    return Signer(key.key)


def _of_pem(pem: str) -> Signer:
    try:
        key = load_pem_private_key(pem.encode(), None)
    except TypeError:
        raise KeyRefused("the key has a password: openssl pkey -in FILE takes it away") from None
    except (ValueError, UnsupportedAlgorithm):
        raise KeyRefused("not a private key in PEM") from None
    return Signer(key, _algorithm(key))


def _of_jwks(text: str) -> Signer:
    try:
        found = json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        raise KeyRefused("not JSON") from None
    entries = found.get("keys", [found]) if isinstance(found, dict) else found
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and ("d" in entry or entry.get("kty") == "oct"):
            return _of_jwk(entry)
    raise KeyRefused(f"no key in it can sign: {ONLY_VERIFIES}")


def _of_jwk(entry: dict[str, Any]) -> Signer:
    """A JWK, whose public half a server would have to take."""
    public = {name: value for name, value in entry.items() if name not in ("d", "key_ops")}
    algorithm, kid = jwk_key(public).algorithm_name, entry.get("kid")
    try:
        key = jwt.PyJWK(entry, algorithm).key
    except (jwt.PyJWTError, ValueError, TypeError, LookupError, UnsupportedAlgorithm):
        raise KeyRefused("a private key in it can't be read") from None
    return Signer(key, algorithm, kid)


def _algorithm(key: object) -> str:
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= MIN_RSA_BITS:
        return "RS256"
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return "ES256"
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "EdDSA"
    raise KeyRefused(_KINDS)
