"""What the references in Python share: who is in a room, and what is said of it."""

from __future__ import annotations

import os
import time
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qs

import jwt
import orjson

SECRET = os.environ.get("PRESENCE_JWT_SECRET", "")
PING_INTERVAL_MS = 10_000
WHO = ("userId", "userName", "userImage", "role", "status", "joinedAt")
WHERE = (
    *("currentPath", "resourceType", "resourceId", "versionId"),
    *("activity", "following", "data"),
)
Member = TypeVar("Member")


class Room(Generic[Member]):
    """The members with their entries; what happens gives the event that the members must hear."""

    def __init__(self) -> None:
        self.entries: dict[Member, dict[str, Any]] = {}
        self._seq = 0

    def join(self, member: Member, claims: dict[str, Any]) -> bytes:
        """Take in who the claims name; the event is for those who were there before."""
        entry = {
            "userId": claims["sub"],
            "userName": claims.get("name") or claims["sub"],
            "userImage": claims.get("picture"),
            "currentPath": "",
            "status": "online",
            "role": claims.get("role", "commenter"),
            "joinedAt": int(time.time() * 1000),
        }
        self.entries[member] = entry
        return self._event("user_joined", entry)

    def snapshot(self) -> bytes:
        """Say who is in the room."""
        users = list(self.entries.values())
        return orjson.dumps({"type": "presence_snapshot", "users": users, "seq": self._seq})

    def take(self, member: Member, message: dict[str, Any]) -> bytes | None:
        """Do what a member says; the event is for all, where there is one."""
        if message["type"] == "presence_update":
            return self._update(member, message)
        if message["type"] == "cursor_update":
            return self._move_cursor(member, message.get("cursor"))
        return None

    def leave(self, member: Member, reason: str) -> bytes:
        """Let a member go; the event is for those who stay."""
        entry = self.entries.pop(member)
        return self._event("user_left", {"userId": entry["userId"], "reason": reason})

    def _update(self, member: Member, message: dict[str, Any]) -> bytes:
        before = self.entries[member]
        where = {key: message[key] for key in WHERE if message.get(key) is not None}
        entry = {key: before[key] for key in WHO} | where
        self.entries[member] = entry
        return self._event("presence_changed", entry)

    def _move_cursor(self, member: Member, cursor: dict[str, Any] | None) -> bytes:
        entry = self.entries[member]
        entry.pop("cursor", None)
        if cursor is not None:
            entry["cursor"] = cursor
        return orjson.dumps({"type": "cursor_changed", "userId": entry["userId"], "cursor": cursor})

    def _event(self, kind: str, fields: dict[str, Any]) -> bytes:
        self._seq += 1
        return orjson.dumps({"type": kind, **fields, "seq": self._seq})


def admitted(query: str) -> tuple[str, dict[str, Any]]:
    """Give the connection id of a query and the claims of its token; raise if it is invalid."""
    parameters = parse_qs(query)
    token = parameters.get("token", [""])[0]
    claims: dict[str, Any] = jwt.decode(token, SECRET, algorithms=["HS256"])
    return parameters.get("_pk", [""])[0], claims


def welcome(connection_id: str, claims: dict[str, Any]) -> bytes:
    """Say what a connection begins with."""
    return orjson.dumps(
        {
            "type": "welcome",
            "version": 1,
            "userId": claims["sub"],
            "connectionId": connection_id,
            "role": claims.get("role", "commenter"),
            "observe": False,
            "expiresIn": int((claims["exp"] - time.time()) * 1000),
            "pingInterval": PING_INTERVAL_MS,
        }
    )


PONG = b'{"type":"pong"}'
