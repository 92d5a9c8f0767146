"""nginx, HAProxy and Caddy from Debian, with the files of `deploy/`, before the real server."""

import contextlib
import signal
import socket
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.deploy.conftest import MOST, Open, Start
from tests.deploy.proxies import Caddy, Pair, Proxy
from tests.deploy.wss import exchange
from tests.support.browser import chromium
from tests.support.certificates import Authority, chromium_trusts
from tests.support.partysocket import PartySocket
from tests.support.peer import HOST, SOON_S, pump
from tests.support.server import Server, address, eventually, token

KNOWN = "stapling OCSP", "redirects are disabled", '"user" directive'
"""What is warned of: the tests' certificates name nobody to ask, what the file says, no root."""

PAGE = """
url => new Promise((resolve, reject) => {
  const socket = new WebSocket(url);
  socket.onclose = ({ code, reason }) => reject(new Error(`closed ${code} ${reason}`));
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    if (message.type === "presence_snapshot")
      socket.send(JSON.stringify({ type: "presence_update", currentPath: "/chromium" }));
    if (message.userId === "witness" && message.currentPath === "/seen") resolve("seen");
  };
})
"""


@pytest.fixture(scope="module")
def browser(pair: Pair) -> Iterator[Browser]:
    options = chromium()
    options["args"] = [*options["args"], chromium_trusts(pair[0])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**options)
        yield browser
        browser.close()


@pytest.fixture
def ann(proxy: Proxy, server: Server, authority: Authority) -> Iterator[PartySocket]:
    """A partysocket that dials the proxy."""
    socket = PartySocket(proxy.port, trust=authority.ca, room=server.room)
    yield socket
    socket.stop()


def ask(proxy: Proxy, path: str, authority: Authority) -> int:
    """The status of the answer to a plain request."""
    request = f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n"
    return int(exchange(proxy.port, request.encode(), authority.ca).split(b" ", 2)[1])


def certificate(proxy: Proxy) -> str:
    """The certificate that it shows now."""
    return ssl.get_server_certificate((HOST, proxy.port), timeout=5)


@contextlib.contextmanager
def away(server: Server) -> Iterator[None]:
    """While it is stopped: it is there again for those who come next, whatever happens."""
    server.stop()
    try:
        yield
    finally:
        server.start()


def test_its_files_pass_its_own_check(proxy: Proxy) -> None:
    checked = proxy.check()
    assert checked.returncode == 0, checked.stderr
    said = [line for line in checked.stderr.splitlines() if "warn" in line.lower()]
    assert [line for line in said if not any(known in line for known in KNOWN)] == []


def test_partysocket_sees_others_and_comes_back_by_itself_after_a_restart(
    proxy: Proxy, server: Server, authority: Authority, ann: PartySocket
) -> None:
    witness = server.enter("witness")
    ann.enter(token("ann", room=server.room))
    ann.order(send={"type": "presence_update", "currentPath": "/plan"})
    pump([witness], lambda: witness.sees("ann", "/plan"))
    assert ann.message("presence_changed")["userId"] == "ann"
    witness.update("/elsewhere")
    assert ann.message("presence_changed")["currentPath"] == "/elsewhere"
    witness.drop()
    with away(server):
        closed = ann.next("close")
        assert (closed["code"], closed["reason"]) == (1012, "server is restarting")
    eventually(lambda: ask(proxy, "/healthz", authority) == 200)
    snapshot = ann.enter(token("ann", room=server.room))
    assert [user["userId"] for user in snapshot["users"]] == ["ann"]


def test_chromium_gets_in_over_wss(browser: Browser, proxy: Proxy, server: Server) -> None:
    witness = server.enter("witness")
    page = browser.new_page()
    page.goto(f"https://{HOST}:{proxy.port}/healthz")
    target = address(server.room, token=token("ann", room=server.room))
    page.evaluate(f"promise = ({PAGE})('wss://{HOST}:{proxy.port}{target}'); 0")
    pump([witness], lambda: witness.sees("ann", "/chromium"))
    witness.update("/seen")
    assert page.evaluate("promise") == "seen"
    page.close()
    witness.drop()


def test_nothing_is_served_but_rooms_and_health(proxy: Proxy, authority: Authority) -> None:
    assert ask(proxy, "/healthz", authority) == 200
    assert ask(proxy, "/parties/presence/presence-acme", authority) == 426
    for path in ("/", "/metrics", "/readyz", "/v1/rooms", "/parties", "/healthz/x"):
        assert ask(proxy, path, authority) == 404, path


def shake_hands(proxy: Proxy, context: ssl.SSLContext) -> str | None:
    """The protocol that was agreed on over TLS."""
    with (
        socket.create_connection((HOST, proxy.port), SOON_S) as plain,
        context.wrap_socket(plain, server_hostname=HOST) as secure,
    ):
        return secure.selected_alpn_protocol()


def test_old_tls_and_http_2_are_not_spoken(proxy: Proxy, authority: Authority) -> None:
    context = ssl.create_default_context(cafile=authority.ca)
    context.set_alpn_protocols(["h2", "http/1.1"])
    assert shake_hands(proxy, context) == "http/1.1"
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
        shake_hands(proxy, context)


@pytest.mark.parametrize(
    ("claims", "code", "reason"),
    [
        ({"ttl": -60}, 4401, "token_expired"),
        ({"key": "another secret of thirty-two bytes"}, 4401, "token_invalid"),
        ({"room": "other-*"}, 4403, "token is for another room"),
    ],
)
def test_a_refusal_arrives_with_its_code_and_reason(
    proxy: Proxy, enter: Open, claims: dict[str, Any], code: int, reason: str
) -> None:
    assert enter(proxy, "ann", token=token("ann", **claims)).end() == (code, reason)


def test_limits_go_by_the_clients_address_whatever_it_says_of_itself(
    proxy: Proxy, enter: Open
) -> None:
    far, forged = "127.0.0.2", {"X-Forwarded-For": "203.0.113.9, 203.0.113.10"}
    for number in range(MOST):
        enter(proxy, f"ann{number}", source=far).next("welcome")
    late = enter(proxy, "late", source=far, headers=forged)
    assert late.end()[0] == 4429
    enter(proxy, "bob", source="127.0.0.3").next("welcome")
    # One beside the proxy, at an address that is trusted, is not believed to be another either.
    enter(proxy, "eve", headers={"X-Forwarded-For": far}).next("welcome")


def test_pings_keep_an_idle_connection_open(hasty: Proxy, enter: Open) -> None:
    client = enter(hasty, "ann")
    client.next("presence_snapshot")
    client.linger(3)  # half as long again as its patience, with nothing but pings
    client.send(type="ping")
    assert client.next("pong") == {"type": "pong"}


def test_a_server_that_hangs_is_given_up(hasty: Proxy, enter: Open, server: Server) -> None:
    if isinstance(hasty, Caddy):
        return  # it waits for ever
    client = enter(hasty, "ann")
    client.next("presence_snapshot")
    server.process.send_signal(signal.SIGSTOP)
    try:
        assert client.end() == (1006, "")
    finally:
        server.process.send_signal(signal.SIGCONT)


def test_a_request_that_does_not_end_is_cut(hasty: Proxy, authority: Authority) -> None:
    started = time.monotonic()
    exchange(hasty.port, b"GET /parties/presence/presence-acme HTTP/1.1\r\nHost: ", authority.ca)
    assert time.monotonic() - started < 5


def test_a_reload_brings_the_new_certificate_and_keeps_connections(
    start: Start, authority: Authority, enter: Open
) -> None:
    proxy = start()
    client = enter(proxy, "ann")
    client.next("presence_snapshot")
    before = certificate(proxy)
    proxy.certify(authority.issue("renewed"))
    proxy.reload()
    eventually(lambda: certificate(proxy) != before)
    enter(proxy, "bob").next("presence_snapshot")
    if isinstance(proxy, Caddy):
        assert client.end()[0] == Caddy.CUT  # 2.6 can't keep them
    else:
        assert client.next("user_joined")["userId"] == "bob"


def test_some_time_after_a_reload_the_old_connections_are_cut(hasty: Proxy, enter: Open) -> None:
    client = enter(hasty, "ann")
    client.next("presence_snapshot")
    hasty.reload()
    assert client.end()[0] == hasty.CUT


def test_who_dials_while_the_server_is_away_is_told_so(
    hasty: Proxy, server: Server, authority: Authority
) -> None:
    with away(server):
        eventually(lambda: ask(hasty, "/healthz", authority) == hasty.AWAY)
    eventually(lambda: ask(hasty, "/healthz", authority) == 200)


def test_who_dials_caddy_during_a_restart_waits_for_its_end(
    tmp_path: Path, server: Server, pair: Pair, authority: Authority
) -> None:
    longer = {"lb_try_duration 3s": "lb_try_duration 15s"}
    with Caddy(tmp_path, server, pair, longer) as proxy, ThreadPoolExecutor() as pool:
        with away(server):
            newcomer = pool.submit(ask, proxy, "/healthz", authority)
            with pytest.raises(TimeoutError):
                newcomer.result(0.1)
        assert newcomer.result(SOON_S) == 200
