"""The webhook is off unless it is wanted, and what it can't work with is refused at the start."""

import subprocess
import sys

import pytest

from presence_server.app import webhook
from presence_server.metrics import Metrics
from presence_server.settings import Settings
from tests.support.server import PROGRAM, SECRET, environment

URL = "http://127.0.0.1:9/hook"


def test_without_an_address_there_is_no_listener() -> None:
    settings = Settings.model_validate({"webhook_secret": "w" * 24})
    assert webhook(settings, Metrics()) is None


def test_without_an_address_nothing_of_it_is_loaded() -> None:
    code = (
        "import sys, presence_server.app; sys.exit('presence_server.webhook.poster' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("url", "secret", "says"),
    [
        (URL, "whsec_this is no base64, is it", "webhook: what follows whsec_ is no Base64"),
        (URL, "whsec_c2hvcnQgYnV0IHBhZGRlZA==", "webhook: a key needs at least 24 bytes"),
        ("http://127.0.0.1:99999/", "w" * 24, "no such port"),
    ],
)
def test_what_it_cannot_work_with_is_said_in_one_line(url: str, secret: str, says: str) -> None:
    flags = ("--webhook-url", url, "--webhook-secret", secret, "--port", "0", "--admin-port", "0")
    tried = subprocess.run(
        [PROGRAM, "serve", *flags],
        env=environment({"PRESENCE_JWT_SECRET": SECRET}),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert tried.returncode == 2
    assert says in tried.stderr
    assert tried.stderr.count("\n") == 1
    assert secret not in tried.stderr
