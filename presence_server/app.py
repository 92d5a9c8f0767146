"""Builds the parts, starts them, and stops them in order. Only this file knows them all."""

import asyncio
import contextlib
import gc
import os
import random
import secrets
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import uvloop

from presence_server import __version__, descriptors, logs
from presence_server.admin.app import create_app
from presence_server.admin.ports import Ports
from presence_server.admin.server import answering
from presence_server.capacity import options
from presence_server.core.claims import Claims
from presence_server.core.clocks import Clocks
from presence_server.core.errors import KeyUnknown
from presence_server.gateway.gateway import Gateway
from presence_server.gateway.http import Handler
from presence_server.gateway.lag import LoopLag
from presence_server.gateway.listener import listen, serve, url
from presence_server.gateway.ports import Listener, Options
from presence_server.gateway.session import Context
from presence_server.keyring import Keyring
from presence_server.logs import life
from presence_server.logs.crashes import in_loop
from presence_server.metrics import Metrics
from presence_server.reload import Reader, renewed
from presence_server.settings import Settings, SettingsRefused
from presence_server.systemd import Manager
from presence_server.tls import Tls
from presence_server.webhook.errors import WebhookRefused
from presence_server.webhook.webhook import Webhook

if TYPE_CHECKING:
    from presence_server.history.build import History

LAG_INTERVAL_S: Final = 0.5
LAST_ANSWERS_S: Final = 1.0
"""How long it waits for requests of operators after that."""
LAST_POSTS_S: Final = 2.0
"""How long a stopping server waits for the webhook's target, when everybody is gone."""
LAST_COMMIT_S: Final = 3.0
"""And for history's database."""

CLOCKS: Final = Clocks(
    monotonic=time.monotonic,
    wall=time.time,
    stopwatch=time.perf_counter,
    random=random.random,  # for jitter; ids and keys come from `secrets`
    new_id=lambda: secrets.token_urlsafe(12),
)


def longest_end(settings: Settings) -> float:
    """Seconds in which a server that was told to stop has ended, whatever its clients do."""
    posts = 0.0 if settings.webhook_url is None else LAST_POSTS_S
    commit = 0.0 if settings.history is None else LAST_COMMIT_S
    return settings.drain_seconds + settings.close_timeout + posts + commit + LAST_ANSWERS_S


def webhook(settings: Settings, metrics: Metrics) -> Webhook | None:
    """The webhook, if there is an address to post to.

    Raises:
        SettingsRefused: if it can't post there, or can't sign with its secret.

    """
    if settings.webhook_url is None or settings.webhook_secret is None:
        return None
    # It brings an HTTP client along, which most servers never need.
    from presence_server.webhook.build import build

    secret = settings.webhook_secret.get_secret_value()
    try:
        return build(settings.webhook_url, secret, settings.webhook_debounce, CLOCKS, metrics)
    except WebhookRefused as refused:
        raise SettingsRefused(f"webhook: {refused}") from None


def history(settings: Settings, metrics: Metrics) -> "History | None":
    """History, if there is a database for it. Call it in the loop, and close it.

    Raises:
        SettingsRefused: if the driver of the database is missing.

    """
    if settings.history is None:
        return None
    from presence_server.history.build import build  # likewise

    return build(settings, CLOCKS, metrics)


@contextlib.asynccontextmanager
async def _running(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Have this done beside, as long as the context lasts."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _status(gateway: Gateway) -> str:
    return f"{len(gateway)} connections, {len(gateway.rooms)} rooms"


class App:
    """The server, from its sockets to its last connection."""

    def __init__(
        self,
        settings: Settings,
        handlers: Mapping[str, Handler] | None = None,
        read_again: Reader | None = None,
    ) -> None:
        self._settings = settings
        self._read_again = read_again
        self._keyring: Keyring
        self._tls: Tls
        self._handlers = handlers
        self._metrics = Metrics()
        self._log: logs.Log | None = None
        self._webhook = webhook(settings, self._metrics)
        self._manager = Manager(os.environ, os.getpid())
        self._stopping = asyncio.Event()
        self._emptied = asyncio.Event()
        self._descriptors = 0
        self._told_limit = 0

    async def run(self, announce: Callable[[str], None]) -> None:
        """Serve until SIGTERM or SIGINT, then drain; `announce` gets the line that says where.

        Raises:
            SettingsRefused: if there is no key, or one that is not safe, or no good certificate.
            OSError: if an address can't be had.

        """
        loop = asyncio.get_running_loop()
        self._log = logs.configure(self._settings, self._metrics)
        loop.set_exception_handler(in_loop)
        self._keyring = Keyring(self._settings, CLOCKS, self._metrics)
        self._tls = Tls(self._settings, CLOCKS.wall, self._metrics)
        async with contextlib.AsyncExitStack() as parts:
            gateway, servers = await self._start(parts, announce)
            await self._stopping.wait()
            began = time.monotonic()
            life.draining(len(gateway))
            self._manager.stopping(longest_end(self._settings))
            for server in servers:
                server.close()
            cut = await self._drain(gateway)
        life.stopped(time.monotonic() - began, cut)

    async def _start(
        self, parts: contextlib.AsyncExitStack, announce: Callable[[str], None]
    ) -> tuple[Gateway, Sequence[asyncio.Server]]:
        """Start all parts in this order; they are stopped in the reverse one."""
        settings = self._settings
        loop, enter = asyncio.get_running_loop(), parts.enter_context
        enter(contextlib.closing(self._manager))
        past = history(settings, self._metrics)
        if past is not None:
            enter(contextlib.closing(past))
        public = enter(contextlib.closing(listen(settings.host, settings.port)))
        private = enter(contextlib.closing(listen(settings.admin_host, settings.admin_port)))
        context = Context(self._options(), CLOCKS, loop, self._keyring.verifier, self._metrics)
        gateway = Gateway(context, self._handlers, self._listeners(past))
        factory = self._tls.factory(gateway.connection, loop, gateway.not_secured)
        servers = await serve(loop, factory, public)
        app = create_app(self._ports(gateway, past), self._admin_key)
        await parts.enter_async_context(answering(app, private))
        enter(contextlib.closing(self._keyring))
        await parts.enter_async_context(_running(self._watch_lag(gateway.lag)))
        await parts.enter_async_context(_running(self._keep_told(gateway)))
        if past is not None:
            await parts.enter_async_context(past.recording(gateway.rooms, LAST_COMMIT_S))
        if self._webhook is not None:
            await parts.enter_async_context(self._webhook.posting(LAST_POSTS_S))
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        loop.add_signal_handler(signal.SIGHUP, self._hang_up, gateway)
        gc.freeze()
        announce(self._address(public, private))
        self._tell_started(public, private, context.options.max_connections)
        self._manager.ready(_status(gateway))
        return gateway, servers

    def _listeners(self, past: "History | None") -> Sequence[Listener]:
        """Those who are told what happens in the rooms."""
        found: list[Listener] = [] if self._webhook is None else [self._webhook]
        return found if past is None else [*found, past.recorder]

    def _tell_started(self, public: socket.socket, private: socket.socket, most: int) -> None:
        keys, until = len(self._keyring.verifier), self._tls.until
        life.started(public, private, keys, until, most, self._descriptors)
        life.useless(self._settings)

    def _options(self) -> Options:
        """The gateway's options; says so where the system allows less than the settings."""
        self._descriptors = descriptors.raise_limit()
        found = options(self._settings, descriptors.max_sockets(self._descriptors))
        is_less = found.max_connections < self._settings.max_connections
        if is_less and found.max_connections != self._told_limit:
            self._told_limit = found.max_connections
            wanted = self._settings.max_connections
            life.fewer_connections(found.max_connections, wanted, self._descriptors)
        return found

    def _stop(self) -> None:
        """Drain at the first signal; at the second wait for nobody."""
        if self._stopping.is_set():
            self._emptied.set()
        self._stopping.set()

    def _hang_up(self, gateway: Gateway) -> None:
        """Read the settings again, or end with the terminal where there is nothing to read."""
        if self._read_again is None:
            self._stop()
        else:
            self._manager.reloading(time.monotonic())
            try:
                self._reload(gateway, self._read_again)
            finally:
                self._manager.ready(_status(gateway))

    def _reload(self, gateway: Gateway, read_again: Reader) -> None:
        """Read settings, keys and certificate again: all of them count, or none does."""
        try:
            settings, fixed = renewed(self._settings, read_again())
            certificate = self._tls.read(settings)
            self._keyring.reload(settings)
        except (SettingsRefused, OSError) as refused:
            self._metrics.reloads.labels("failed").inc()
            life.not_read(str(refused))
            return
        self._settings = settings
        self._tls.use(certificate)
        if self._log is not None:
            self._log.follow(settings)
        gateway.reconfigure(self._options())
        self._metrics.reloads.labels("ok").inc()
        life.read_again(len(self._keyring.verifier), self._tls.until, fixed)

    def _address(self, public: socket.socket, private: socket.socket) -> str:
        own = url(public, self._tls.scheme)
        return f"presence-server {__version__} listening on {own} (admin {url(private)})"

    def _admin_key(self) -> str | None:
        key = self._settings.admin_key
        return None if key is None else key.get_secret_value()

    async def _verify(self, token: str) -> Claims:
        """The claims of an operator's token, whose key may be one that is not known yet."""
        verifier = self._keyring.verifier
        try:
            return verifier.verify(token, time.time())
        except KeyUnknown as unknown:
            settled = asyncio.Event()
            verifier.learn(unknown, settled.set)
            await settled.wait()
        return verifier.verify(token, time.time())

    def _not_ready(self) -> str | None:
        if self._stopping.is_set():
            return "draining"
        return None if self._keyring.has_keys else "no keys yet"

    def _ports(self, gateway: Gateway, past: "History | None") -> Ports:
        return Ports(
            rooms=gateway.rooms,
            verify=self._verify,
            refuses=gateway.rooms.removals.has_removed,
            registry=self._metrics.registry,
            count_removal=lambda kind: self._metrics.removals.labels(kind).inc(),
            not_ready=self._not_ready,
            history=None if past is None else past.ask,
        )

    async def _drain(self, gateway: Gateway) -> int:
        """Close all rooms, wait for the clients to agree, cut those that don't: so many."""
        spread = self._settings.drain_seconds
        if self._webhook is not None:
            self._webhook.hurry()
        gateway.drain(spread, self._emptied.set)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(spread + self._settings.close_timeout):
                await self._emptied.wait()
        cut = len(gateway)
        gateway.abort()
        await asyncio.sleep(0)
        return cut

    async def _keep_told(self, gateway: Gateway) -> None:
        """Give the service manager signs of life, for as long as the loop turns."""
        while self._manager.is_there:
            self._manager.beat(_status(gateway))
            await asyncio.sleep(self._manager.interval)

    async def _watch_lag(self, lag: LoopLag) -> None:
        """Measure how late a timer fires: what everybody in the loop waits."""
        while True:
            lag.set_for(time.monotonic() + LAG_INTERVAL_S)
            await asyncio.sleep(LAG_INTERVAL_S)
            self._metrics.loop_lag_seconds.observe(lag.fired(time.monotonic()))


def run(
    settings: Settings,
    announce: Callable[[str], None],
    handlers: Mapping[str, Handler] | None = None,
    read_again: Reader | None = None,
) -> None:
    """Run the server in this thread until it is told to stop.

    At SIGHUP the settings are `read_again`; without that it is told to stop by SIGHUP too.

    Raises:
        SettingsRefused: if it can't start with these settings.
        OSError: if an address can't be had.

    """
    uvloop.run(App(settings, handlers, read_again).run(announce))
