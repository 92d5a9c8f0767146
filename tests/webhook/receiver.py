"""A receiver as naive as can be, which finds out whether what it is told makes sense."""

import json
from typing import Any


class Receiver:
    """What a receiver makes of the bodies that it takes, in order.

    While it `is_strict` each event has to make sense: nobody leaves who did not join, nobody is in
    a room that is vacant, and the numbers are right. It is not when a body was given up that may
    have been taken, or not.
    """

    def __init__(self) -> None:
        self.rooms: dict[str, set[str]] = {}
        self.events: list[dict[str, Any]] = []
        self.is_strict = True
        self._boot = ""
        self._seen: set[str] = set()

    def take(self, post_id: str, body: bytes) -> None:
        """Apply a body, unless it was taken before."""
        if post_id in self._seen:
            return
        self._seen.add(post_id)
        post = json.loads(body)
        if post["boot"] != self._boot:
            self._boot = post["boot"]
            self.rooms.clear()
        assert len(post["events"]) <= 100
        for event in post["events"]:
            self.events.append(event)
            if self.is_strict:
                self._check(event)
            self._apply(event)

    def _check(self, event: dict[str, Any]) -> None:
        users = self.rooms.get(event["room"])
        match event["type"]:
            case "room_occupied":
                assert users is None
                assert event["members"] > 0
            case "room_vacated":
                assert users == set()
                assert event["members"] == 0
            case "user_joined":
                assert users is not None
                assert event["userId"] not in users
                assert event["members"] == len(users) + 1
            case "user_left":
                assert users is not None
                assert event["userId"] in users
                assert event["members"] == len(users) - 1
                assert event["reason"]

    def _apply(self, event: dict[str, Any]) -> None:
        room = event["room"]
        match event["type"]:
            case "room_occupied":
                self.rooms.setdefault(room, set())
            case "room_vacated":
                self.rooms.pop(room, None)
            case "user_joined":
                self.rooms.setdefault(room, set()).add(event["userId"])
            case "user_left":
                self.rooms.get(room, set()).discard(event["userId"])
