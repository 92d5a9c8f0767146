"""Asking the admin listener of a server, and saying in one line why there is no answer."""

import asyncio
import os
import ssl
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import click
import httpx
import msgspec

from presence_server import __version__
from presence_server.commands.forgotten import forgotten
from presence_server.commands.hosts import reachable, shown
from presence_server.commands.shapes import Page, fits
from presence_server.commands.text import clean
from presence_server.core.text import has_control
from presence_server.settings import Settings, SettingsRefused
from presence_server.sources import load, variable

TIMEOUT_S: Final = 5.0
"""How long nothing may come."""
WHOLE_S: Final = 10.0
STREAM_S: Final = 60.0
"""How long nothing may come of what is streamed."""
LARGEST: Final = 67_108_864
"""Bytes of an answer: 100,000 rooms with the longest names are a third of it."""


class NoAnswer(click.ClickException):
    """There is none; `message` says why, and the hint what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self._hint = hint

    def format_message(self) -> str:
        """Both."""
        return f"{self.message}: {self._hint}" if self._hint else self.message


class NotThere(NoAnswer):
    """The server knows of no such thing."""


class Target(NamedTuple):
    """Whom to ask, and with what."""

    url: str
    key: str | None


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say whom to ask."""
    for option in (
        click.option(
            "--config",
            type=click.Path(readable=False),
            metavar="FILE",
            help="a TOML file with settings",
        ),
        click.option(
            "--admin-key",
            metavar="KEY",
            help="the admin key, instead of PRESENCE_ADMIN_KEY; a token that may will do too",
        ),
        click.option(
            "--url",
            metavar="URL",
            help="where the admin listener is  [PRESENCE_ADMIN_HOST and PRESENCE_ADMIN_PORT]",
        ),
    ):
        command = option(command)
    return command


def target(url: str | None, admin_key: str | None, config: str | None) -> Target:
    """Whom to ask, by the flags or else by the settings.

    Raises:
        SettingsRefused: if that is nobody.

    """
    settings = load({"config": config})
    key = admin_key or (settings.admin_key and settings.admin_key.get_secret_value())
    if key and has_control(key):
        raise SettingsRefused("the admin key has a control character in it, such as a line's end")
    return Target(checked(url) if url else _address(settings), key or None)


def client(target: Target) -> httpx.AsyncClient:
    """Asks it, never by way of a proxy from the environment. Close it."""
    headers = {
        b"User-Agent": f"presence-server/{__version__}".encode(),
        b"Accept-Encoding": b"identity",
    }
    if target.key is not None:
        headers[b"Authorization"] = f"Bearer {target.key}".encode()
    verify = ssl.create_default_context() if target.url.startswith("https:") else False
    return httpx.AsyncClient(
        base_url=target.url, headers=headers, verify=verify, trust_env=False, timeout=TIMEOUT_S
    )


async def text(client: httpx.AsyncClient, path: str) -> str:
    """A page as it is.

    Raises:
        NoAnswer: without one.

    """
    response = await _get(client, path)
    if response.status_code != httpx.codes.OK:
        raise _refusal(client, path, response)
    return response.text


async def not_ready(client: httpx.AsyncClient) -> str | None:
    """Why it takes no newcomers; None if it does.

    Raises:
        NoAnswer: without an answer.

    """
    response = await _get(client, "/readyz")
    is_ready = response.status_code != httpx.codes.SERVICE_UNAVAILABLE
    return None if is_ready else clean(response.text) or "no reason given"


async def query(client: httpx.AsyncClient, path: str, page: type[Page]) -> dict[str, Any] | None:
    """What a page under /v1 says; None if there is no such thing.

    Raises:
        NoAnswer: without an answer that looks like this page.

    """
    try:
        said = await answer(client, path)
    except NotThere:
        return None
    if not fits(said, page):
        raise stranger(client, f"{path} answers {httpx.codes.OK}")
    return said


async def answer(
    client: httpx.AsyncClient, path: str, method: str = "GET", within: float | None = None
) -> dict[str, Any]:
    """The object that it answers with, whatever is in it.

    Raises:
        NoAnswer: without an answer, in as many seconds as are usual or else `within`.

    """
    response = await _ask(client, path, method, within)
    if response.status_code != httpx.codes.OK:
        raise _refusal(client, path, response)
    return _said(response)


async def stream(
    client: httpx.AsyncClient, path: str, kind: str, begun: Callable[[httpx.Headers], object]
) -> AsyncGenerator[bytes, None]:
    """An answer of this media type, piece by piece, as long as it may be; `begun` is told its
    headers first.

    Raises:
        NoAnswer: without one, and where it breaks off.

    """
    with _explained(client, STREAM_S, WHOLE_S):
        async with client.stream("GET", path, timeout=STREAM_S) as response:
            await _check_stream(client, path, response, kind)
            begun(response.headers)
            async for chunk in _chunks(client, response):
                yield chunk


async def _check_stream(
    client: httpx.AsyncClient, path: str, response: httpx.Response, kind: str
) -> None:
    is_right = response.headers.get("Content-Type", "").startswith(kind)
    if response.status_code != httpx.codes.OK or not is_right:
        async with asyncio.timeout(WHOLE_S):
            said = await _body(client, path, response)
        raise _refusal(client, path, httpx.Response(response.status_code, content=said))
    if not {"transfer-encoding", "content-length"} & response.headers.keys():
        raise stranger(client, f"{path} does not say where its answer ends")


async def _get(client: httpx.AsyncClient, path: str) -> httpx.Response:
    return await _ask(client, path, "GET", None)


async def _ask(
    client: httpx.AsyncClient, path: str, method: str, within: float | None
) -> httpx.Response:
    whole = within or WHOLE_S
    with _explained(client, within or TIMEOUT_S, whole):
        async with asyncio.timeout(whole):
            return await _whole(client, path, method, within)


@contextmanager
def _explained(client: httpx.AsyncClient, silent: float, whole: float) -> Iterator[None]:
    """Say in our words why there is no answer: nothing came for so long, or not all in time."""
    at = _shown(client)
    try:
        yield
    except httpx.TimeoutException:
        raise NoAnswer(f"{at} does not answer within {silent:g} s") from None
    except TimeoutError:
        raise NoAnswer(f"{at} does not answer in full within {whole:g} s") from None
    except httpx.ConnectError as error:
        reason = _reason(error)
        hint = "is the server running? --url says where its admin listener is"
        raise NoAnswer(f"{at} can't be reached ({reason})", hint) from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NoAnswer(f"{at} is no admin listener ({clean(error)})") from None


async def _whole(
    client: httpx.AsyncClient, path: str, method: str, within: float | None
) -> httpx.Response:
    timeout = TIMEOUT_S if within is None else httpx.Timeout(TIMEOUT_S, read=within)
    async with client.stream(method, path, timeout=timeout) as response:
        body = await _body(client, path, response)
        return httpx.Response(response.status_code, content=body)


async def _body(client: httpx.AsyncClient, path: str, response: httpx.Response) -> bytes:
    """All that an answer says."""
    body = bytearray()
    async for chunk in _chunks(client, response):
        body += chunk
        if len(body) > LARGEST:
            raise stranger(client, f"{path} answers more than {LARGEST >> 20} MiB")
    return bytes(body)


async def _chunks(
    client: httpx.AsyncClient, response: httpx.Response
) -> AsyncGenerator[bytes, None]:
    """What an answer says as it comes, not unpacked: nobody asked for it packed."""
    try:
        async for chunk in response.aiter_raw():
            yield chunk
    except (httpx.NetworkError, httpx.RemoteProtocolError):
        raise NoAnswer(f"{_shown(client)}: the answer broke off, try again") from None


def _reason(error: BaseException | None) -> str:
    """What the system said, below what the library says of it."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"TLS: {clean(error.verify_message)}"
        if isinstance(error, ssl.SSLError):
            return f"TLS: {clean(error.reason or error)}"
        if isinstance(error, OSError) and error.errno:
            return os.strerror(error.errno).lower() if error.errno > 0 else clean(error.strerror)
        error = error.__cause__ or error.__context__
    return "no connection"


def _refusal(client: httpx.AsyncClient, path: str, response: httpx.Response) -> NoAnswer:
    """Why a page was not shown, and what to do."""
    at, status, said = _shown(client), response.status_code, _said(response)
    if status == httpx.codes.UNAUTHORIZED:
        given = "Authorization" in client.headers
        why = "the admin key is not the server's" if given else "it needs the admin key"
        hint = f"set {variable('admin_key')} or --admin-key ({clean(said.get('code'))})"
        return NoAnswer(f"{at}: {why}", hint if given else f"{hint}{forgotten()}")
    if status == httpx.codes.FORBIDDEN:
        return NoAnswer(f"{at}: {clean(said.get('message', 'not allowed'))}", "use the admin key")
    if "message" in said:
        is_missing = (status, said.get("code")) == (httpx.codes.NOT_FOUND, "not_found")
        return (NotThere if is_missing else NoAnswer)(f"{at}: {clean(said['message'])}")
    return stranger(client, f"{path} answers {status}")


def stranger(client: httpx.AsyncClient, why: str) -> NoAnswer:
    """What to raise where somebody else seems to answer."""
    what = "is no admin listener of a presence server"
    return NoAnswer(f"{_shown(client)} {what} ({why})", "see --url")


def _said(response: httpx.Response) -> dict[str, Any]:
    try:
        said = msgspec.json.decode(response.content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _shown(client: httpx.AsyncClient) -> str:
    return clean(client.base_url).rstrip("/")


def checked(url: str, flag: str = "--url") -> str:
    """The address that a flag gave, which may have a path, but nothing secret in it.

    Raises:
        SettingsRefused: if it is none.

    """
    try:
        parts = urlsplit(url)
        httpx.URL(url)
        is_web = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except (ValueError, httpx.InvalidURL):
        is_web = False
    if not is_web or "@" in parts.netloc or parts.query:
        raise SettingsRefused(f"{flag} is the admin listener's address, as http://127.0.0.1:8788")
    return url


def _address(settings: Settings) -> str:
    host, port = reachable(settings.admin_host), settings.admin_port
    if port == 0:
        raise SettingsRefused("the admin port is chosen by the server: give --url, as it announced")
    return f"http://{shown(host, port)}"
