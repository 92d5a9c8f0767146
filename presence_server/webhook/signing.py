"""Signatures as Standard Webhooks has them (https://www.standardwebhooks.com), version 1."""

import binascii
import hmac
from base64 import b64decode, b64encode
from hashlib import sha256
from typing import Final

from presence_server.webhook.errors import WebhookRefused

PREFIX: Final = "whsec_"
MIN_KEY: Final = 24


def signing_key(secret: str) -> bytes:
    """The key of a secret: its UTF-8 bytes, or what follows `whsec_` as Base64.

    Raises:
        WebhookRefused: if it is too short, or no Base64 where it has to be.

    """
    key = secret.encode()
    if secret.startswith(PREFIX):
        try:
            key = b64decode(secret.removeprefix(PREFIX), validate=True)
        except (binascii.Error, ValueError):
            raise WebhookRefused(f"what follows {PREFIX} is no Base64") from None
    if len(key) < MIN_KEY:
        raise WebhookRefused(f"a key needs at least {MIN_KEY} bytes")
    return key


def headers(key: bytes, post_id: str, body: bytes, now_s: float) -> dict[str, str]:
    """The three headers for a body that is sent at `now_s`, UTC seconds."""
    timestamp = str(int(now_s))
    signed = f"{post_id}.{timestamp}.".encode() + body
    signature = b64encode(hmac.digest(key, signed, sha256)).decode()
    return {
        "webhook-id": post_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{signature}",
    }
