"""An issuer of tokens: its keys, the JWK Set that it publishes, and when that is answered."""

import json
from collections.abc import Callable
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from presence_server.core.claims import Expected
from presence_server.gateway.jwks import Jwks, Outcome
from presence_server.gateway.keys import published_keys, secret_key
from presence_server.gateway.tokens import JwtVerifier
from tests.support.world import ROOM, SECRET, Client, World


class SigningKey:
    """A P-256 key of an issuer, and its public half as a JWK."""

    def __init__(self, kid: str | None) -> None:
        self.kid = kid
        self.private = ec.generate_private_key(ec.SECP256R1())

    @property
    def jwk(self) -> dict[str, Any]:
        """What is published."""
        jwk = ECAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        named = {"kid": self.kid} if self.kid is not None else {}
        return {"use": "sig", "alg": "ES256", **jwk, **named}

    def sign(self, claims: dict[str, Any], **header: Any) -> str:
        """A token."""
        named = {"kid": self.kid} if self.kid is not None else {}
        return jwt.encode(claims, self.private, algorithm="ES256", headers=named | header)


def key_set(*keys: SigningKey) -> dict[str, Any]:
    """A JWK Set."""
    return {"keys": [key.jwk for key in keys]}


def as_bytes(document: object) -> bytes:
    """A document as an endpoint answers it."""
    return json.dumps(document).encode()


class Issuer:
    """One whose endpoint is in memory: each fetch waits until the test answers it.

    The world's own secret stays valid beside the issuer's keys.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.pending: list[Callable[[Outcome], object]] = []
        self.fetched_at: list[float] = []
        self.jwks = Jwks(self._fetch, world.loop, world.clocks, world.metrics)
        verifier = world.gateway.context.verifier
        assert isinstance(verifier, JwtVerifier)
        verifier.reconfigure([secret_key(SECRET)], Expected(), self.jwks)
        self.jwks.start(verifier.learnt)

    def _fetch(self, done: Callable[[Outcome], object]) -> None:
        self.pending.append(done)
        self.fetched_at.append(self.world.loop.now)

    def publish(self, *keys: SigningKey) -> None:
        """Answer the fetch that is under way."""
        self.pending.pop()(published_keys(key_set(*keys)))
        self.world.loop.turn()

    def fail(self) -> None:
        """Answer it with nothing that helps."""
        self.pending.pop()("the endpoint answers 500")
        self.world.loop.turn()

    def token(self, user: str, key: SigningKey, *, ttl: float = 3600, **claims: Any) -> str:
        """A token for `ROOM` that `key` has signed."""
        exp = int(self.world.wall() + ttl)
        return key.sign({"sub": user, "room": ROOM, "exp": exp, **claims})

    def join(self, user: str, key: SigningKey, **claims: Any) -> Client:
        """Dial with a token that `key` has signed, and let the loop turn."""
        client = self.dial(user, key, **claims)
        self.world.settle()
        return client

    def dial(self, user: str, key: SigningKey, **claims: Any) -> Client:
        """Dial with a token that `key` has signed."""
        token = self.token(user, key, **claims)
        client = self.world.dial(f"/parties/presence/{ROOM}?_pk=pk-{user}&token={token}")
        client.user = user
        return client
