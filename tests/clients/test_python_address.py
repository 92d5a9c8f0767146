"""Where the client dials."""

import ssl

import pytest
from presence_client import PresenceClient
from presence_client.address import Address

from tests.clients.python_peer import (
    admits,
    client,
    closes,
    drops,
    peer,
    until,
)


async def test_it_dials_the_room_with_its_connection_id_and_token() -> None:
    async with peer(admits()) as server:
        me = client(server, room="presence-a b/ü", party="main", connection_id="c&1", token="a.b+c")
        async with me:
            await me.ready()
    assert server.calls[0].path == "/parties/main/presence-a%20b%2F%C3%BC"
    assert server.calls[0].query == {"_pk": ["c&1"], "token": ["a.b+c"]}


async def test_it_keeps_its_connection_id_for_life() -> None:
    async with peer(admits(then=drops), closes(1012), admits()) as server, client(server) as me:
        await until(lambda: len(server.calls) == 3 and me.status == "online")
        assert {call.query["_pk"][0] for call in server.calls} == {me.connection_id}


async def test_two_clients_are_two_connections() -> None:
    async with peer() as server:
        assert client(server).connection_id != client(server).connection_id


async def test_a_whole_address_names_its_room() -> None:
    async with peer(admits()) as server:
        whole = f"{server.url}/parties/main/presence-a%20b%2F%C3%BC"
        async with PresenceClient(whole, token="t", connection_id="c1") as me:
            await me.ready()
    assert server.calls[0].path == "/parties/main/presence-a%20b%2F%C3%BC"
    assert server.calls[0].query == {"_pk": ["c1"], "token": ["t"]}


@pytest.mark.parametrize(
    ("url", "room", "dialled"),
    [
        ("wss://host", "r", "wss://host/parties/presence/r"),
        ("wss://host/", "r", "wss://host/parties/presence/r"),
        ("wss://host:8443/a/b/", "r", "wss://host:8443/a/b/parties/presence/r"),
        ("wss://host/parties", "r", "wss://host/parties/parties/presence/r"),
        ("wss://host/parties/main", "r", "wss://host/parties/main/parties/presence/r"),
        ("wss://host/parties/main/r", None, "wss://host/parties/main/r"),
        ("wss://host/parties/main/r/", None, "wss://host/parties/main/r"),
        ("wss://host/a/b/parties/main/r", None, "wss://host/a/b/parties/main/r"),
        ("wss://h/parties/a/b/parties/main/r", None, "wss://h/parties/a/b/parties/main/r"),
        ("wss://host/parties/x%2Fy/50%25", None, "wss://host/parties/x%2Fy/50%25"),
        ("wss://host/parties/presence/a:b", None, "wss://host/parties/presence/a%3Ab"),
    ],
)
def test_an_address_is_a_host_and_a_room_or_the_whole(
    url: str, room: str | None, dialled: str
) -> None:
    address = Address.parse(url, room, None, "c", None)
    assert address.with_token("t") == f"{dialled}?_pk=c&token=t"


@pytest.mark.parametrize(
    "url",
    [
        *("http://host", "host:80", "ws://", "ws://host?a=b", "ws://host#a"),
        *(f"ws://{'a' * 64}.example", "ws://a..b"),
    ],
)
def test_an_address_that_cannot_work_is_an_error_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="url must"):
        PresenceClient(url, room="r", token="t")


@pytest.mark.parametrize("port", ["99999", "http"])
def test_a_port_that_cannot_be_is_an_error_at_once(port: str) -> None:
    with pytest.raises(ValueError, match=r"[Pp]ort"):
        PresenceClient(f"ws://host:{port}", room="r", token="t")


@pytest.mark.parametrize(("room", "party"), [("r", None), (None, "main"), ("", None)])
def test_a_room_that_is_named_twice_is_an_error(room: str | None, party: str | None) -> None:
    with pytest.raises(ValueError, match="names the room already"):
        PresenceClient("ws://host/parties/presence/r", token="t", room=room, party=party)


@pytest.mark.parametrize("room", [None, ""])
def test_a_room_that_is_not_named_is_an_error(room: str | None) -> None:
    with pytest.raises(ValueError, match="no room"):
        PresenceClient("ws://host", room=room, token="t")


def test_a_room_that_is_no_text_is_an_error() -> None:
    with pytest.raises(ValueError, match="utf-8"):
        PresenceClient("ws://host/parties/presence/%FF", token="t")


def test_tls_is_for_wss_only() -> None:
    with pytest.raises(ValueError, match="wss"):
        PresenceClient("ws://host", room="r", token="t", tls=ssl.create_default_context())
