"""Writes what fuzzing begins with, from `protocol/`: `python -m tests.fuzz.seeds FOLDER`.

The corpus in the tree is what is left of it, and of what the fuzzers found, when `merge` has taken
out what reaches nothing new (README.md).
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from tests.fuzz.script import TOKENS
from tests.protocol.files import read, scenarios
from tests.protocol.notation import expand
from tests.support.world import EPOCH

Seeds = Iterator[tuple[str, bytes]]

_RUN: Final = re.compile(rb"([^{}])\1{31,}")
_HEAD: Final = (
    b"Host: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
)
_ROOM: Final = b"/parties/presence/presence-acme"
_DIAL: Final = b"GET " + _ROOM + b"?_pk=a&token=$ann HTTP/1.1\r\n" + _HEAD
_PING: Final = b'\x81\x8f\0\0\0\0{"type":"ping"}'
_AWAY: Final = b'\x81\xa8\0\0\0\0{"type":"status_update","status":"away"}'

REQUESTS: Final[Mapping[str, bytes]] = {
    "plain": _DIAL + b"\r\n",
    "in pieces": _DIAL.replace(b"Host", b"Ho\x1est").replace(b"\r\nUp", b"\r\x1e\nUp")
    + b"\r\x1e\n",
    "with a message": _DIAL + b"\r\n" + _PING,
    "with a message in pieces": _DIAL
    + b"\r\n\x1e"
    + _AWAY[:9]
    + b"\x1e"
    + _AWAY[9:]
    + b"\x1e"
    + _PING,
    "with half a message": _DIAL + b"\r\n" + _PING[:9] + b"\x1e" + _PING[9:],
    "with a Close": _DIAL + b"\r\n\x88\x82\0\0\0\0\x03\xe8",
    "with no frame": _DIAL + b"\r\n\xff\xff\xff\xff",
    "then no frame": _DIAL + b"\r\n\x1e\xff\xff\xff\xff",
    "compressed": _DIAL
    + b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n\x1e\xc1\x80\0\0\0\0",
    "offers": _DIAL
    + b"Sec-WebSocket-Extensions: x; y=1, permessage-deflate; server_no_context_takeover, "
    + b'permessage-deflate; client_max_window_bits="15"\r\n\r\n',
    "an origin": _DIAL + b"Origin: https://app.example\r\n\r\n",
    "bearer": _DIAL.replace(b"&token=$ann", b"") + b"Authorization: Bearer $ann\r\n\r\n",
    "another origin": _DIAL + b"Origin: https://a.app.example:8443\r\n\r\n",
    "a wrong origin": _DIAL + b"Origin: https://app.example.evil\r\n\r\n",
    "two tokens": _DIAL + b"Authorization: Bearer $ann\r\nAuthorization: x\r\n\r\n",
    "two of a header": _DIAL + b"Origin: a\r\nOrigin: b\r\n\r\n",
    "an observer": _DIAL.replace(b"$ann", b"$eve") + b"\r\n\x1e" + _PING,
    "a late key": _DIAL.replace(b"$ann", b"$late") + b"\r\n\x1e" + _AWAY + b"\x1d" + _PING,
    "a key that never comes": _DIAL.replace(b"$ann", b"$never") + b"\r\n\x1e" + _AWAY + b"\x1d",
    "proxies": _DIAL
    + b"X-Forwarded-For: 203.0.113.9, 192.0.2.7\r\nX-Forwarded-For: [::1]:80\r\n\r\n",
    "counting": _DIAL.replace(b"$ann", b"$ann&members=count") + b"\r\n\x1e" + _PING,
    "no token": _DIAL.replace(b"$ann", b"") + b"\r\n",
    "an old token": _DIAL.replace(b"$ann", b"$old") + b"\r\n",
    "another room's token": _DIAL.replace(b"$ann", b"$elsewhere") + b"\r\n",
    "no party": _DIAL.replace(b"/presence/", b"/nowhere/") + b"\r\n",
    "no key": b"GET " + _ROOM + b" HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    "an old version": _DIAL.replace(b": 13", b": 8") + b"\r\n",
    "no upgrade": b"GET " + _ROOM + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "health": b"GET /healthz HTTP/1.1\r\n\r\n",
    "health, twice": b"GET /healthz HTTP/1.1\r\n\r\n\x1eGET /healthz HTTP/1.1\r\n\r\n",
    "HEAD": b"HEAD /healthz?x HTTP/1.1\r\nHost: x\r\n\r\n",
    "POST": b"POST /healthz HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
    "chunked": b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "HTTP/1.0": b"GET / HTTP/1.0\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "no colon": b"GET / HTTP/1.1\r\nnonsense\r\n\r\n",
    "bare LF": b"GET /healthz HTTP/1.1\nHost: x\n\n",
    "200 headers": b"GET / HTTP/1.1\r\n{A: b\r\n*200}\r\n",
    "a long header": b"GET / HTTP/1.1\r\nA: {b*9000}\r\n\r\n",
    "a long line": b"GET /{x*9000} HTTP/1.1\r\n\r\n",
    "without end": b"GET /parties/{x*33000}",
    "without end, in pieces": b"GET /parties/{x*20000}\x1e{x*20000}\x1e{x*2000}",
    "slow": b"GET / HTTP/1.1\r\n\x1dHost: x\x1d\x1d\r\n\r\n",
}

CONVERSATIONS: Final[Mapping[str, bytes]] = {
    "a bomb": b"Od\nZ{a*9999}\nW1000",
    "compressed, in fragments": b"Od\nF41%aaV\nF00*\nF89x\nF80.%c9%ccKW%02%00\nW1100",
    "a compressed Close": b"Od\nFc8%03%e8",
    "compressed without agreement": b'Z{"type":"ping"}',
    "a stream with an end": b"Od\nFc1%ab%03%00%ff%ff%ff",
    "lies": b'L81 9999 {"type"\nW5\nL81 99999999 x',
    "a flood": b'X300\n{"type":"ping"}\nW500\nX300\nF89x\nW4000',
    "a slow reader": b'S0\nX60\n{"type":"presence_update","currentPath":"/~{a*300}"}\nJbob b\nX60\n'
    b'{"type":"presence_update","currentPath":"/~{b*900}"}\nW1200\nC0\nG5000\nW1200\nG',
    "a stalled reader": b'S0\nX60\n{"type":"presence_update","currentPath":"/~{a*900}"}\nW30000',
    "a stalled reader that reads a little": b'Od\nS0\nX60\n{"type":"presence_update","currentPath":'
    b'"/~{a*900}"}\nW9000\nG700\nW9000\nG700\nW9000\nG',
    "a slow reader of a count": b'Jbob# 2\nS0\nX99\n{"type":"ping"}\nJvi 3\nW1100\nV\nW1100\nC1\nG',
    "over the rate": b'X90\n{"type":"presence_update","currentPath":"/~"}\nX9\n'
    b'{"type":"cursor_update","cursor":{"x":~}}\n{"type":"status_update","status":"away"}\nW60\n'
    b'{"type":"resync"}\nJann\nW4000',
    "a viewer": b'Jvi 2\n{"type":"cursor_update","cursor":{}}\n'
    b'{"type":"presence_update","currentPath":"/","activity":"edits"}\nW1000\n'
    b'{"type":"cursor_update","cursor":{}}',
    "silence": b"W10000\nF8a\nW9000\nW20000",
    "tabs": b'Jzoe 2\n{"type":"presence_update","currentPath":"/2"}\nJdemoted 3\n'
    b'{"type":"cursor_update","cursor":{"x":1}}\nC0\n{"type":"status_update","status":"away"}\n'
    b"V\nW20\nC1\nF88%03%e8\nKann",
    "takeovers": b"Jann\nJann\nJann\nJann\nJann\nJann\nW30000\nJann",
    "refreshes": b'{"type":"token_refresh","token":"$soon"}\nW12000\n'
    b'{"type":"token_refresh","token":"$demoted"}\n{"type":"token_refresh","token":"$bob"}\n'
    b'{"type":"token_refresh","token":"$old"}\n{"type":"token_refresh","token":"x"}',
    "a late key": b'Jlate 2\nX90\n{"type":"presence_update","currentPath":"/{a*300}"}\nF01{"type"\n'
    b'W1100\nF80:"ping"}\n{"type":"token_refresh","token":"$never"}\nW1100',
    "a takeover before the key": b"Jlate\nJann\nW500\nJlate\nV\nJlate\nF88%03%e8\nW1100",
    "counting": b'Jbob# 2\n{"type":"presence_update","currentPath":"/"}\n{"type":"resync"}\n'
    b"S0\nJvi 3\nW1100\nC1\nV\nW20\nG\nJbob 2",
    "expiry": b"Jsoon 2\nW26000",
    "a blip": b'Og\n{"type":"presence_update","currentPath":"/a"}\nV\nW1000\nJann\nE\nW4000',
    "bits": b"F91\nF83x\nU81x\nFc1x\nF09x\nF80x",
}


def handshake() -> Seeds:
    """Requests."""
    yield from REQUESTS.items()


def messages() -> Seeds:
    """Messages by themselves, and conversations."""
    yield from CONVERSATIONS.items()
    for vector in read("client_messages.json"):
        yield vector["name"], _message(vector)
    for name, scenario in scenarios().items():
        yield name, b"\n".join(_lines(scenario))


def tokens() -> Seeds:
    """What tokens and addresses may say."""
    for vector in read("addresses.json"):
        yield vector["name"], b"A" + expand(vector["target"]).encode()
    for vector in read("tokens.json")["tokens"]:
        text = expand(vector["json"]) if "json" in vector else _compact(vector["claims"])
        payload = str(text).encode()
        yield vector["name"], payload
        yield (
            f"{vector['name']} in band",
            _compact({**_WHOLE, "sub": "ann"}).encode() + b"\nR" + payload,
        )


_WHOLE: Final = {"sub": "ann", "room": "presence-acme", "exp": {"now": 3600}}
ALL: Final = {"handshake": handshake, "messages": messages, "tokens": tokens}


def _compact(value: Any) -> str:
    whole = expand(value, int(EPOCH))
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":"))


def _message(vector: Mapping[str, Any]) -> bytes:
    if "hex" in vector:
        return b"T" + "".join(f"%{byte:02x}" for byte in bytes.fromhex(vector["hex"])).encode()
    text = expand(vector["json"]) if "json" in vector else _compact(vector["message"])
    return str(text).encode().replace(b"\n", b" ")


def _lines(scenario: Mapping[str, Any]) -> Iterator[bytes]:
    """A scenario as far as the notation goes: who is not known is ann."""
    clients = ["ann"]
    now = 0
    for step in scenario["steps"]:
        if step.get("at", now) > now:
            yield b"W%d" % (step["at"] - now)
            now = step["at"]
        client = step.get("client")
        if client in clients:
            yield b"C%d" % clients.index(client)
        if step.get("do") == "connect":
            clients.append(client)
            yield b"J%b %b" % (_token(step), str(step.get("connectionId", client)).encode())
        yield from _done(step)


def _done(step: Mapping[str, Any]) -> Iterator[bytes]:
    simple = {"close": b"F88%03%e8", "vanish": b"V", "stall": b"S0", "read": b"G"}
    match step.get("do"):
        case "send":
            yield from _sent(step)
        case "refresh":
            yield b'{"type":"token_refresh","token":"$%b"}' % _token(step)
        case "kick":
            yield b"K" + step["user"].encode()
        case str(deed) if deed in simple:
            yield simple[deed]


def _sent(step: Mapping[str, Any]) -> Iterator[bytes]:
    if step.get("times", 1) > 1:
        yield b"X%d" % step["times"]
    for key, verb in (("bytes", "R"), ("text", "F81"), ("binary", "F82")):
        if key in step:
            yield (verb + "".join(f"%{byte:02x}" for byte in bytes.fromhex(step[key]))).encode()
            return
    yield _message(step)


def _token(step: Mapping[str, Any]) -> bytes:
    claims, user = step.get("claims", {}), step.get("user", "ann").encode()
    if claims.get("observe"):
        return b"eve"
    if claims.get("role") == "viewer":
        return b"demoted" if user == b"ann" else b"vi"
    return user if user in TOKENS else b"ann"


def write(folder: Path) -> None:
    """Write every seed into `folder`, one folder for each harness."""
    for harness, seeds in ALL.items():
        (folder / harness).mkdir(parents=True, exist_ok=True)
        for name, data in seeds():
            short = _RUN.sub(lambda run: b"{%b*%d}" % (run[1], len(run[0])), data)
            file_name = re.sub(r"[^\w.]+", "-", name.replace("'", "")).strip("-")
            (folder / harness / file_name[:80]).write_bytes(short)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
