"""Can both addresses be had, and if not, who has them?"""

import errno
import http.client
import ssl
from collections.abc import Iterator
from contextlib import closing
from typing import Final

from presence_server.commands.checks.finding import Finding, Subject, failed, ok, warning
from presence_server.commands.hosts import reachable, shown
from presence_server.gateway.listener import listen

PATIENCE_S: Final = 2.0
LISTENERS: Final = (("clients", "host", "port"), ("admin", "admin_host", "admin_port"))


def check(subject: Subject) -> Iterator[Finding]:
    """Listen at each of them as the server would, for a moment."""
    settings = subject.settings
    public = (settings.host, settings.port)
    if settings.port and public == (settings.admin_host, settings.admin_port):
        hint = f"change {subject.where('port')} or {subject.where('admin_port')}"
        yield failed("ports", f"clients and admin are both at {shown(*public)}", hint)
        return
    for about, host, port in LISTENERS:
        yield _try(subject, about, host, port)


def _try(subject: Subject, about: str, host: str, port: str) -> Finding:
    at = (getattr(subject.settings, host), getattr(subject.settings, port))
    try:
        with closing(listen(*at)):
            return ok(about, f"{shown(*at)} is free" if at[1] else f"{at[0]}: takes a free port")
    except OSError as error:
        if error.errno == errno.EADDRINUSE and _is_ours(subject, about, *at):
            says = f"{shown(*at)} is taken by a presence server: right, if it is this one"
            return warning(about, says, f"for another one change {subject.where(port)}")
        return failed(about, *_reason(subject, error, at, host, port))


def _reason(
    subject: Subject, error: OSError, at: tuple[str, int], host: str, port: str
) -> tuple[str, str]:
    match error.errno:
        case errno.EADDRINUSE:
            hint = f"see who has it (ss -ltnp 'sport = {at[1]}'), or change {subject.where(port)}"
            return f"{shown(*at)} is taken by another program", hint
        case errno.EACCES:
            hint = f"take a port from 1024 in {subject.where(port)}, or grant CAP_NET_BIND_SERVICE"
            return f"{shown(*at)} may not be had by this user", hint
        case errno.EADDRNOTAVAIL:
            hint = f"change {subject.where(host)}: ip address shows the addresses there are"
            return f"{at[0]} is no address of this machine", hint
        case _:
            return f"{shown(*at)}: {error.strerror or error}", f"change {subject.where(host)}"


def _is_ours(subject: Subject, about: str, host: str, port: int) -> bool:
    """Whether a presence server answers there."""
    is_admin = about == "admin"
    path = "/metrics" if is_admin else "/healthz"
    connection = _connect(reachable(host), port, subject.settings.tls_cert and not is_admin)
    try:
        connection.request("GET", path)
        body = connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return b"presence_build_info" in body if is_admin else body == b"ok\n"


def _connect(host: str, port: int, with_tls: object) -> http.client.HTTPConnection:
    if not with_tls:
        return http.client.HTTPConnection(host, port, timeout=PATIENCE_S)
    # Who is there is asked, not trusted.
    context = ssl._create_unverified_context()  # noqa: S323, SLF001 - it has no public name
    return http.client.HTTPSConnection(host, port, timeout=PATIENCE_S, context=context)
