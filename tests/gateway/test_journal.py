"""One line for each connection at most: which ones have it, and what it says."""

import logging
from collections.abc import Callable, Iterator
from ipaddress import ip_network
from typing import Any, Final, Literal

import pytest

from tests.support.world import OPTIONS, ROOM, SECRET, Client, World

PROXY: Final = ip_network("10.0.0.0/8")
MODES: Final[list[Literal["none", "refused", "all"]]] = ["none", "refused", "all"]


@pytest.fixture(autouse=True)
def _hear(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.INFO):
        yield


class Log:
    """What was said of connections."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._caplog = caplog

    def lines(self, sentence: str, *names: str) -> list[list[Any]]:
        """The fields of these names, of each line with this sentence."""
        said = [it.__dict__ for it in self._caplog.records if it.getMessage() == sentence]
        return [[fields.get(name) for name in names] for fields in said]


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Log:
    return Log(caplog)


def world(mode: Literal["none", "refused", "all"], **options: Any) -> World:
    """One that tells of these connections."""
    return World(OPTIONS._replace(log_connections=mode, **options))


def refuse(world: World, forwarded_for: str | None = None, peer: str = "192.0.2.1") -> Client:
    """Somebody without a token."""
    headers = {} if forwarded_for is None else {"X-Forwarded-For": forwarded_for}
    client = world.dial(f"/parties/presence/{ROOM}", headers=headers, peer=peer)
    world.settle()
    return client


@pytest.mark.parametrize("mode", MODES)
def test_the_setting_says_which_connections_have_a_line(
    log: Log, mode: Literal["none", "refused", "all"]
) -> None:
    here = world(mode)
    here.join("ann").close()
    refuse(here)
    here.loop.advance(60)
    refused, ended = log.lines("connection refused"), log.lines("connection ended")
    assert len(refused) == (mode != "none")
    assert len(ended) == (mode == "all")


def test_one_that_was_refused_has_its_reason_code_room_and_address(log: Log) -> None:
    here = world("refused")
    refuse(here)
    here.dial(f"/parties/elsewhere/{ROOM}")
    here.dial("/parties/presence/" + "x" * 129)
    here.dial(f"/parties/presence/{ROOM}", headers={"Origin": "a"}).send_raw(b"")
    here.loop.advance(60)
    fields = ("reason", "code", "room", "address")
    assert log.lines("connection refused", *fields) == [
        ["token_missing", 4401, ROOM, "192.0.2.1"],
        ["party", 4404, None, "127.0.0.1"],
        ["path", 4400, None, "127.0.0.1"],
        ["token_missing", 4401, ROOM, "127.0.0.1"],
    ]


def test_a_page_of_another_site_and_a_token_of_another_room_are_told_apart(log: Log) -> None:
    here = world("refused", allowed_origins=("https://a.example",))
    target = f"/parties/presence/{ROOM}?token="
    here.dial(target + here.token("ann"), headers={"Origin": "https://b.example"})
    here.dial(target + here.token("ann", room="presence-other"))
    here.dial(target + here.token("ann", ttl=-60))
    refuse(here)
    assert log.lines("connection refused", "reason", "because") == [
        ["forbidden", "origin"],
        ["forbidden", "room"],
        ["token_expired", None],
        ["token_missing", None],
    ]
    counted = here.metrics.refused.labels("forbidden")._value.get()
    assert counted == 2, "one series for both"


def test_each_is_counted_and_told_under_the_same_reason(log: Log) -> None:
    here = world("refused", max_connections=1, max_sockets=3, handshake_timeout=10)
    here.join("ann")
    here.join("bob")
    for _ in range(3):
        here.dial("/parties/presence/x")
    here.loop.advance(60)
    told = [reason for (reason,) in log.lines("connection refused", "reason")]
    assert sorted(map(str, told)) == ["connections", "descriptors", *["token_missing"] * 2]
    for reason in set(told):
        counted = here.metrics.registry.get_sample_value(
            "presence_connections_refused_total", {"reason": str(reason)}
        )
        assert counted == told.count(reason)


def test_a_request_that_does_not_end_is_a_refusal_without_a_code(log: Log) -> None:
    here = world("refused")
    client = here.dial(f"/parties/presence/{ROOM}")
    client.transport._incoming.clear()
    here.loop._ready.clear()  # what it would have sent
    here.loop.advance(60)
    assert log.lines("connection refused", "reason", "code") == [["handshake", None]]


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "address"),
    [
        ("10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "6.6.6.6, 198.51.100.7", "198.51.100.7"),
        ("192.0.2.9", "198.51.100.7", "192.0.2.9"),
        ("10.0.0.1", None, "10.0.0.1"),
        ("2001:db8::1", None, "2001:db8::/64"),
    ],
)
def test_the_address_is_the_one_that_limits_go_by(
    log: Log, peer: str, forwarded_for: str | None, address: str
) -> None:
    refuse(world("refused", trusted_proxies=(PROXY,)), forwarded_for, peer)
    assert log.lines("connection refused", "address") == [[address]]


ENDS: Final[dict[str, tuple[Callable[[World, Client], object], int]]] = {
    "a close": (lambda _, client: client.close(), 1000),
    "a loss": (lambda _, client: client.vanish(), 1006),
    "silence": (lambda _, client: setattr(client, "is_silent", True), 4408),
    "a takeover": (lambda here, _: here.join("ann"), 4409),
    "a removal": (lambda here, _: here.gateway.rooms.remove_user(ROOM, "ann"), 4410),
    "a drain": (lambda here, _: here.gateway.drain(0, lambda: None), 1012),
    "its token": (lambda here, _: here.loop.advance(7_200), 4401),
}


@pytest.mark.parametrize("how", ENDS)
def test_one_that_was_inside_has_who_where_how_and_how_long(log: Log, how: str) -> None:
    act, code = ENDS[how]
    here = world("all")
    client = here.join("ann", observe=how == "a close")
    here.loop.advance(5)
    act(here, client)
    here.loop.advance(120)
    fields = ("user", "connection", "room", "observe", "code")
    first, *others = log.lines("connection ended", *fields)
    assert first == ["ann", "pk-ann", ROOM, how == "a close", code]
    assert len(others) <= (how == "a takeover")
    ((seconds,), *_) = log.lines("connection ended", "seconds")
    assert 5 <= seconds < 7_300


def test_a_blip_that_is_not_seen_ends_a_connection_all_the_same(log: Log) -> None:
    here = world("all", leave_grace=30.0)
    here.join("ann").vanish()
    here.join("ann").close()
    here.loop.advance(120)
    assert log.lines("connection ended", "code") == [[1006], [1000]]


def test_nothing_is_remembered_of_those_inside_unless_all_have_a_line() -> None:
    for mode in MODES:
        here = world(mode)
        ann = here.join("ann")
        assert len(here.gateway._journal._entered_at) == (mode == "all")
        ann.close()
        here.loop.advance(60)
        assert here.gateway._journal._entered_at == {}


def test_it_may_change_while_people_are_inside(log: Log) -> None:
    here = world("refused")
    early = here.join("early")
    here.gateway.reconfigure(OPTIONS._replace(log_connections="all"))
    late = here.join("late")
    early.close()
    here.loop.advance(1)
    here.gateway.reconfigure(OPTIONS._replace(log_connections="none"))
    late.close()
    refuse(here)
    here.loop.advance(60)
    assert log.lines("connection ended", "user", "seconds") == [["early", None]]
    assert log.lines("connection refused") == []
    assert here.gateway._journal._entered_at == {}


# Sockets and proxies


def test_when_sockets_run_out_it_is_told_once_and_once_when_there_are_some_again(log: Log) -> None:
    here = world("none", max_connections=9, max_sockets=10)
    crowd = [here.join(f"user-{n}") for n in range(9)]
    strangers = [here.dial(f"/parties/presence/{ROOM}") for _ in range(5)]
    assert log.lines("no sockets are left: newcomers are cut", "open") == [[11]]
    here.gateway.reconfigure(here.gateway.context.options._replace(max_connections=3))
    for client in strangers:
        client.vanish()
    here.settle()
    assert log.lines("there are sockets again") == []
    crowd[0].close()
    here.settle()
    assert log.lines("there are sockets again", "open") == [[8]]
    assert len(here.gateway) == 8, "many more than may be in now"


def test_a_forwarded_address_that_is_not_believed_is_told_once_a_minute(log: Log) -> None:
    sentence = "X-Forwarded-For is not believed: its sender is not in PRESENCE_TRUSTED_PROXIES"
    here = world("none", trusted_proxies=(PROXY,))
    for peer in ("10.0.0.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"):
        refuse(here, "198.51.100.7", peer)
    refuse(here)
    assert log.lines(sentence, "sender") == [["192.0.2.1"]]
    here.loop.advance(61)
    refuse(here, "198.51.100.7", "192.0.2.2")
    assert log.lines(sentence, "sender") == [["192.0.2.1"], ["192.0.2.2"]]


@pytest.mark.parametrize(("limit", "lines"), [(0, 0), (5, 1)])
def test_without_proxies_it_is_told_only_where_addresses_are_limited(
    log: Log, limit: int, lines: int
) -> None:
    here = world("none", address_connections=limit)
    refuse(here, "198.51.100.7")
    sentence = "X-Forwarded-For is not believed: its sender is not in PRESENCE_TRUSTED_PROXIES"
    assert len(log.lines(sentence)) == lines


def test_a_token_in_the_address_is_not_in_the_line(caplog: pytest.LogCaptureFixture) -> None:
    here = world("all")
    here.join("ann", name="Canary", picture="https://canary.example/").update("/canary")
    here.dial(f"/parties/presence/{ROOM}?token={SECRET}&canary=canary")
    here.loop.advance(7_200)
    assert "connection ended" in caplog.text
    for record in caplog.records:
        assert "canary" not in str(record.__dict__).lower()
        assert SECRET not in str(record.__dict__)
