"""TLS by the server itself: wss from unmodified partysocket, Chromium and bare sockets.

Invariants: what holds for plain sockets holds here (slow readers, silence, nonsense, the end), and
a reload of keys and certificate drops nobody.
"""

import hashlib
import re
import signal
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from itertools import count
from pathlib import Path
from typing import Final

import pytest
from cryptography.x509 import load_pem_x509_certificate
from playwright.sync_api import sync_playwright

from tests.support.browser import chromium
from tests.support.certificates import Authority, chromium_trusts
from tests.support.partysocket import PartySocket
from tests.support.peer import HOST, SOON_S, Peer, pump, secure
from tests.support.server import SECRET, Server, address, eventually, token
from tests.support.truth import check_order, entries, resident_bytes, snapshots

RESTART: Final = (1012, "server is restarting")
FILL: Final = "x" * 1_900
TINY: Final = 2_048
HANDSHAKE_S: Final = 4
SLACK_S: Final = 4.0  # for a machine that is busy with other things
ROOMS: Final = count()


class Site:
    """An authority, and a server's certificate and key of it in two files."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder)
        self.cert, self.key = self.authority.issue()
        self.flags = ("--tls-cert", str(self.cert), "--tls-key", str(self.key))

    def renew(self) -> Callable[[], object]:
        """Put a new certificate in the place of the old one, but not yet its key; returns how."""
        cert, key = self.authority.issue("renewed")
        self.cert.write_bytes(cert.read_bytes())
        return partial(self.key.write_bytes, key.read_bytes())

    def fingerprint(self) -> str:
        """That of the certificate in the file."""
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(self.cert.read_text())).hexdigest()

    def end(self) -> str:
        """The day on which the certificate in the file ends."""
        return f"{load_pem_x509_certificate(self.cert.read_bytes()).not_valid_after_utc:%Y-%m-%d}"

    def served(self, server: Server) -> str:
        """That of the certificate which somebody who comes now is shown."""
        with self.dial(server) as connection:
            return hashlib.sha256(connection.getpeercert(binary_form=True) or b"").hexdigest()

    def dial(self, server: Server) -> ssl.SSLSocket:
        """Speak TLS with the server, and nothing more."""
        return secure(socket.create_connection((HOST, server.port), SOON_S), self.authority.ca)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def one_server(site: Site) -> Iterator[Server]:
    patience = ("--handshake-timeout", str(HANDSHAKE_S), "--close-timeout", "1")
    fast = ("--rate", "10000", "--burst", "100000", "--buffer-limit", "65536")
    with Server(*site.flags, *patience, *fast, trust=site.authority.ca) as server:
        yield server


@pytest.fixture
def server(one_server: Server) -> Server:
    """The server, with a room where nobody has been yet."""
    one_server.room = f"presence-{next(ROOMS)}"
    return one_server


def talk(people: list[Peer], path: str) -> None:
    """See that all hear what the first says."""
    people[0].update(path)
    pump(people, lambda: all(peer.sees("user-0", path) for peer in people))


def enter(server: Server, number: int) -> list[Peer]:
    """So many people in the test's room."""
    people = [server.enter(f"user-{each}") for each in range(number)]
    pump(people, lambda: all(len(peer.users) == number for peer in people))
    return people


# Who comes


def test_partysocket_and_chromium_meet_over_wss(server: Server, site: Site) -> None:
    ann = PartySocket(server.port, trust=site.authority.ca, room=server.room)
    try:
        ann.enter(token("ann", room="presence-*"))
        trusting = [*chromium()["args"], chromium_trusts(site.cert)]
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(**chromium() | {"args": trusting})
            bob = token("bob", room="presence-*")
            target = f"wss://{HOST}:{server.port}{address(server.room, token=bob)}"
            page = browser.new_page()
            types = page.evaluate(VISIT, target)
            browser.close()
        assert types[:2] == ["welcome", "presence_snapshot"]
        assert ann.message("user_joined")["userId"] == "bob"
        assert ann.message("presence_changed")["currentPath"] == "/from-chromium"
        assert ann.message("user_left")["userId"] == "bob"
        ann.order(send={"type": "ping"})
        assert ann.message("pong") == {"type": "pong"}
    finally:
        ann.stop()


VISIT: Final = """(target) => new Promise((done, failed) => {
    const socket = new WebSocket(target), types = [];
    socket.onerror = () => failed(new Error("no connection"));
    socket.onmessage = ({ data }) => {
        const message = JSON.parse(data);
        types.push(message.type);
        if (message.type === "welcome")
            socket.send(JSON.stringify({ type: "presence_update", currentPath: "/from-chromium" }));
        if (message.type === "presence_changed") {
            socket.onclose = ({ wasClean }) => done(wasClean ? types : []);
            socket.close(1000);
        }
    };
})"""


def test_a_page_comes_whole_and_with_a_proper_end(server: Server, site: Site) -> None:
    with site.dial(server) as connection:
        assert connection.version() == "TLSv1.3"
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = b"".join(iter(partial(connection.recv, 4_096), b""))
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert answer.endswith(b"\r\n\r\nok\n")
        connection.unwrap()  # raises where the end was no end in TLS


# Who means no good, or does not know


def test_who_speaks_http_is_told_to_speak_tls(server: Server) -> None:
    people = enter(server, 2)
    refused = server.metric("presence_connections_refused_total", reason="tls")
    answer = server.exchange(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"https://" in answer
    server.exchange(b"\x16\x03\x01\x00\x05nonsense")
    server.exchange(b"nonsense\r\n" * 100)
    assert server.metric("presence_connections_refused_total", reason="tls") == refused + 3
    talk(people, "/undisturbed")


def test_sockets_that_never_end_their_handshake_are_counted_and_cut(
    server: Server, site: Site
) -> None:
    people = enter(server, 2)
    inside = server.metric("presence_connections")
    refused = server.metric("presence_connections_refused_total", reason="handshake")
    hello = client_hello(site)
    with ExitStack() as stack:
        for number in range(12):
            silent = stack.enter_context(socket.create_connection((HOST, server.port), SOON_S))
            silent.sendall(hello[: number % 3 * len(hello) // 3])
        idle = [stack.enter_context(site.dial(server)) for _ in range(4)]
        eventually(lambda: server.metric("presence_connections") == inside + 16)
        talk(people, "/undisturbed")
        pump(people, lambda: server.metric("presence_connections") == inside)
        cut = server.metric("presence_connections_refused_total", reason="handshake") - refused
        assert cut == 16
        for one in idle:
            answer = b"".join(iter(partial(one.recv, 4_096), b""))
            assert answer.startswith(b"HTTP/1.1 408 ")


def client_hello(site: Site) -> bytes:
    """How a client begins."""
    out = ssl.MemoryBIO()
    tls = ssl.create_default_context(cafile=site.authority.ca).wrap_bio(
        ssl.MemoryBIO(), out, server_hostname=HOST
    )
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return out.read()


# Who does not read


def test_a_reader_that_stalls_costs_the_others_nothing_and_is_made_good(server: Server) -> None:
    people = enter(server, 3)
    stalled = [server.join(f"stalled-{number}", buffer=TINY) for number in range(5)]
    everybody = people + stalled
    pump(everybody, lambda: all(len(peer.users) == 8 for peer in everybody))
    fill(people, 150)
    before = resident_bytes(server)
    fill(people, 600)
    assert resident_bytes(server) < before + 2 * 1024 * 1024
    assert server.metric("presence_members_behind") == 5
    for peer in people:
        check_order(peer)
        assert snapshots(peer) == 1
    people[0].update("/at-last")
    pump(everybody, lambda: all(peer.sees("user-0", "/at-last") for peer in everybody))
    for peer in stalled:
        check_order(peer)
        assert snapshots(peer) == 2
        assert peer.users == entries(server, server.room)
    assert server.metric("presence_cut_slow_total") == 0


def fill(people: list[Peer], events: int) -> None:
    """Cause so many events of 2 KB, which `people` read."""
    for start in range(0, events, 25):
        for number in range(25):
            people[0].update(f"/{start}-{number}", data={"fill": FILL})
        pump(people, partial(all_see, people, f"/{start}-24"))


def all_see(people: list[Peer], path: str) -> bool:
    return all(peer.sees("user-0", path) for peer in people)


# Its end


def test_at_sigterm_all_are_told_and_it_ends_in_time_whoever_stalls(site: Site) -> None:
    limits = ("--drain-seconds", "0.5", "--close-timeout", "1", "--buffer-limit", "65536")
    fast = ("--rate", "10000", "--burst", "100000")
    with Server(*site.flags, *limits, *fast, trust=site.authority.ca) as server:
        people = enter(server, 10)
        stalled = server.enter("stalled", buffer=TINY)
        fill(people, 200)
        with (
            site.dial(server),
            socket.create_connection((HOST, server.port)),
        ):
            eventually(lambda: server.metric("presence_connections") == 13)
            server.terminate()
            pump(people, lambda: all(peer.is_gone for peer in people), 1.5 + SLACK_S)
            assert server.wait(1.5 + SLACK_S) == 0
        assert [peer.closed for peer in people] == [RESTART] * 10
        assert [peer.left() for peer in people] == [[]] * 10
        assert not stalled.is_gone


# Its reload


def reload(server: Server, result: str = "ok") -> None:
    """Send SIGHUP, and wait for what comes of it."""
    times = server.metric("presence_reloads_total", result=result)
    server.process.send_signal(signal.SIGHUP)
    eventually(lambda: server.metric("presence_reloads_total", result=result) == times + 1)


OLD: Final = SECRET + ", the old"
NEW: Final = SECRET + ", the new"


def test_a_reload_of_keys_and_certificate_drops_nobody(tmp_path: Path) -> None:
    site, keys = Site(tmp_path), tmp_path / "keys"
    keys.write_text(OLD.replace(" ", "-"))
    variables = {"PRESENCE_JWT_KEY_FILE": str(keys)}
    with Server(*site.flags, variables=variables, trust=site.authority.ca) as server:
        people = [server.enter(f"user-{n}", key=OLD.replace(" ", "-")) for n in range(20)]
        pump(people, lambda: all(len(peer.users) == 20 for peer in people))
        ann = PartySocket(server.port, trust=site.authority.ca, room=server.room)
        try:
            ann.enter(token("ann", key=OLD.replace(" ", "-")))
            before = site.fingerprint()
            assert site.served(server) == before
            assert re.search(rf" started  .*certificate_until={site.end()}", server.stderr)

            bring_the_key = site.renew()
            keys.write_text(NEW.replace(" ", "-"))
            reload(server, "failed")
            assert "not the key of the first certificate" in server.stderr
            assert site.served(server) == before, "the key is not there yet: all is as it was"
            assert not is_let_in(server, NEW.replace(" ", "-"))

            bring_the_key()
            reload(server)
            assert site.served(server) == site.fingerprint() != before
            assert is_let_in(server, NEW.replace(" ", "-"))
            assert not is_let_in(server, OLD.replace(" ", "-"))

            talk(people, "/still-here")
            ann.order(send={"type": "presence_update", "currentPath": "/me-too"})
            pump(people, lambda: all(peer.sees("ann", "/me-too") for peer in people))
            for peer in people:
                check_order(peer)
                assert snapshots(peer) == 1
            assert {user for peer in people for user, _ in peer.left()} <= {"probe"}
            assert server.metric("presence_closes_total", code="1006") == 1  # the probe
        finally:
            ann.stop()


def is_let_in(server: Server, key: str) -> bool:
    """Whether one with a token of this key is."""
    probe = server.join("probe", key=key)
    pump([probe], lambda: probe.closed or probe.users)
    probe.drop()
    return probe.closed is None


def test_what_is_no_certificate_stops_the_start_with_one_line(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.key.unlink()
    began = time.monotonic()
    with pytest.raises(AssertionError, match=r"tls_key: .*server.key: No such file or directory"):
        Server(*site.flags).__enter__()
    assert time.monotonic() - began < SOON_S
