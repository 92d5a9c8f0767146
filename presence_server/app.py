"""Builds the parts, starts them, and stops them in order. Only this file knows them all."""

import asyncio
import contextlib
import gc
import random
import secrets
import signal
import socket
import time
from collections.abc import Callable, Mapping
from typing import Final

import uvloop
from prometheus_client import generate_latest

from presence_server import __version__
from presence_server.admin.app import create_app
from presence_server.admin.ports import Ports
from presence_server.admin.server import AdminServer
from presence_server.core.claims import Claims, Expected
from presence_server.core.room import RoomLimits
from presence_server.gateway.gateway import Gateway
from presence_server.gateway.http import Handler
from presence_server.gateway.listener import BACKLOG, listen, url
from presence_server.gateway.ports import Clocks, Options, Verifier
from presence_server.gateway.session import Context
from presence_server.gateway.tokens import JwtVerifier, KeyRefused, public_key, secret_key
from presence_server.metrics import Metrics
from presence_server.settings import Settings, SettingsRefused

LAG_INTERVAL_S: Final = 0.5

CLOCKS: Final = Clocks(
    monotonic=time.monotonic,
    wall=time.time,
    stopwatch=time.perf_counter,
    random=random.random,  # for jitter; ids and keys come from `secrets`
    new_id=lambda: secrets.token_urlsafe(12),
)


def options(settings: Settings) -> Options:
    """What of the settings concerns the gateway."""
    return Options(
        room=RoomLimits(settings.room_size, settings.user_connections, settings.room_connections),
        max_connections=settings.max_connections,
        user_total=settings.user_total,
        address_connections=settings.address_connections,
        address_attempts=settings.address_attempts,
        trusted_proxies=settings.trusted_proxies,
        overload_lag=settings.overload_lag,
        max_message=settings.message_size,
        buffer_limit=settings.buffer_limit,
        ping_interval=settings.ping_interval,
        pong_timeout=settings.pong_timeout,
        handshake_timeout=settings.handshake_timeout,
        close_timeout=settings.close_timeout,
        leave_grace=settings.leave_grace,
        rate=settings.rate,
        burst=settings.burst,
        allowed_origins=settings.allowed_origins,
        compression=settings.compression,
    )


def verifier(settings: Settings) -> JwtVerifier:
    """The verifier of the configured key.

    Raises:
        SettingsRefused: without a key, or with one that is not safe.

    """
    expected = Expected(settings.jwt_issuer, settings.jwt_audience)
    try:
        if settings.jwt_secret is not None:
            return JwtVerifier(secret_key(settings.jwt_secret.get_secret_value()), expected)
        if settings.jwt_public_key is not None:
            return JwtVerifier(public_key(settings.jwt_public_key), expected)
    except KeyRefused as refused:
        raise SettingsRefused(f"jwt key: {refused}") from None
    raise SettingsRefused(
        "no key to verify tokens with: set PRESENCE_JWT_SECRET (32 bytes or more) "
        "or PRESENCE_JWT_PUBLIC_KEY"
    )


class App:
    """The server, from its sockets to its last connection."""

    def __init__(self, settings: Settings, handlers: Mapping[str, Handler] | None = None) -> None:
        self._settings = settings
        self._verifier: Verifier = verifier(settings)
        self._handlers = handlers
        self._metrics = Metrics()
        self._stopping = asyncio.Event()
        self._emptied = asyncio.Event()

    async def run(self, announce: Callable[[str], None]) -> None:
        """Serve until SIGTERM or SIGINT, then drain; `announce` gets the line that says where.

        Raises:
            OSError: if an address can't be had.

        """
        settings = self._settings
        loop = asyncio.get_running_loop()
        with (
            contextlib.closing(listen(settings.host, settings.port)) as public,
            contextlib.closing(listen(settings.admin_host, settings.admin_port)) as private,
        ):
            context = Context(options(settings), CLOCKS, loop, self._verifier, self._metrics)
            gateway = Gateway(context, self._handlers)
            server = await loop.create_server(gateway.connection, sock=public, backlog=BACKLOG)
            admin = AdminServer(create_app(self._ports(gateway), self._admin_key()))
            admin_task = asyncio.create_task(admin.serve_on(private))
            lag_task = asyncio.create_task(self._watch_lag())
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, self._stop)
            gc.freeze()
            announce(self._address(public, private))
            await self._stopping.wait()
            server.close()
            await self._drain(gateway)
            lag_task.cancel()
            admin.stop()
            await asyncio.gather(admin_task, lag_task, return_exceptions=True)

    def _stop(self) -> None:
        """Drain at the first signal; at the second wait for nobody."""
        if self._stopping.is_set():
            self._emptied.set()
        self._stopping.set()

    def _address(self, public: socket.socket, private: socket.socket) -> str:
        return f"presence-server {__version__} listening on {url(public)} (admin {url(private)})"

    def _admin_key(self) -> str | None:
        key = self._settings.admin_key
        return None if key is None else key.get_secret_value()

    def _ports(self, gateway: Gateway) -> Ports:
        def verify(token: str) -> Claims:
            return self._verifier.verify(token, time.time())

        return Ports(
            rooms=gateway.rooms,
            verify=verify,
            metrics=lambda: generate_latest(self._metrics.registry),
            is_ready=lambda: not self._stopping.is_set(),
        )

    async def _drain(self, gateway: Gateway) -> None:
        """Close all rooms, wait for the clients to agree, cut those that don't."""
        spread = self._settings.drain_seconds
        gateway.drain(spread, self._emptied.set)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(spread + self._settings.close_timeout):
                await self._emptied.wait()
        gateway.abort()
        await asyncio.sleep(0)

    async def _watch_lag(self) -> None:
        """Measure how late a timer fires: what everybody in the loop waits."""
        while True:
            before = time.monotonic()
            await asyncio.sleep(LAG_INTERVAL_S)
            lag = time.monotonic() - before - LAG_INTERVAL_S
            self._metrics.loop_lag_seconds.observe(max(0.0, lag))


def run(
    settings: Settings,
    announce: Callable[[str], None],
    handlers: Mapping[str, Handler] | None = None,
) -> None:
    """Run the server in this thread until it is told to stop.

    Raises:
        SettingsRefused: if it can't start with these settings.
        OSError: if an address can't be had.

    """
    uvloop.run(App(settings, handlers).run(announce))
