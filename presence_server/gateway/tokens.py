"""Tokens: the signature by PyJWT, the claims by our own table.

The algorithm follows from the configured key, never from the token (RFC 8725 §3.1).
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final

import orjson
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt import PyJWK, PyJWS, PyJWTError
from jwt.algorithms import ECAlgorithm, HMACAlgorithm, OKPAlgorithm, RSAAlgorithm

from presence_server.core.claims import Claims, Expected, read_claims
from presence_server.core.errors import TokenRefused

MIN_SECRET_BYTES: Final = 32
MIN_RSA_BITS: Final = 2048
MAX_HEADERS: Final = 16


class KeyRefused(ValueError):
    """A key that can't verify tokens safely; the message says why, never what it holds."""


def secret_key(secret: str) -> PyJWK:
    """A shared secret for HS256.

    Raises:
        KeyRefused: if it is short (RFC 7518 §3.2), or a PEM key that somebody could look up.

    """
    if "-----BEGIN" in secret:
        raise KeyRefused("a PEM key is no secret: give a public key as the JWT public key")
    size = len(secret.encode())
    if size < MIN_SECRET_BYTES:
        raise KeyRefused(f"a secret needs {MIN_SECRET_BYTES} bytes, this has {size}")
    return PyJWK(HMACAlgorithm.to_jwk(secret, as_dict=True), "HS256")


def public_key(pem: str) -> PyJWK:
    """A public key in PEM, which stands for one algorithm.

    Raises:
        KeyRefused: if it isn't an RSA, P-256 or Ed25519 public key.

    """
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise KeyRefused("not a public key in PEM") from None
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= MIN_RSA_BITS:
        return PyJWK(RSAAlgorithm.to_jwk(key, as_dict=True), "RS256")
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return PyJWK(ECAlgorithm.to_jwk(key, as_dict=True), "ES256")
    if isinstance(key, ed25519.Ed25519PublicKey):
        return PyJWK(OKPAlgorithm.to_jwk(key, as_dict=True), "EdDSA")
    raise KeyRefused(f"needs RSA of at least {MIN_RSA_BITS} bits, P-256 or Ed25519")


class JwtVerifier:
    """Verifies tokens with one key.

    A header that came with a valid token is remembered: issuers put the same one on every token,
    and all that remains to be looked at then are the signature and the claims.
    """

    def __init__(self, key: PyJWK, expected: Expected) -> None:
        self._jws = PyJWS(algorithms=[key.algorithm_name])
        self._key = key
        self._expected = expected
        self._known_headers: set[str] = set()

    def verify(self, token: str, now_s: float) -> Claims:
        """The claims of `token` at wall-clock time `now_s`.

        Raises:
            TokenRefused: if anything is wrong with it.

        """
        try:
            payload = self._payload_under_known_header(token)
            if payload is None:
                payload = self._jws.decode(token, self._key)
                self._remember_header(token)
            claims = orjson.loads(payload)
        except (PyJWTError, ValueError, RecursionError):
            raise TokenRefused("token_invalid") from None
        if not isinstance(claims, dict):
            raise TokenRefused("token_invalid")
        return read_claims(claims, now_s, self._expected)

    def _payload_under_known_header(self, token: str) -> bytes | None:
        """The payload of a valid token; None leaves it to the library to say what is wrong."""
        signed, _, signature = token.rpartition(".")
        header, _, payload = signed.partition(".")
        if header not in self._known_headers:
            return None
        decoded, mac = _decode_segment(payload), _decode_segment(signature)
        if decoded is None or mac is None:
            return None
        is_valid = self._key.Algorithm.verify(signed.encode(), self._key.key, mac)
        return decoded if is_valid else None

    def _remember_header(self, token: str) -> None:
        if len(self._known_headers) < MAX_HEADERS:
            self._known_headers.add(token.partition(".")[0])


def _decode_segment(segment: str) -> bytes | None:
    """Base64url without padding (RFC 7515 §2), each value in its one spelling; else None."""
    try:
        decoded = urlsafe_b64decode(segment + "==")
    except ValueError:
        return None
    return decoded if urlsafe_b64encode(decoded).rstrip(b"=") == segment.encode() else None
