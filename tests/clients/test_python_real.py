"""The Python client and the real server, over real sockets."""

import asyncio
from collections.abc import Callable

import pytest
from presence_client import PresenceClient, Refused

from tests.support.server import ROOM, SECRET, Server, token

SOON_S = 20.0


def client(server: Server, user: str, *, fetched: list[str] | None = None) -> PresenceClient:
    """A client whose every token is fresh; `fetched` notes when one is asked for."""

    def fetch() -> str:
        if fetched is not None:
            fetched.append(user)
        return token(user)

    return PresenceClient(f"ws://127.0.0.1:{server.port}", room=ROOM, token=fetch)


async def until(condition: Callable[[], object]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(SOON_S):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)


async def test_two_clients_see_each_other_come_move_and_go() -> None:
    with Server() as server:
        async with client(server, "ann") as ann:
            await ann.ready()
            async with client(server, "bob") as bob:
                await bob.update("/plan", resource_type="doc", resource_id="7", data={"zoom": 2})
                await bob.set_cursor({"x": 0.5})
                await until(lambda: ann.members.get("bob", {}).get("cursor") == {"x": 0.5})
                entry = ann.members["bob"]
                assert (entry["currentPath"], entry["data"]) == ("/plan", {"zoom": 2})
                await bob.set_status("away")
                await until(lambda: ann.members["bob"]["status"] == "away")
            await until(lambda: "bob" not in ann.members)
            assert "ann" in ann.members


async def test_clients_come_back_after_a_restart_with_their_state_and_a_new_token() -> None:
    fetched: list[str] = []
    with Server("--drain-seconds", "0") as server:
        async with client(server, "ann", fetched=fetched) as ann, client(server, "bob") as bob:
            await ann.update("/here")
            await until(lambda: bob.members.get("ann", {}).get("currentPath") == "/here")
            await asyncio.to_thread(server.stop)
            assert set(bob.members) == {"ann", "bob"}
            await asyncio.to_thread(server.start)
            await until(lambda: ann.status == bob.status == "online")
            await until(lambda: bob.members.get("ann", {}).get("currentPath") == "/here")
            assert ann.members == bob.members
            assert fetched.count("ann") >= 2


async def test_a_refusal_is_told_with_its_code() -> None:
    with Server() as server:
        address = f"ws://127.0.0.1:{server.port}"
        async with PresenceClient(address, room="presence-other", token=token("ann")) as ann:
            with pytest.raises(Refused) as refused:
                await ann.ready()
        assert refused.value.code == 4403


async def test_a_token_is_refreshed_in_band_before_it_ends() -> None:
    lives = iter([4.0, 3600.0])
    variables = {"PRESENCE_JWT_SECRET": SECRET, "PRESENCE_PING_INTERVAL": "1"}
    with Server(variables=variables) as server:

        def fetch() -> str:
            return token("ann", ttl=next(lives))

        address = f"ws://127.0.0.1:{server.port}"
        async with PresenceClient(address, room=ROOM, token=fetch) as ann:
            await ann.ready()
            await until(lambda: next(lives, None) is None)
            assert ann.status == "online"
