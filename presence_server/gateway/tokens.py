"""Tokens: the signature by PyJWT, the claims by our own table.

The algorithm follows from the configured key, never from the token (RFC 8725 §3.1): a token is
tried with those keys alone whose algorithm is the one that its header names.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable
from typing import Any, Final

import orjson
from jwt import InvalidSignatureError, PyJWK, PyJWS, PyJWTError

from presence_server.core.claims import Claims, Expected, read_claims
from presence_server.core.errors import Because, KeyUnknown, TokenRefused
from presence_server.gateway.keys import ALGORITHMS, MAX_KEYS, MAX_KID, PUBLIC, Keys
from presence_server.gateway.ports import KeySource, Timer

MAX_HEADERS: Final = 2 * MAX_KEYS
MAX_HEADER: Final = 1_024
"""Characters of a header that is worth remembering."""

_JWS: Final = PyJWS(algorithms=[*ALGORITHMS])


class JwtVerifier:
    """Verifies tokens with any of its keys: `own` are configured, `learnt` the source's.

    A header that came with a valid token is remembered together with the keys for it: issuers put
    the same one on every token, and all that remains to be looked at then are the signature and
    the claims.
    """

    def __init__(
        self, own: Iterable[PyJWK], expected: Expected, source: KeySource | None = None
    ) -> None:
        self._expected = expected
        self._source = source
        self._own: Keys = tuple(own)
        self._keys: Keys = self._own
        self._known_headers: dict[str, Keys] = {}

    def __len__(self) -> int:
        """How many keys there are."""
        return len(self._keys)

    def reconfigure(
        self, own: Iterable[PyJWK], expected: Expected, source: KeySource | None
    ) -> None:
        """Let other keys and claims count; what was learnt stays as long as the source does."""
        learnt = self._keys[len(self._own) :] if source is self._source else ()
        self._own = tuple(own)
        self._expected = expected
        self._source = source
        self.learnt(learnt)

    def learnt(self, keys: Keys) -> int:
        """Replace what was learnt before; returns how many there is room for."""
        self._keys = (self._own + keys)[:MAX_KEYS]
        self._known_headers.clear()
        return len(self._keys) - len(self._own)

    def learn(self, unknown: KeyUnknown, then: Callable[[], object]) -> Timer:
        """Have `then` called when it is settled whether the key can be had."""
        assert self._source is not None  # noqa: S101 - without one no key is unknown
        return self._source.learn(lambda: self._has(unknown.kid), then)

    def verify(self, token: str, now_s: float) -> Claims:
        """The claims of `token` at wall-clock time `now_s`.

        Raises:
            KeyUnknown: if there is no key of its `kid`, but may be one soon: see `learn`.
            TokenRefused: if anything is wrong with it.

        """
        try:
            payload = self._payload_under_known_header(token)
            if payload is None:
                payload = self._payload(token)
            claims = orjson.loads(payload)
        except (PyJWTError, ValueError, RecursionError):
            raise TokenRefused("token_invalid", "form") from None
        if not isinstance(claims, dict):
            raise TokenRefused("token_invalid", "form")
        return read_claims(claims, now_s, self._expected)

    def _payload_under_known_header(self, token: str) -> bytes | None:
        """The payload of a valid token; None leaves it to the library to say what is wrong."""
        signed, _, signature = token.rpartition(".")
        header, _, payload = signed.partition(".")
        keys = self._known_headers.get(header)
        if keys is None:
            return None
        decoded, mac = _decode_segment(payload), _decode_segment(signature)
        if decoded is None or mac is None:
            return None
        message = signed.encode()
        for key in keys:
            if key.Algorithm.verify(message, key.key, mac):
                return decoded
        return None

    def _payload(self, token: str) -> bytes:
        """The payload of a token under a header that is new."""
        header = _JWS.get_unverified_header(token)
        kid = header.get("kid")
        keys = self._candidates(header.get("alg"), kid)
        for key in keys:
            try:
                payload: bytes = _JWS.decode(token, key)
            except InvalidSignatureError:
                continue
            self._remember_header(token, keys)
            return payload
        if self._source is not None and self._may_learn(header):
            raise KeyUnknown(kid, can_be_had=not self._source.is_failing)
        raise TokenRefused("token_invalid", self._flaw(header.get("alg"), keys))

    def _flaw(self, algorithm: object, tried: Keys) -> Because:
        """What is wrong with a header, if not the signature under it."""
        if tried:
            return "signature"
        is_known = any(key.algorithm_name == algorithm for key in self._keys)
        return "kid" if is_known else "algorithm"

    def _candidates(self, algorithm: object, kid: str | None) -> Keys:
        """The keys of an algorithm: those of the `kid` first, then those that have none."""
        keys = [key for key in self._keys if key.algorithm_name == algorithm]
        if kid is None:
            return tuple(keys)
        named = [key for key in keys if key.key_id == kid]
        return (*named, *(key for key in keys if key.key_id is None))

    def _may_learn(self, header: dict[str, Any]) -> bool:
        """Whether the key for this header may be one that the source has, and we don't yet."""
        if header.get("alg") not in PUBLIC:
            return False
        kid = header.get("kid")
        if kid is None:
            return not self._has(None)
        return len(kid) <= MAX_KID and not self._has(kid)

    def _has(self, kid: str | None) -> bool:
        """Whether there is a key of this `kid`, or for a token without one any that was learnt."""
        if kid is None:
            return len(self._keys) > len(self._own)
        return any(key.key_id == kid for key in self._keys)

    def _remember_header(self, token: str, keys: Keys) -> None:
        header = token.partition(".")[0]
        if len(self._known_headers) < MAX_HEADERS and len(header) <= MAX_HEADER:
            self._known_headers[header] = keys


def _decode_segment(segment: str) -> bytes | None:
    """Base64url without padding (RFC 7515 §2), each value in its one spelling; else None."""
    try:
        decoded = urlsafe_b64decode(segment + "==")
    except ValueError:
        return None
    return decoded if urlsafe_b64encode(decoded).rstrip(b"=") == segment.encode() else None
