"""A scripted server, that commits each of the faults that the generator must find."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.bench.generator import Generator


class Peer:
    """The scripted server's end of one connection."""

    def __init__(self, listener: socket.socket, extension: str = "") -> None:
        self.socket, (self.address, _) = listener.accept()
        self.socket.settimeout(10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.request = b""
        while not self.request.endswith(b"\r\n\r\n"):
            self.request += self.socket.recv(65536)
        header = f"Sec-WebSocket-Extensions: {extension}\r\n" if extension else ""
        self.socket.sendall(f"HTTP/1.1 101 Switching Protocols\r\n{header}\r\n".encode())

    def say(self, *messages: dict[str, Any]) -> None:
        self.socket.sendall(b"".join(map(text, messages)))

    def hears(self, count: int) -> list[dict[str, Any]]:
        """Take so many messages; a client masks them, here with zeros."""
        return [self._hear() for _ in range(count)]

    def _hear(self) -> dict[str, Any]:
        head = self._exactly(2)
        size = head[1] & 0x7F
        if size == 126:
            size = int.from_bytes(self._exactly(2), "big")
        assert self._exactly(4) == bytes(4)
        message: dict[str, Any] = json.loads(self._exactly(size))
        return message

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            data += self.socket.recv(size - len(data))
        return data


class Room:
    """A scripted room of two: both have joined, and hold the full map at seq 2."""

    def __init__(self, listener: socket.socket, generator: Generator) -> None:
        self.generator = generator
        generator.tell("join 2")
        self.first, self.second = Peer(listener), Peer(listener)
        self.first.say(welcome("a"), snapshot(1, "a"), joined("b", 2))
        self.second.say(welcome("b"), snapshot(2, "a", "b"))
        assert generator.answer().ok

    def faults(self) -> dict[str, int]:
        """Let the generator read what was said; the answer is what it objects to."""
        self.generator.tell("idle 100")
        result = self.generator.answer()
        assert result.ok is not any(result.faults.values())
        assert bool(result.problem) is not result.ok
        return {name: count for name, count in result.faults.items() if count}


def frame(opcode: int, payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes([0x80 | opcode, size]) + payload
    if size < 65536:
        return bytes([0x80 | opcode, 126]) + size.to_bytes(2, "big") + payload
    return bytes([0x80 | opcode, 127]) + size.to_bytes(8, "big") + payload


def text(message: dict[str, Any]) -> bytes:
    return frame(1, json.dumps(message, separators=(",", ":")).encode())


def welcome(user: str) -> dict[str, Any]:
    return {"type": "welcome", "version": 1, "userId": user}


def snapshot(seq: int, *users: str, path: str = "") -> dict[str, Any]:
    entries = [{"userId": user, "currentPath": path} for user in users]
    return {"type": "presence_snapshot", "users": entries, "seq": seq}


def joined(user: str, seq: int) -> dict[str, Any]:
    return {"type": "user_joined", "userId": user, "seq": seq}


def changed(seq: int, path: str = "/doc/1") -> dict[str, Any]:
    return {"type": "presence_changed", "userId": "a", "currentPath": path, "seq": seq}


def answer(update: dict[str, Any], seq: int, user: str = "a") -> dict[str, Any]:
    """Make the event that an update should cause."""
    said = {key: value for key, value in update.items() if key != "type"}
    return {"type": "presence_changed", "userId": user, **said, "seq": seq}


def moved(update: dict[str, Any], user: str = "a") -> dict[str, Any]:
    """Make the event that a cursor may cause."""
    return {"type": "cursor_changed", "userId": user, "cursor": update["cursor"]}
