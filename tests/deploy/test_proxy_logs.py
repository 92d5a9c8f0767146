"""No token gets into any log of nginx, HAProxy and Caddy, whatever happens to a request."""

import re
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from tests.deploy.conftest import Open
from tests.deploy.proxies import Nginx, Pair, Proxy
from tests.deploy.wss import exchange
from tests.support.certificates import Authority
from tests.support.peer import HOST
from tests.support.server import Server, eventually, token

ROOM = "/parties/presence/presence-logged"
STATUS = re.compile(rb"HTTP/1\.[01] (\d+) ")
TARGETS = (
    ROOM + "?token={}&_pk=a",
    ROOM + "?_pk=a&token={}",
    ROOM + "?_pk=a&%74oken={}",
    ROOM + "?_pk=a;token={}",
    ROOM + "?bad%zz&token={}",
    ROOM + "%3Ftoken={}",
    ROOM + ";token={}",
    f"https://{HOST}{ROOM}?token={{}}",
    "/healthz?token={}",
    "/nowhere?token={}",
)
HEADERS = (
    "Authorization: Bearer {}",
    "Referer: https://app.example.com/?token={}",
    "Cookie: token={}",
    "Sec-WebSocket-Protocol: {}",
    "User-Agent: {}",
    "X-Forwarded-For: {}",
)
BAD = (
    "token={}\r\n\r\n",
    "{} " + ROOM + f" HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n",
    "GET " + ROOM + "?token={}\r\n\r\n",
    "GET " + ROOM + "?token={} HTTP/9.9\r\nConnection: close\r\n\r\n",
    "GET " + ROOM + "?token={} HTTP/1.1\r\nConnection: close\r\n\r\n",
    "GET " + ROOM + "?token={} HTTP/1.1\r\nHost: a\r\nb c: token={}\r\n\r\n",
    "GET " + ROOM + "?token={} HTTP/1.1\r\nHost: a\r\nX: " + 70_000 * "x" + "\r\n\r\n",
)


def whole(target: str, *lines: str) -> str:
    """A request that is the only one of its connection."""
    more = "".join(f"{line}\r\n" for line in lines)
    return f"GET {target} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n{more}\r\n"


def ask(proxy: Proxy, authority: Authority, text: str) -> int:
    """The status of the answer to a request, with a token in it; 0 without one."""
    data = text.replace("{}", token("ann", ttl=-60)).encode()
    found = STATUS.match(exchange(proxy.port, data, authority.ca))
    return int(found[1]) if found else 0


def check(proxy: Proxy, *statuses: int) -> None:
    """Assert that the log tells of a room and of these answers, and has no token."""
    eventually(lambda: all(str(status) in proxy.logs() for status in statuses))
    logs = proxy.logs()
    assert ROOM in logs
    for secret in ("eyJ", "oken=", "Bearer"):
        assert secret not in logs, [line for line in logs.splitlines() if secret in line]


def test_none_is_logged_whatever_the_request_and_wherever_it_fails(
    hasty: Proxy, server: Server, authority: Authority, enter: Open
) -> None:
    bob = enter(hasty, "bob")
    bob.next("presence_snapshot")
    bob.close()
    enter(hasty, "ann", token=token("ann", ttl=-60)).end()
    requests = [whole(ROOM, *HEADERS), *map(whole, TARGETS)]
    answers = {ask(hasty, authority, request) for request in (*requests, *BAD)}
    assert answers >= {200, 400, 404, 426}
    check(hasty, 200, 404, 426)
    server.stop()
    try:
        eventually(lambda: ask(hasty, authority, requests[0]) == hasty.AWAY)
        assert hasty.AWAY in {ask(hasty, authority, request) for request in requests}
        with pytest.raises(InvalidStatus):
            enter(hasty, "ann")
    finally:
        server.start()
    check(hasty, hasty.AWAY)


def test_none_is_logged_when_nginx_is_out_of_connections(
    tmp_path: Path, server: Server, pair: Pair, enter: Open
) -> None:
    few = {"worker_connections 65536": "worker_connections 6", "processes auto": "processes 1"}
    with Nginx(tmp_path, server, pair, few) as proxy:
        enter(proxy, "ann").next("presence_snapshot")
        with pytest.raises(InvalidStatus):
            enter(proxy, "bob")
        eventually(lambda: " 500 " in proxy.logs())
        assert "eyJ" not in proxy.logs()
