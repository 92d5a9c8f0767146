"""One request over real sockets: what is sent, and what every answer comes to."""

import base64
import itertools
from unittest import mock

import pytest

from presence_server.webhook import poster
from presence_server.webhook.courier import Answer, Post, Result
from presence_server.webhook.errors import WebhookRefused
from presence_server.webhook.poster import Poster
from presence_server.webhook.signing import headers, signing_key
from tests.support.server import eventually
from tests.webhook import target
from tests.webhook.target import Target

KEY = signing_key("a secret for webhooks, long enough")
POST = Post("msg_1", b'{"boot":"b","sentAt":1,"events":[]}')
NOW = 1_800_000_000.0


async def posted(hook: Target, times: int = 1) -> list[Answer]:
    """What becomes of a request, and of others after it."""
    sender = Poster(hook.url, KEY, lambda: NOW)
    try:
        return [await sender.post(POST) for _ in range(times)]
    finally:
        await sender.close()


async def test_the_request_is_signed_json() -> None:
    with Target() as hook:
        assert await posted(hook) == [Answer(Result.OK, 204)]
    (request,) = hook.requests
    assert request.path == "/hook"
    assert request.body == POST.body
    assert request.headers["content-type"] == "application/json"
    assert headers(KEY, POST.id, POST.body, NOW).items() <= request.headers.items()


async def test_each_try_has_a_fresh_timestamp() -> None:
    clock = itertools.count(int(NOW))
    with Target() as hook:
        sender = Poster(hook.url, KEY, lambda: float(next(clock)))
        await sender.post(POST)
        await sender.post(POST)
        await sender.close()
    assert len({request.headers["webhook-id"] for request in hook.requests}) == 1
    assert len({request.headers["webhook-timestamp"] for request in hook.requests}) == 2
    assert len({request.headers["webhook-signature"] for request in hook.requests}) == 2


async def test_credentials_in_the_address_are_sent_as_such() -> None:
    with Target() as hook:
        url = hook.url.replace("http://", "http://presence:p%40ss@")
        sender = Poster(url, KEY, lambda: NOW)
        await sender.post(POST)
        await sender.close()
    expected = base64.b64encode(b"presence:p@ss").decode()
    assert hook.requests[0].headers["authorization"] == f"Basic {expected}"


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        (target.answer(200, body=b"thanks"), Answer(Result.OK, 200)),
        (target.answer(404), Answer(Result.REFUSED, 404)),
        (target.answer(410), Answer(Result.REFUSED, 410)),
        (target.answer(429, ("Retry-After", "9")), Answer(Result.REFUSED, 429, 9.0)),
        (target.answer(500), Answer(Result.REFUSED, 500, may_have_arrived=True)),
        (target.answer(307, ("Location", "/hook")), Answer(Result.REFUSED, 307)),
        (target.answer(301, ("Location", "http://[::\x01")), Answer(Result.REFUSED, 301)),
        (target.say(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000), None),
        (target.say(b"\x00\xff\x16\x03 garbage" * 1_000), None),
        (target.say(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), None),
        (target.say(b"HTTP/1.1 999 \xff\xfe\r\nX-\xff: \xff\r\n\r\n"), None),
        (target.say(b""), None),
    ],
)
async def test_whatever_comes_back_is_an_answer(
    behaviour: target.Behaviour, expected: Answer | None
) -> None:
    with Target() as hook:
        hook.become(behaviour)
        answers = await posted(hook, 2)
        assert answers == [expected or Answer(Result.BROKEN, may_have_arrived=True)] * 2
        assert len(hook.requests) == 2


async def test_what_hangs_is_let_go_of_again_and_again() -> None:
    with Target() as hook, mock.patch.object(poster, "TIMEOUT_S", 0.2):
        hook.become(target.hang)
        sender = Poster(hook.url, KEY, lambda: NOW)
        timed_out = Answer(Result.TIMEOUT, may_have_arrived=True)
        assert [await sender.post(POST) for _ in range(12)] == [timed_out] * 12
        hook.become(target.drip)
        assert await sender.post(POST) == timed_out
        hook.become(target.take)
        assert await sender.post(POST) == Answer(Result.OK, 204)
        await sender.close()


async def test_a_body_that_never_ends_is_not_waited_for() -> None:
    with Target() as hook, mock.patch.object(poster, "BODY_S", 0.2):
        hook.become(target.drip_a_body)
        assert await posted(hook, 2) == [Answer(Result.OK, 200)] * 2


async def test_a_long_body_is_not_read() -> None:
    with Target() as hook:
        hook.become(target.talk)
        assert await posted(hook) == [Answer(Result.OK, 200)]
        eventually(lambda: hook.was_hung_up_on)


async def test_nobody_there_is_an_answer_too() -> None:
    with Target() as hook:
        hook.close()
        assert await posted(hook) == [Answer(Result.UNREACHABLE)]


@pytest.mark.parametrize("url", ["http://a:99999/", "https://exa\x00mple/"])
def test_an_impossible_address_is_refused(url: str) -> None:
    with pytest.raises(WebhookRefused):
        Poster(url, KEY, lambda: NOW)
