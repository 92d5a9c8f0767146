"""The endpoint of an issuer's keys hangs, lies, or is gone: those inside and those whose keys are
known notice nothing, and a key that is published is never refused.
"""

import asyncio
import contextlib
import signal
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from presence_server.gateway.jwks import Outcome
from presence_server.gateway.jwks_client import HttpFetch
from tests.support.certificates import Authority
from tests.support.endpoint import Answer, Endpoint, Request
from tests.support.issuer import SigningKey, as_bytes, key_set
from tests.support.peer import HOST, Peer, pump
from tests.support.server import ROOM, Server, address, eventually, free_port

REFUSED = (4401, "token_invalid")
LATER = (4429, "the issuer's keys can't be had")
LONGEST_S = 30.0  # on a machine that is busy: the promise is eleven
KNOWN = SigningKey("known")
SMALL = rsa.generate_private_key(65_537, 1024)  # noqa: S505 - to see it refused
UNSAFE = [
    {"kty": "oct", "k": "x" * 64},
    RSAAlgorithm.to_jwk(SMALL.public_key(), as_dict=True),
    ECAlgorithm.to_jwk(KNOWN.private, as_dict=True),
]


def publishing(*keys: SigningKey) -> Answer:
    """What a good endpoint does."""
    return lambda request: request.reply(as_bytes(key_set(*keys)))


def saying(document: object, status: int = 200) -> Answer:
    return lambda request: request.reply(as_bytes(document), status)


def hang(request: Request) -> None:
    """Say nothing."""
    request.is_over.wait(60)


def drip(request: Request) -> None:
    """Begin well, and never come to an end."""
    request.send_response(200)
    request.send_header("Content-Length", "100000")
    request.end_headers()
    while not request.is_over.wait(0.2):
        request.wfile.write(b" ")


def drip_headers(request: Request) -> None:
    """Not even that."""
    request.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while not request.is_over.wait(0.2):
        request.wfile.write(b"x")


def pour(request: Request) -> None:
    """Send keys, and a hundred megabytes of blanks around them."""
    request.send_response(200)
    request.send_header("Content-Length", "100000000")
    request.end_headers()
    for _ in range(1_000):
        request.wfile.write(b" " * 100_000)


def reset(request: Request) -> None:
    """Hang up without a word."""
    linger = struct.pack("ii", 1, 0)
    request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    request.connection.close()


def redirect(request: Request) -> None:
    """Point to a file."""
    request.reply(b"", 302, Location="file:///etc/hostname")


SLOW: dict[str, Answer] = {"hangs": hang, "drips": drip, "drips headers": drip_headers}
WRONG: dict[str, Answer] = {
    "pours": pour,
    "resets": reset,
    "redirects to a file": redirect,
    "answers 500 with keys": saying(key_set(KNOWN, SigningKey("x")), 500),
    "answers garbage": lambda request: request.reply(b"\xff<html>" * 100),
    "answers nothing": lambda request: request.reply(b""),
    "answers JSON without end": lambda request: request.reply(b"[" * 200_000),
    "has no keys": saying({"keys": []}),
    "is a list": saying([KNOWN.jwk]),
    "has nothing safe": saying({"keys": UNSAFE}),
}


def fetching_from(endpoint: Endpoint) -> Server:
    """A server whose only keys are those of an endpoint."""
    return Server("--drain-seconds", "0", variables={"PRESENCE_JWKS_URL": endpoint.url})


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    with Endpoint(publishing(KNOWN)) as found:
        yield found


@pytest.fixture(scope="module")
def server(endpoint: Endpoint) -> Iterator[Server]:
    with fetching_from(endpoint) as found:
        eventually(lambda: found.admin("/readyz").status == 200)
        yield found


def join(server: Server, user: str, key: SigningKey) -> Peer:
    """Dial with a token that `key` has signed."""
    token = key.sign({"sub": user, "room": ROOM, "exp": int(time.time()) + 600})
    return server.dial(address(token=token))


def enter(server: Server, user: str, key: SigningKey) -> Peer:
    """The same, and wait for the snapshot."""
    peer = join(server, user, key)
    pump([peer], lambda: "presence_snapshot" in peer.types() or peer.closed, LONGEST_S)
    assert peer.closed is None
    return peer


class Pair:
    """Two who talk to each other, and one after the other who come with a key that is known."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._peers = [enter(server, name, KNOWN) for name in ("speaker", "listener")]
        self._number = 0

    def go_on_until(self, condition: Callable[[], object], *others: Peer) -> None:
        """Talk and come in, again and again, until something is so."""
        speaker, listener = self._peers
        deadline = time.monotonic() + LONGEST_S
        while not condition():
            assert time.monotonic() < deadline, "it never came"
            self._number += 1
            path = f"/{self._number}"
            speaker.update(path)
            pump([*self._peers, *others], lambda path=path: listener.sees("speaker", path))  # type: ignore[misc]
            enter(self._server, "guest", KNOWN).drop()

    def leave(self) -> None:
        for peer in self._peers:
            peer.drop()


@pytest.mark.parametrize("fault", [*SLOW, "pours", "answers 500 with keys", "has nothing safe"])
def test_an_endpoint_that_fails_is_nobodys_trouble(
    server: Server, endpoint: Endpoint, fault: str
) -> None:
    pair = Pair(server)
    failed = server.metric("presence_jwks_fetches_total", result="failed")
    keys = server.metric("presence_keys")
    endpoint.do({**SLOW, **WRONG}[fault])
    stranger = join(server, "stranger", SigningKey(f"never, as it {fault}"))
    pair.go_on_until(lambda: stranger.closed, stranger)
    assert stranger.closed == LATER
    assert stranger.types() == []
    assert server.metric("presence_jwks_fetches_total", result="failed") > failed
    assert server.metric("presence_keys") == keys
    rotated = SigningKey(f"new, after it {fault}")
    endpoint.do(publishing(KNOWN, rotated))
    if fault in SLOW:  # a fetch is the next one's trouble neither
        newcomer = join(server, "newcomer", rotated)
        pair.go_on_until(lambda: newcomer.users or newcomer.closed, newcomer)
        assert newcomer.closed is None
        newcomer.drop()
    pair.leave()


def fetch(client: HttpFetch) -> Outcome:
    """What a fetch comes to."""

    async def run() -> Outcome:
        done: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        client(done.set_result)
        return await asyncio.wait_for(done, LONGEST_S)

    return asyncio.run(run())


@pytest.mark.parametrize("fault", WRONG)
def test_a_wrong_answer_comes_to_one_line_without_what_was_in_it(fault: str) -> None:
    with Endpoint(WRONG[fault]) as endpoint:
        outcome = fetch(HttpFetch(endpoint.url))
    assert isinstance(outcome, str)
    assert "127.0.0.1" not in outcome
    assert len(outcome) < 80


def test_a_good_answer_comes_to_its_keys_and_others_are_told_of_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with Endpoint(saying({"keys": [*UNSAFE, KNOWN.jwk]})) as endpoint:
        client = HttpFetch(endpoint.url)
        for _ in range(2):
            outcome = fetch(client)
            assert not isinstance(outcome, str)
            assert [key.key_id for key in outcome] == ["known"]
        (told,) = caplog.records
        assert told.getMessage() == "keys of the issuer's JWK Set are passed over"
        assert told.__dict__["keys"] == 3
        for why in ("a secret that anybody can read", "2048", "a private key"):
            assert why in told.__dict__["reason"]
        endpoint.do(saying({"keys": [*UNSAFE[:1], KNOWN.jwk]}))
        fetch(client)
    assert caplog.records[-1].__dict__["keys"] == 1


def plain_server(endpoint: Endpoint) -> str:
    """Where TLS is expected and not spoken."""
    return endpoint.url.replace("http:", "https:")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        (lambda _: f"http://{HOST}:{free_port()}/", "the endpoint refuses connections"),
        (plain_server, "no TLS with the endpoint"),
        (lambda endpoint: endpoint.url, "the endpoint hangs up"),
    ],
    ids=["refused", "no TLS", "reset"],
)
def test_why_there_is_no_answer_is_told_apart(url: Callable[[Endpoint], str], why: str) -> None:
    with Endpoint(reset) as endpoint:
        assert fetch(HttpFetch(url(endpoint))) == why


def test_a_certificate_that_is_not_trusted_is_told(tmp_path: Path) -> None:
    files = Authority(tmp_path).issue()
    with socket.create_server((HOST, 0)) as listening:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*files)
        thread = threading.Thread(target=shake_hands, args=(context, listening))
        thread.start()
        outcome = fetch(HttpFetch(f"https://{HOST}:{listening.getsockname()[1]}/keys"))
        thread.join()
    assert isinstance(outcome, str)
    assert outcome.startswith("the endpoint's certificate is no good: ")
    assert HOST not in outcome


def shake_hands(context: ssl.SSLContext, listening: socket.socket) -> None:
    """Try to speak TLS with the next one."""
    connection, _ = listening.accept()
    with connection, contextlib.suppress(OSError):
        context.wrap_socket(connection, server_side=True)


def test_a_name_that_is_not_found_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def find(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", find)
    assert fetch(HttpFetch("http://keys.invalid/")) == "the endpoint's name is not found (DNS)"


def test_one_that_takes_too_long_is_told_to_have_done_so() -> None:
    with Endpoint(drip_headers) as endpoint:
        assert fetch(HttpFetch(endpoint.url)) == "the endpoint does not answer in time"


def test_keys_that_rotate_while_people_come_are_never_refused(
    server: Server, endpoint: Endpoint
) -> None:
    keys = [KNOWN]
    crowd: list[Peer] = []
    requests, began = endpoint.requests, time.monotonic()
    for number in range(4):
        keys.append(SigningKey(f"generation {number}"))
        endpoint.do(publishing(*keys))
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            crowd.append(join(server, f"user-{len(crowd)}", keys[-1]))
            pump(crowd, lambda peer=crowd[-1]: peer.users or time.monotonic() > until)  # type: ignore[misc]  # noqa: B023 - called at once
    pump(crowd, lambda: all(peer.users or peer.closed for peer in crowd), LONGEST_S)
    assert [peer.closed for peer in crowd if peer.closed] == []
    assert endpoint.requests - requests <= (time.monotonic() - began) / 5 + 1
    for peer in crowd:
        peer.drop()
    endpoint.do(publishing(KNOWN))


def test_it_starts_while_the_endpoint_is_down_and_is_ready_when_it_has_keys() -> None:
    with Endpoint(saying({}, 503)) as endpoint, fetching_from(endpoint) as server:
        assert server.admin("/healthz").status == 200
        assert server.admin("/readyz")[::2] == (503, b"no keys yet\n")
        early = join(server, "early", KNOWN)
        endpoint.do(publishing(KNOWN))
        pump([early], lambda: early.users, LONGEST_S)
        assert server.admin("/readyz").status == 200
        assert server.metric("presence_keys") == 1


@pytest.mark.parametrize("answer", [hang, drip_headers])
def test_a_fetch_that_hangs_does_not_hold_up_the_end(answer: Answer) -> None:
    with Endpoint(answer) as endpoint, fetching_from(endpoint) as server:
        waiting = join(server, "waiting", KNOWN)
        eventually(lambda: endpoint.requests == 1)
        eventually(lambda: server.metric("presence_connections") == 1)
        server.process.send_signal(signal.SIGTERM)
        pump([waiting], lambda: waiting.is_gone)
        assert server.wait() == 0


def test_sighup_goes_to_another_endpoint_and_fetches_again(tmp_path: Path) -> None:
    other = SigningKey("other")
    config = tmp_path / "presence.toml"
    with Endpoint(publishing(KNOWN)) as first, Endpoint(publishing(other)) as second:
        config.write_text(f'jwks_url = "{first.url}"\n')
        with Server("--config", str(config), variables={}) as server:
            inside = enter(server, "inside", KNOWN)
            first.do(publishing(KNOWN, SigningKey("more")))
            server.process.send_signal(signal.SIGHUP)
            eventually(lambda: server.metric("presence_keys") == 2)
            config.write_text(f'jwks_url = "{second.url}"\n')
            server.process.send_signal(signal.SIGHUP)
            enter(server, "newcomer", other)
            stranger = join(server, "stranger", KNOWN)
            pump([stranger, inside], lambda: stranger.closed, LONGEST_S)
            assert stranger.closed == REFUSED
            assert inside.closed is None
