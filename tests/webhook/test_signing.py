"""Signatures that any library for Standard Webhooks accepts."""

import pytest

from presence_server.webhook.errors import WebhookRefused
from presence_server.webhook.signing import headers, signing_key

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_it_signs_as_the_convention_has_it() -> None:
    body = b'{"test": 2432232314}'
    signed = headers(signing_key(SECRET), "msg_p5jXN8AQM9LWM0D4loKWxJek", body, 1614265330.9)
    assert signed == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_a_secret_without_the_prefix_is_its_own_bytes() -> None:
    assert signing_key("ein Geheimnis für alle, lang genug") == (
        "ein Geheimnis für alle, lang genug".encode()
    )


@pytest.mark.parametrize(
    ("secret", "says"),
    [
        ("whsec_not base64 at all, is it?", "no Base64"),
        ("whsec_ünïcödé", "no Base64"),
        ("whsec_c2hvcnQ=", "at least 24"),
        ("short", "at least 24"),
    ],
)
def test_a_secret_that_is_none_is_refused_without_being_shown(secret: str, says: str) -> None:
    with pytest.raises(WebhookRefused, match=says) as refused:
        signing_key(secret)
    assert secret.removeprefix("whsec_") not in str(refused.value)
