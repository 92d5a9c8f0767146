"""One signed HTTP request, and what became of it. Whatever the target does is an answer."""

import asyncio
import contextlib
from base64 import b64encode
from collections.abc import AsyncGenerator, Callable
from typing import Final, cast

import httpx

from presence_server import __version__
from presence_server.webhook import signing
from presence_server.webhook.backoff import retry_after_s
from presence_server.webhook.courier import Answer, Post, Result
from presence_server.webhook.errors import WebhookRefused

TIMEOUT_S: Final = 10.0
CONNECT_S: Final = 5.0
BODY_S: Final = 1.0
MAX_BODY: Final = 4_096
MAX_PORT: Final = 65_535

_HEADERS: Final = {
    "Content-Type": "application/json",
    "User-Agent": f"presence-server/{__version__}",
    "Accept-Encoding": "identity",
}


class Poster:
    """Posts to one address. `wall` is UTC seconds.

    It works on httpx's transport, below its client: no redirects, no cookies, no proxy from the
    environment, and no line with the address in a log.

    Raises:
        WebhookRefused: if there can't be such an address.

    """

    def __init__(self, url: str, key: bytes, wall: Callable[[], float]) -> None:
        try:
            parsed = httpx.URL(url)
        except httpx.InvalidURL:
            raise WebhookRefused("this is no address to post to") from None
        if (parsed.port or 0) > MAX_PORT:
            raise WebhookRefused("there is no such port")
        self._headers = _HEADERS | _authorization(parsed)
        self._url = parsed.copy_with(username=None, password=None, fragment=None)
        self._key = key
        self._wall = wall
        self._transport = httpx.AsyncHTTPTransport()

    async def close(self) -> None:
        """Hang up."""
        await self._transport.aclose()

    async def post(self, post: Post) -> Answer:
        """Send it once; never raises for what a target does."""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                response = await self._transport.handle_async_request(self._request(post))
        except TimeoutError:
            return Answer(Result.TIMEOUT, may_have_arrived=True)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            return Answer(Result.UNREACHABLE)
        except (httpx.HTTPError, OSError):
            return Answer(Result.BROKEN, may_have_arrived=True)
        await _let_go(response)
        return self._answer(response)

    def _request(self, post: Post) -> httpx.Request:
        signed = signing.headers(self._key, post.id, post.body, self._wall())
        return httpx.Request(
            "POST",
            self._url,
            headers=self._headers | signed,
            content=post.body,
            extensions={"timeout": {"connect": CONNECT_S}},
        )

    def _answer(self, response: httpx.Response) -> Answer:
        status = response.status_code
        if response.is_success:
            return Answer(Result.OK, status)
        wait_s = retry_after_s(response.headers.get("Retry-After"), self._wall())
        # A proxy says 502 or 504 for a request that may well have been taken behind it.
        return Answer(Result.REFUSED, status, wait_s, may_have_arrived=response.is_server_error)


async def _let_go(response: httpx.Response) -> None:
    """Read a short body, so that the connection can be used again; hang up on any other."""
    chunks = cast("AsyncGenerator[bytes]", response.aiter_raw())  # which it is
    size = 0
    with contextlib.suppress(httpx.HTTPError, OSError):
        async with asyncio.timeout(BODY_S), contextlib.aclosing(chunks):
            async for chunk in chunks:
                size += len(chunk)
                if size > MAX_BODY:
                    break
    await response.aclose()


def _authorization(url: httpx.URL) -> dict[str, str]:
    """What is written before the @ of an address is for the target alone."""
    if not url.userinfo:
        return {}
    credentials = b64encode(f"{url.username}:{url.password}".encode()).decode()
    return {"Authorization": f"Basic {credentials}"}
