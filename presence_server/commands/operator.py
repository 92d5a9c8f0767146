"""Asking the admin listener of a server, and saying in one line why there is no answer."""

import asyncio
import os
import ssl
from collections.abc import Callable
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
            help="the admin key, instead of PRESENCE_ADMIN_KEY; an operator's token will do too",
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
    response = await _get(client, path)
    said = _said(response)
    if response.status_code == httpx.codes.NOT_FOUND and "code" in said:
        return None
    if response.status_code != httpx.codes.OK or not fits(said, page):
        raise _refusal(client, path, response)
    return said


async def _get(client: httpx.AsyncClient, path: str) -> httpx.Response:
    at = _shown(client)
    try:
        async with asyncio.timeout(WHOLE_S):
            return await _whole(client, path)
    except httpx.TimeoutException:
        raise NoAnswer(f"{at} does not answer within {TIMEOUT_S:g} s") from None
    except TimeoutError:
        raise NoAnswer(f"{at} does not answer in full within {WHOLE_S:g} s") from None
    except httpx.ConnectError as error:
        reason = _reason(error)
        hint = "is the server running? --url says where its admin listener is"
        raise NoAnswer(f"{at} can't be reached ({reason})", hint) from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NoAnswer(f"{at} is no admin listener ({clean(error)})") from None


async def _whole(client: httpx.AsyncClient, path: str) -> httpx.Response:
    """An answer as it came, not unpacked: nobody asked for it packed."""
    body = bytearray()
    async with client.stream("GET", path) as response:
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > LARGEST:
                raise _stranger(client, f"{path} answers more than {LARGEST >> 20} MiB")
    return httpx.Response(response.status_code, content=bytes(body))


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
        return NoAnswer(f"{at}: {clean(said['message'])}")
    return _stranger(client, f"{path} answers {status}")


def _stranger(client: httpx.AsyncClient, why: str) -> NoAnswer:
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
