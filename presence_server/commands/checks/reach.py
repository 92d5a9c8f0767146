"""Can others be reached: the issuer's keys, the webhook's host?"""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from typing import Final
from urllib.parse import urlsplit

from presence_server import app
from presence_server.commands.checks.finding import Finding, Subject, failed, ok, warning
from presence_server.commands.hosts import is_loopback
from presence_server.commands.text import plural
from presence_server.gateway.jwks import DEADLINE_S, Outcome
from presence_server.gateway.jwks_client import HttpFetch, PassedOver
from presence_server.gateway.keys import MAX_KEYS
from presence_server.keyring import own_keys
from presence_server.metrics import Metrics
from presence_server.settings import Settings, SettingsRefused

CONNECT_S: Final = 3.0


def check_keys(subject: Subject) -> Iterator[Finding]:
    """Fetch the issuer's keys once, as the server does."""
    url = subject.settings.jwks_url
    if url is None:
        return
    passed_over: list[tuple[int, str]] = []
    keys = asyncio.run(_fetch(url, lambda *told: passed_over.append(told)))
    for count, why in passed_over:
        says = f"{plural(count, 'key')} passed over: {why}"
        hint = f"tokens that they sign are refused: look at what {subject.where('jwks_url')} has"
        yield warning("jwks_url", says, hint)
    if isinstance(keys, str):
        yield failed("jwks_url", keys, f"see what curl -v gets from {subject.where('jwks_url')}")
        return
    kinds = ", ".join(sorted({key.algorithm_name for key in keys}))
    yield ok("jwks_url", f"{plural(len(keys), 'usable key')} ({kinds})")
    own = _own(subject.settings)
    if own + len(keys) > MAX_KEYS:
        says = f"{own + len(keys)} keys in all: the first {MAX_KEYS} count"
        yield warning("jwks_url", says, "let the issuer drop keys that it no longer signs with")
    yield from _plain(subject, "jwks_url", url, "who is on the way can put keys of their own there")
    if subject.settings.jwt_audience is None:
        says = "tokens that the issuer made for other applications count too, if they name a room"
        yield warning("audience", says, f"set {subject.where('jwt_audience')}")


def check_webhook(subject: Subject) -> Iterator[Finding]:
    """Look up the webhook's host and connect, without a word."""
    url = subject.settings.webhook_url
    if url is None:
        return
    where, parts = subject.where("webhook_url"), urlsplit(url)
    host = parts.hostname or ""
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        yield failed("webhook_url", "there is no such port", f"change {where}")
        return
    yield from _secret(subject)
    trouble = _within(CONNECT_S * 2, lambda: _trouble(host, port))
    if trouble is None:
        yield ok("webhook_url", f"{host}:{port} takes connections")
    elif trouble == "":
        yield failed(
            "webhook_url", f"no address is found for {host}", f"change {where}, or mend DNS"
        )
    else:
        says = f"{host}:{port}: {trouble}"
        yield warning("webhook_url", says, f"start what {where} names; the server tries again")
    yield from _plain(subject, "webhook_url", url, "who is on the way can read who is where")


def _secret(subject: Subject) -> Iterator[Finding]:
    try:
        app.webhook(subject.settings, Metrics())
    except SettingsRefused as refused:
        yield failed(
            "webhook_secret",
            str(refused).removeprefix("webhook: "),
            f"change {subject.where('webhook_secret')}",
        )


def _plain(subject: Subject, name: str, url: str, danger: str) -> Iterator[Finding]:
    parts = urlsplit(url)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        yield warning(name, f"http: {danger}", f"use https in {subject.where(name)}")


async def _fetch(url: str, passed_over: PassedOver) -> Outcome:
    done: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
    HttpFetch(url, passed_over)(done.set_result)
    try:
        async with asyncio.timeout(DEADLINE_S):
            return await done
    except TimeoutError:
        return "no answer in time"


def _own(settings: Settings) -> int:
    try:
        return len(own_keys(settings))
    except SettingsRefused:
        return 0


def _trouble(host: str, port: int) -> str | None:
    """Why nobody answers there; nothing if there is no such host, None if somebody does."""
    try:
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ""
    try:
        socket.create_connection((host, port), CONNECT_S).close()
    except OSError as error:
        return (error.strerror or "no answer in time").lower()
    return None


def _within(seconds: float, ask: Callable[[], str | None]) -> str | None:
    """An answer, or that there is none in time: looking up a name can take minutes."""
    answers: SimpleQueue[str | None] = SimpleQueue()
    threading.Thread(target=lambda: answers.put(ask()), daemon=True).start()
    try:
        return answers.get(timeout=seconds)
    except Empty:
        return "no answer in time"
