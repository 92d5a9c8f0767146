"""What the log is told of the server's life: its start, its settings, its end."""

import logging
import socket
from typing import Final

from presence_server import __version__
from presence_server.settings import Settings

_LOG: Final = logging.getLogger("presence_server")


def started(
    public: socket.socket,
    private: socket.socket,
    keys: int,
    certificate_until: str | None,
    connections: int,
    descriptors: int,
) -> None:
    """It listens; so many connections and file descriptors are what it can have."""
    host, port = public.getsockname()[:2]
    admin_host, admin_port = private.getsockname()[:2]
    _LOG.info(
        "started",
        extra={
            "version": __version__,
            "host": host,
            "port": port,
            "admin_host": admin_host,
            "admin_port": admin_port,
            "keys": keys,
            "certificate_until": certificate_until,
            "max_connections": connections,
            "descriptors": descriptors,
        },
    )


def useless(settings: Settings) -> None:
    """Tell of settings that do nothing without others."""
    if settings.webhook_secret is not None and settings.webhook_url is None:
        _LOG.warning("PRESENCE_WEBHOOK_SECRET without PRESENCE_WEBHOOK_URL: nothing is posted")


def fewer_connections(most: int, wanted: int, descriptors: int) -> None:
    """The system allows less than the settings."""
    _LOG.warning(
        "fewer connections than set: the limit of file descriptors is too low (ulimit -n)",
        extra={"max_connections": most, "set": wanted, "descriptors": descriptors},
    )


def read_again(keys: int, certificate_until: str | None, restart_needed_for: str) -> None:
    """Other settings hold, but for those that need a restart."""
    now = {"keys": keys, "certificate_until": certificate_until}
    if restart_needed_for:
        waits = {"restart_needed_for": restart_needed_for}
        _LOG.warning("settings read again", extra={**now, **waits})
    else:
        _LOG.info("settings read again", extra=now)


def not_read(why: str) -> None:
    """The settings could not be read, or make no sense."""
    _LOG.error("settings stay as they were", extra={"reason": why})


def draining(connections: int) -> None:
    """Nobody gets in any more."""
    _LOG.info("draining", extra={"connections": connections})


def stopped(seconds: float, cut: int) -> None:
    """All is over; so many connections did not end by themselves."""
    _LOG.info("stopped", extra={"seconds": round(seconds, 3), "cut": cut})
