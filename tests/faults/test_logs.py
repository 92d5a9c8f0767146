"""Logs are in nobody's way, and give nobody away.

Invariants:
- With a stderr that nobody reads everybody is served on, and the end comes in time.
- A herd that is refused is a handful of lines.
- Whatever comes in, whatever is set: no token, name, picture, path, query, header or kid is in any
  line, nor what else a client had sent.
"""

import contextlib
import json
import os
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final, get_args

import jwt
from websockets.frames import Frame, Opcode

from presence_server.core.errors import Because
from tests.support.issuer import SigningKey
from tests.support.peer import HOST, Peer, pump
from tests.support.server import ADMIN_KEY, ROOM, SECRET, Server, address, eventually, get, token

HERD = 300
SLACK_S = 5.0
CANARY: Final = "canary"
TOLD: Final = (
    *("started", "draining", "stopped", "no keys from the issuer's JWK Set"),
    *("webhook: requests fail", "X-Forwarded-For is not believed"),
    *("token_invalid", "token_expired", "token_missing", "forbidden", "keys", "handshake"),
    *("party", "path", "pk-mal-0", "pk-eye", "kim", "4409", "4410", "4000", "1007", "1009"),
)
ODD: Final = {
    "sub": [CANARY],
    "room": f"{CANARY} {CANARY}",
    "role": CANARY,
    "name": [CANARY],
    "observe": CANARY,
    "iat": CANARY,
    "scope": {CANARY: CANARY},
}
"""Claims that are none."""
NOBODY: Final = f"{HOST}:9/{CANARY}?{CANARY}={CANARY}"


# Nobody reads


class Unread(Server):
    """A server whose stderr is a pipe that is full."""

    def __init__(self, *flags: str) -> None:
        super().__init__(*flags)
        os.mkfifo(self._stderr)
        self._reader = os.open(self._stderr, os.O_RDONLY | os.O_NONBLOCK)
        self._writer = os.open(self._stderr, os.O_WRONLY | os.O_NONBLOCK)
        self._said = b""
        self.fill()

    def fill(self) -> None:
        """Leave no room in it."""
        with contextlib.suppress(BlockingIOError):
            while os.write(self._writer, b"\n" * 4_096):
                pass

    @property
    def stderr(self) -> str:
        """What came through so far."""
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(self._reader, 65_536):
                self._said += chunk
        return self._said.decode().lstrip("\n")

    def close(self) -> None:
        """Let go of the pipe."""
        os.close(self._reader)
        os.close(self._writer)


def refuse(server: Server, count: int) -> None:
    """Come to where nothing is, so many times."""
    for _ in range(count):
        peer = server.dial(address(party="nowhere"))
        pump([peer], lambda peer=peer: peer.closed)  # type: ignore[misc]
        peer.drop()


def talk(ann: Peer, bob: Peer, path: str) -> None:
    """One sees where the other is."""
    ann.update(path)
    pump([ann, bob], lambda: bob.sees("ann", path))


def test_with_a_stderr_that_nobody_reads_everything_goes_on() -> None:
    server = Unread("--drain-seconds", "0", "--close-timeout", "1")
    with contextlib.closing(server), server:
        ann, bob = server.enter("ann"), server.enter("bob")
        refuse(server, HERD)
        talk(ann, bob, "/nobody-reads")
        assert server.metric("presence_log_repeats_total") == HERD - 5
        eventually(lambda: server.stderr.count("connection refused") == 5)
        server.fill()
        server.dial(address())
        refused = "presence_connections_refused_total"
        eventually(lambda: server.metric(refused, reason="token_missing"))
        began = time.monotonic()
        server.terminate()
        pump([ann, bob], lambda: ann.is_gone and bob.is_gone)
        assert server.wait() == 0
        assert time.monotonic() - began < SLACK_S
        assert [ann.closed, bob.closed] == [(1012, "server is restarting")] * 2


# Nobody is given away


def claims(user: str, **others: Any) -> dict[str, Any]:
    """Those of somebody with a name and a picture."""
    picture = f"https://{CANARY}.example/{CANARY}.png"
    exp = int(time.time()) + 600
    given = {"sub": user, "name": f"{CANARY} {user}", "picture": picture, "room": ROOM, "exp": exp}
    return given | others


def dial(server: Server, given: str, pk: str, **query: str) -> Peer:
    """Come with all that a browser may bring."""
    headers = {
        "Origin": f"https://{CANARY}.example",
        "User-Agent": CANARY,
        "Cookie": f"{CANARY}={CANARY}",
        "X-Forwarded-For": CANARY,
        f"X-{CANARY}": CANARY,
    }
    return server.dial(address(_pk=pk, token=given, x=CANARY, **query), headers=headers)


def enter(server: Server, user: str, pk: str, **others: Any) -> Peer:
    """Come in with a good token."""
    peer = dial(server, token(**(claims(user, **others) | {"user": user})), pk)
    pump([peer], lambda: "presence_snapshot" in peer.types())
    return peer


def be_refused(server: Server) -> list[Peer]:
    """Come in all the ways in which one does not get in."""
    good = token(user="eve", **claims("eve"))
    unknown = SigningKey(CANARY).sign(claims("eve"), **{CANARY: CANARY})
    forged = token(user="eve", **claims("eve"), key=SECRET[::-1])
    expired = token(user="eve", **claims("eve", exp=1))
    elsewhere = token(user="eve", **claims("eve", room=f"{CANARY}-*"))
    odd = [token(user="eve", **claims("eve", **{name: it})) for name, it in ODD.items()]
    headed = jwt.encode(claims("eve"), SECRET, "HS384", {CANARY: CANARY, "kid": CANARY})
    wrong = (CANARY, "", unknown, forged, expired, elsewhere, headed, *odd)
    peers = [dial(server, bad, "pk-eve") for bad in wrong]
    peers.append(dial(server, good, "x" * 129))
    peers.append(dial(server, good, "pk-eve", members=CANARY))
    peers.append(server.dial(address(f"{CANARY} {CANARY}", token=good)))
    peers.append(server.dial(address(party=CANARY, token=good)))
    peers.append(server.dial(address(), headers={"Authorization": f"Bearer {CANARY}"}))
    return peers


def say_nonsense(server: Server) -> None:
    """Send what is no upgrade, no HTTP, or no end of either."""
    start = f"GET /parties/presence/{ROOM}?token={CANARY} HTTP/1.1\r\nHost: {CANARY}\r\n"
    upgrade = start + "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    for request in (
        f"{CANARY}\r\n\r\n",
        f"{start}\r\n",
        f"GET /{CANARY}?{CANARY} HTTP/1.1\r\nHost: x\r\n\r\n",
        f"POST /{CANARY} HTTP/1.1\r\nContent-Length: 6\r\n\r\n{CANARY}",
        f"{start}X-{CANARY}: {CANARY * 10_000}\r\n\r\n",
        f"{start}{CANARY} {CANARY}\r\n\r\n",
        f"{upgrade}Sec-WebSocket-Key: {CANARY}\r\n\r\n",
        f"{upgrade}Sec-WebSocket-Extensions: {CANARY};;{CANARY}\r\n{key}\r\n",
        f"{upgrade}{key}Origin: {CANARY}\r\nOrigin: {CANARY}\r\n\r\n",
        f"{start}never the end",
    ):
        with contextlib.suppress(ConnectionResetError):
            server.exchange(request.encode())
    server.exchange(b"\x16\x03\x01" + CANARY.encode() * 20 + b"\r\n\r\n")


MISCHIEF: dict[str, Callable[[Peer], object]] = {
    "speaks": lambda peer: peer.update(f"/{CANARY}", activity=CANARY, data={CANARY: CANARY}),
    "sends a wrong field": lambda peer: peer.update(f"/{CANARY}", resourceId=[CANARY]),
    "sends an unknown type": lambda peer: peer.send({"type": CANARY, CANARY: CANARY}),
    "sends no JSON": lambda peer: peer.send("{" + CANARY),
    "renews with nonsense": lambda peer: peer.send({"type": "token_refresh", "token": CANARY}),
    "renews with an unknown key": lambda peer: peer.send(
        {"type": "token_refresh", "token": SigningKey(CANARY).sign(claims("mal"))}
    ),
    "sends binary": lambda peer: peer.send_frame(Frame(Opcode.BINARY, CANARY.encode())),
    "pings": lambda peer: peer.send_frame(Frame(Opcode.PING, CANARY.encode())),
    "sends no UTF-8": lambda peer: peer.send_frame(Frame(Opcode.TEXT, CANARY.encode() + b"\xff")),
    "sends too much": lambda peer: peer.send("x" * 20_000 + CANARY),
    "breaks a frame": lambda peer: peer.send_bytes(b"\xf7\x86aaaa" + CANARY.encode()),
    "closes with a word": lambda peer: peer.send_frame(
        Frame(Opcode.CLOSE, b"\x0f\xa0" + CANARY.encode())
    ),
    "closes wrongly": lambda peer: peer.send_frame(Frame(Opcode.CLOSE, b"\x03" + CANARY.encode())),
}


def ask_the_admin(server: Server) -> None:
    """Ask in all the wrong ways, and in the right one."""
    for bearer in (CANARY, token(user=CANARY, **claims("op", room="*")), ADMIN_KEY):
        for path in (f"/v1/rooms/{CANARY}", f"/v1/rooms?ids={CANARY}&{CANARY}", f"/{CANARY}"):
            server.admin(path, bearer)
    asked = (server.admin_port, f"/v1/rooms/{ROOM}/users/kim", ADMIN_KEY, "DELETE")
    assert get(*asked).status == 200


def tell_a_story(server: Server) -> None:
    """Everything that can be done to it."""
    ann, kim = enter(server, "ann", "pk-ann"), enter(server, "kim", "pk-kim")
    eye = enter(server, "eye", "pk-eye", observe=True)
    talk(ann, kim, f"/{CANARY}?{CANARY}")
    refused = be_refused(server)
    say_nonsense(server)
    for number, act in enumerate(MISCHIEF.values()):
        peer = enter(server, "mal", f"pk-mal-{number}")
        act(peer)
        ping = f"p{number}".encode()
        peer.send_frame(Frame(Opcode.PING, ping))
        pump([peer], lambda peer=peer: peer.pongs or peer.closed or peer.is_gone)  # type: ignore[misc]
        peer.drop()
    enter(server, "ann", "pk-ann").drop()
    pump([ann], lambda: ann.closed)
    ask_the_admin(server)
    pump([kim, eye], lambda: kim.closed)
    assert [ann.closed, kim.closed] == [
        (4409, "taken over by the same connection id"),
        (4410, "removed by an operator"),
    ]
    pump([eye, *refused], lambda: all(peer.closed for peer in refused), 30)
    assert eye.closed is None


def whole_log(shape: str, folder: Path) -> str:
    """The log of the whole story, from a server that says all that it can."""
    config = folder / f"{shape}.toml"
    config.write_text(
        f'jwt_secret = "{SECRET}"\nadmin_key = "{ADMIN_KEY}"\nwebhook_url = "http://{CANARY}:{CANARY}@{NOBODY}"\n'
        f'jwks_url = "http://{NOBODY}"\nwebhook_secret = "{CANARY * 10}"\nwebhook_debounce = 0\n'
        f'log_format = "{shape}"\nlog_level = "debug"\nlog_connections = "all"\n'
        'trusted_proxies = "192.0.2.0/24"\nhandshake_timeout = 1\nclose_timeout = 1\n'
    )
    with Server("--config", str(config), variables={}) as server:
        tell_a_story(server)
        server.terminate()
        assert server.wait() == 0
        return server.stderr


def test_nothing_that_a_client_sent_is_in_the_log_at_any_level(tmp_path: Path) -> None:
    with ThreadPoolExecutor() as both:  # each waits, most of the time
        logs = [*both.map(partial(whole_log, folder=tmp_path), ("text", "json"))]
    for log in logs:
        assert CANARY not in log.lower()
        assert SECRET not in log
        assert not re.search(r"[\w-]{30,}\.[\w-]{10,}", log), "a token"
        assert log.count("connection ended") == len(MISCHIEF) + 4
        assert [expected for expected in TOLD if expected not in log] == []
        because = {*re.findall(r'because"?[=:]"?([^\s",}]+)', log)}
        assert because >= {*ODD, "form", "algorithm", "signature", "room"}
        assert because <= {*get_args(Because)}, "a word of ours, and nothing of a token"
    assert all(json.loads(line)["level"] != "error" for line in logs[1].splitlines())
