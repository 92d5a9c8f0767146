"""Plays a scenario of `protocol/scenarios` on the gateway in memory."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import jwt
from websockets.frames import Frame, Opcode

from presence_server.core.room import RoomLimits
from presence_server.gateway.ports import Options
from tests.protocol.notation import canonical, expand, fill, whole, whole_map
from tests.support.world import OPTIONS, ROOM, SECRET, Client, World

SETTLE_S = 0.02
TTL_S = 3600
OTHER_SECRET = SECRET[::-1]

Step = Mapping[str, Any]


def options(settings: Mapping[str, Any]) -> Options:
    """The gateway's options where some settings (by their names in `settings.py`) are other."""
    given = dict(settings)
    room = RoomLimits(
        members=given.pop("room_size", OPTIONS.room.members),
        connections_per_user=given.pop("user_connections", OPTIONS.room.connections_per_user),
        connections=given.pop("room_connections", OPTIONS.room.connections),
    )
    size = given.pop("message_size", OPTIONS.max_message)
    return OPTIONS._replace(room=room, max_message=size, **given)


class Stage:
    """One scenario on its way. Its wall clock began at 0; every chance falls as `chance` says."""

    def __init__(self, scenario: Mapping[str, Any]) -> None:
        self.world = World(options(scenario.get("settings", {})))
        self.clients: dict[str, Client] = {}
        self.received: list[dict[str, Any]] = []
        self._start = self.world.loop.now
        self._told: set[str] = set()
        self._has_input = False
        self.world.wall_offset = -self._start
        chance = scenario.get("chance", 1)
        context = self.world.gateway.context
        clocks = self.world.clocks._replace(random=lambda: chance)
        self.world.gateway.context = context._replace(clocks=clocks)

    def play(self, steps: list[Step]) -> None:
        """Take every step, then see that nobody got more than was expected."""
        for step in steps:
            self._wait_for(step)
            self._take(step)
        for name, client in self.clients.items():
            self._check(name, client, {"messages": []})

    def _wait_for(self, step: Step) -> None:
        """Let time pass until `at`; what is looked at without one, a moment after the input."""
        loop = self.world.loop
        if "at" in step:
            delay = self._start + step["at"] / 1000 - loop.now
            assert delay > -1e-6, f"steps go forward in time, but not to {step['at']}"
            if delay > 1e-6:
                loop.advance(delay)
        if "do" in step:
            self._has_input = True
        else:
            loop.advance(SETTLE_S if self._has_input and "at" not in step else 0)
            self._has_input = False

    def _take(self, step: Step) -> None:
        if "do" in step:
            getattr(self, f"_do_{step['do']}")(step)
        elif "expect" in step:
            self._check(step["expect"], self.clients[step["expect"]], step)
        else:
            self._check_maps(whole_map(expand(step["map"])))

    # What happens

    def _do_connect(self, step: Step) -> None:
        name, room = step["client"], quote(step.get("room", ROOM), safe="")
        token = self._token(step)
        query = {
            "_pk": step.get("connectionId", name),
            "token": token,
            "members": step.get("members"),
        }
        headers = {"Origin": step["origin"]} if "origin" in step else {}
        if step.get("bearer"):
            query["token"] = None
            headers["Authorization"] = f"Bearer {token}"
        given = urlencode({key: value for key, value in query.items() if value is not None})
        target = f"/parties/{step.get('party', 'presence')}/{room}?{given}"
        assert name not in self.clients, "every connection has a name of its own"
        self.clients[name] = self.world.dial(target, headers=headers)
        self.world.loop.turn()

    def _do_fail_to_connect(self, step: Step) -> None:
        for _ in range(step["times"]):
            self.world.dial("/parties/presence/presence-acme?token=no.token.atall")
            self.world.loop.turn()

    def _do_send(self, step: Step) -> None:
        client = self.clients[step["client"]]
        for _ in range(step.get("times", 1)):
            if "bytes" in step:
                client.send_raw(bytes.fromhex(step["bytes"]))
            elif "text" in step:
                client.send_frame(Frame(Opcode.TEXT, bytes.fromhex(step["text"])))
            elif "binary" in step:
                client.send_frame(Frame(Opcode.BINARY, bytes.fromhex(step["binary"])))
            elif "fragments" in step:
                _send_in_fragments(client, step["json"], step["fragments"])
            else:
                client.send(expand(step["json"] if "json" in step else step["message"]))

    def _do_refresh(self, step: Step) -> None:
        message = {"type": "token_refresh", "token": self._token(step)}
        self.clients[step["client"]].send(message)

    def _do_close(self, step: Step) -> None:
        self._told.add(step["client"])
        self.clients[step["client"]].close(step.get("code", 1000))
        self.world.loop.turn()

    def _do_vanish(self, step: Step) -> None:
        self.clients[step["client"]].vanish()

    def _do_silence(self, step: Step) -> None:
        self.clients[step["client"]].is_silent = True

    def _do_stall(self, step: Step) -> None:
        self.clients[step["client"]].transport.window = 0

    def _do_read(self, step: Step) -> None:
        self.clients[step["client"]].transport.read(None)

    def _do_kick(self, step: Step) -> None:
        rooms = self.world.gateway.rooms
        if step.get("everywhere"):
            rooms.remove_everywhere(step["user"])
        else:
            rooms.remove_user(step.get("room", ROOM), step["user"])

    def _do_end_room(self, step: Step) -> None:
        self.world.gateway.rooms.end(step.get("room", ROOM))

    def _do_drain(self, _step: Step) -> None:
        self.world.gateway.drain(0, lambda: None)

    def _do_turn_wall_clock(self, step: Step) -> None:
        self.world.wall_offset += step["by"] / 1000

    def _token(self, step: Step) -> str | None:
        if "token" in step:
            token: str | None = step["token"]
            return token
        claims = {"sub": step["user"], "room": ROOM, "exp": TTL_S, **step.get("claims", {})}
        given = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(given, OTHER_SECRET if step.get("forged") else SECRET, "HS256")

    # What is seen

    def _check(self, name: str, client: Client, step: Step) -> None:
        got = client.take()
        self.received += got
        filled = fill([whole(message) for message in expand(step["messages"])], got)
        assert [canonical(one) for one in got] == [canonical(one) for one in filled], name
        self._check_closed(name, client, step.get("closed"))

    def _check_closed(self, name: str, client: Client, wanted: int | list[Any] | None) -> None:
        if wanted is not None:
            code, *reason = wanted if isinstance(wanted, list) else [wanted]
            assert client.closed is not None, f"{name} is open"
            assert [client.closed[0], *([client.closed[1]] if reason else [])] == [code, *reason]
            self._told.add(name)
        assert client.closed is None or name in self._told, f"{name}: {client.closed}"

    def _check_maps(self, wanted: dict[str, Any]) -> None:
        assert canonical(self.world.users()) == canonical(wanted), "the room"
        for name, client in self.clients.items():
            if not _is_inside(client):
                continue
            if client.store.seq is not None:
                assert canonical(client.users) == canonical(wanted), name
            if client.store.occupancy is not None:
                assert client.store.occupancy == len(wanted), name


def _is_inside(client: Client) -> bool:
    return client.closed is None and not client.is_gone and not client.is_silent


def _send_in_fragments(client: Client, text: str, count: int) -> None:
    """The first byte of `text` for each fragment but the last, which has the rest."""
    data = text.encode()
    for number in range(count):
        is_last = number == count - 1
        piece = data[number:] if is_last else data[number : number + 1]
        opcode = Opcode.TEXT if number == 0 else Opcode.CONT
        client.send_frame(Frame(opcode, piece, fin=is_last))
