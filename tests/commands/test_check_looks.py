"""`presence-server check` while it looks: what others say, and when it is shown."""

import threading

from tests.commands.program import ESCAPE, on_terminal
from tests.commands.test_check import ANYWHERE, GOOD, look
from tests.support.endpoint import Endpoint, Request
from tests.support.issuer import SigningKey, as_bytes, key_set

UNSAFE = {"kty": "oct", "k": "c2VjcmV0" * 8}


def keys(*entries: object) -> bytes:
    """An issuer's JWK Set with other entries after a good key."""
    good = key_set(SigningKey("a"))
    return as_bytes({"keys": [*good["keys"], *entries]})


def test_keys_of_the_issuer_that_are_no_good_are_a_warning_that_says_why() -> None:
    answer = keys(UNSAFE, UNSAFE, "x")
    with Endpoint(lambda request: request.reply(answer)) as endpoint:
        bad, good = look("--jwks-url", endpoint.url, code=0)["jwks_url"]
    assert bad[0] == "warning"
    assert "3 keys passed over: a secret that anybody can read; a key in the JWK Set" in bad[1]
    assert "--jwks-url" in bad[1]
    assert good == ("ok", "1 usable key (ES256) – None")


def test_where_no_key_is_any_good_it_still_says_why_of_each() -> None:
    with Endpoint(lambda request: request.reply(as_bytes({"keys": [UNSAFE]}))) as endpoint:
        found = look("--jwks-url", endpoint.url, code=1)["jwks_url"]
    assert [level for level, _ in found] == ["warning", "failed"]
    assert "a secret that anybody can read" in found[0][1]


def test_on_a_terminal_a_finding_is_shown_before_the_next_is_looked_for() -> None:
    may_answer = threading.Event()

    def late(request: Request) -> None:
        assert may_answer.wait(10)
        request.reply(keys())

    with Endpoint(late) as endpoint:
        flags = ("--jwks-url", endpoint.url)
        with on_terminal(*ANYWHERE, *flags, variables=GOOD, columns=100) as terminal:
            terminal.wait_for("jwt_secret")
            assert "jwks_url" not in ESCAPE.sub("", terminal.seen)
            may_answer.set()
            terminal.wait_for("1 usable key")
            assert terminal.wait_for_end() == 0
