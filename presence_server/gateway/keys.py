"""Keys that verify tokens: read, judged, and bound to one algorithm each.

A key is refused here or nowhere: what these functions return is safe to verify with. Each stands
for the algorithm that follows from its type (RFC 8725 §3.1), and carries its `kid` if it has one.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt import PyJWK, PyJWTError
from jwt.algorithms import ECAlgorithm, HMACAlgorithm, OKPAlgorithm, RSAAlgorithm

MIN_SECRET_BYTES: Final = 32
MIN_RSA_BITS: Final = 2048
MAX_RSA_BITS: Final = 8192
"""Beyond it each token would take milliseconds."""
MAX_KEYS: Final = 32
"""In total: a token without a `kid` may have to be tried with each."""
MAX_KID: Final = 256

ALGORITHMS: Final = ("HS256", "RS256", "ES256", "EdDSA")
PUBLIC: Final = ("RS256", "ES256", "EdDSA")
"""What a key that anybody may read can verify."""

Keys = tuple[PyJWK, ...]

PEM: Final = re.compile("-----BEGIN [^-]*-----.*?-----END [^-]*-----", re.DOTALL)
PEM_BEGIN: Final = "-----BEGIN"
_HS256: Final = HMACAlgorithm(HMACAlgorithm.SHA256)
_ALGORITHM_OF: Final = {"oct": "HS256", "RSA": "RS256", "EC": "ES256", "OKP": "EdDSA"}


class KeyRefused(ValueError):
    """A key that can't verify tokens safely; the message says why, never what it holds."""


def secret_key(secret: str) -> PyJWK:
    """A shared secret for HS256.

    Raises:
        KeyRefused: if it is short (RFC 7518 §3.2), or a PEM key that somebody could look up.

    """
    return _secret(secret.encode(), None)


def public_keys(text: str) -> Keys:
    """The public keys of a PEM text, which may hold several.

    Raises:
        KeyRefused: if there is none, or one isn't an RSA, P-256 or Ed25519 public key.

    """
    blocks = PEM.findall(text)
    if not blocks or text.count(PEM_BEGIN) != len(blocks):
        raise KeyRefused("not a public key in PEM")
    return tuple(_public_key(block) for block in blocks)


def published_keys(jwk_set: object, passed_over: Callable[[str], object] | None = None) -> Keys:
    """What can be used of a JWK Set that anybody may read (RFC 7517 §5 ignores the rest).

    Secrets and private keys in it are no longer any: they are passed over, like all that are no
    good; who wants to know why is told of each.

    Raises:
        KeyRefused: if that is nothing.

    """
    found = []
    for entry in jwk_entries(jwk_set):
        try:
            found.append(_published_key(entry))
        except KeyRefused as refused:
            if passed_over is not None:
                passed_over(str(refused))
    if not found:
        raise KeyRefused("the JWK Set has no key that can be used")
    return tuple(found)


def _published_key(entry: object) -> PyJWK:
    key = jwk_key(entry)
    if key.algorithm_name not in PUBLIC:
        raise KeyRefused("a secret that anybody can read")
    return key


def jwk_entries(jwk_set: object) -> Sequence[object]:
    """What a JWK Set lists; raises `KeyRefused` if it is none."""
    entries = jwk_set.get("keys") if isinstance(jwk_set, dict) else None
    if not isinstance(entries, list):
        raise KeyRefused('not a JWK Set: {"keys": […]}')
    return entries


def jwk_key(entry: object) -> PyJWK:
    """A key as a JWK (RFC 7517 §4), for signatures and our algorithms alone."""
    if not isinstance(entry, dict):
        raise KeyRefused("a key in the JWK Set is no object")
    kind, kid = entry.get("kty"), entry.get("kid")
    if kid is not None and (not isinstance(kid, str) or len(kid) > MAX_KID):
        raise KeyRefused(f"a kid is a string of at most {MAX_KID} characters")
    algorithm = _ALGORITHM_OF.get(kind) if isinstance(kind, str) else None
    if algorithm is None or entry.get("alg", algorithm) != algorithm:
        raise KeyRefused("a key is for RS256, ES256, EdDSA or HS256, as its type says")
    if algorithm in PUBLIC and "d" in entry:
        raise KeyRefused("a private key: give its public half")
    operations = entry.get("key_ops", ["verify"])
    if entry.get("use", "sig") != "sig" or not _has(operations, "verify"):
        raise KeyRefused("a key is not for signatures")
    return _parse(entry, algorithm, kid)


def _parse(entry: Mapping[str, Any], algorithm: str, kid: str | None) -> PyJWK:
    if len(str(entry.get("n", ""))) > MAX_RSA_BITS // 4:
        raise KeyRefused(f"needs RSA of at most {MAX_RSA_BITS} bits")
    try:
        key = PyJWK(dict(entry), algorithm).key
    except (PyJWTError, ValueError, TypeError, LookupError, UnsupportedAlgorithm):
        raise KeyRefused("a key in the JWK Set can't be read") from None
    return _secret(key, kid) if algorithm == "HS256" else _bound(key, kid)


def _secret(secret: bytes, kid: str | None) -> PyJWK:
    if len(secret) < MIN_SECRET_BYTES:
        raise KeyRefused(f"a secret needs {MIN_SECRET_BYTES} bytes, this has {len(secret)}")
    try:
        _HS256.prepare_key(secret)
    except (PyJWTError, ValueError):
        raise KeyRefused("a PEM key, a JWK or the like is no secret: it is not random") from None
    return PyJWK(HMACAlgorithm.to_jwk(secret, as_dict=True) | {"kid": kid}, "HS256")


def _public_key(pem: str) -> PyJWK:
    label = pem.partition("\n")[0]
    if "PRIVATE KEY" in label:
        raise KeyRefused("a private key: give its public half (openssl pkey -pubout)")
    if "CERTIFICATE" in label:
        raise KeyRefused("a certificate: give its public key (openssl x509 -noout -pubkey)")
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise KeyRefused("not a public key in PEM") from None
    return _bound(key, None)


def _bound(key: object, kid: str | None) -> PyJWK:
    """A public key, which stands for one algorithm."""
    if isinstance(key, rsa.RSAPublicKey) and MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS:
        return PyJWK(RSAAlgorithm.to_jwk(key, as_dict=True) | {"kid": kid}, "RS256")
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return PyJWK(ECAlgorithm.to_jwk(key, as_dict=True) | {"kid": kid}, "ES256")
    if isinstance(key, ed25519.Ed25519PublicKey):
        return PyJWK(OKPAlgorithm.to_jwk(key, as_dict=True) | {"kid": kid}, "EdDSA")
    raise KeyRefused(f"needs RSA of {MIN_RSA_BITS} to {MAX_RSA_BITS} bits, P-256 or Ed25519")


def _has(operations: object, operation: str) -> bool:
    return isinstance(operations, list) and operation in operations
