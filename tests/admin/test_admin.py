"""What operators see: metrics, health, who is online, and nothing without a key."""

import platform
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from presence_server import __version__
from presence_server.metrics import Metrics
from tests.support.peer import Peer, pump
from tests.support.server import ADMIN_KEY, ROOM, Answer, Server, eventually, get, token

OTHER_ROOM = "presence-other"
LABELS = {
    "code", "type", "reason", "cause", "kind", "result",
    "le", "version", "python", "generation",
    "implementation", "major", "minor", "patchlevel",
}  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture(scope="module")
def people(server: Server) -> list[Peer]:
    """Ann twice and Bob in one room, an observer and Cy in another."""
    people = [
        server.enter("ann", pk="tab-1", name="Ann", picture="https://example.com/a.png"),
        server.enter("ann", pk="tab-2", name="Ann", picture="https://example.com/a.png"),
        server.enter("bob", role="viewer"),
        server.enter("cy", room=OTHER_ROOM),
        server.enter("eye", room=OTHER_ROOM, observe=True),
    ]
    people[0].update("/plan", resourceType="doc", resourceId="7", data={"é": [1, 1.0, True]})
    people[0].send({"type": "cursor_update", "cursor": {"x": 0.5}})
    pump(people, lambda: "cursor" in people[2].users["ann"])
    return people


def families(text: str) -> dict[str, Any]:
    """Metric families by name."""
    return {family.name: family for family in text_string_to_metric_families(text)}


# Metrics


@pytest.mark.usefixtures("people")
def test_metrics_tell_how_many_are_there(server: Server) -> None:
    eventually(lambda: server.metric("presence_connections") == 5)
    assert server.metric("presence_users") == 3
    assert server.metric("presence_rooms") == 2
    assert server.metric("presence_connections_accepted_total") == 5
    assert server.metric("presence_messages_received_total", type="presence_update") == 1
    assert server.metric("presence_messages_sent_total", type="presence_snapshot") == 5
    assert server.metric("presence_received_bytes_total") > 0
    python = platform.python_version()
    assert server.metric("presence_build_info", version=__version__, python=python) == 1


def test_every_metric_is_served_and_no_other(server: Server, people: list[Peer]) -> None:
    answer = server.admin("/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert people
    declared = families(generate_latest(Metrics().registry).decode())
    assert set(families(answer.body.decode())) == set(declared)


def test_no_metric_has_a_label_for_a_room_or_user(server: Server, people: list[Peer]) -> None:
    text = server.admin("/metrics").body.decode()
    samples = [sample for family in families(text).values() for sample in family.samples]
    assert {label for sample in samples for label in sample.labels} <= LABELS
    for secret in (ROOM, OTHER_ROOM, *people[0].users, "tab-1", "/plan"):
        assert f'"{secret}"' not in text


def test_a_client_cannot_make_series(server: Server) -> None:
    before = len(server.admin("/metrics").body.splitlines())
    for code in range(4_600, 4_620):
        peer = server.enter(f"closer-{code}", room="presence-closers")
        peer.send_bytes(b"\x88\x82\0\0\0\0" + code.to_bytes(2, "big"))
        pump([peer], lambda peer=peer: peer.is_gone)  # type: ignore[misc] # bound now
    assert server.metric("presence_closes_total", code="other") == 20
    assert len(server.admin("/metrics").body.splitlines()) <= before + 3


@pytest.mark.usefixtures("people")
def test_promtool_finds_nothing_to_complain_of(server: Server) -> None:
    served = server.admin("/metrics").body
    checked = subprocess.run(
        ["promtool", "check", "metrics"],  # noqa: S607 - Debian's, wherever PATH has it
        input=served,
        capture_output=True,
        timeout=20,
        check=False,
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


# Health


def test_it_is_healthy_and_ready(server: Server) -> None:
    assert server.admin("/healthz")[::2] == (200, b"ok\n")
    assert server.admin("/readyz")[::2] == (200, b"ready\n")
    assert get(server.port, "/healthz")[::2] == (200, b"ok\n")


def test_it_is_not_ready_while_it_drains_and_healthy_still() -> None:
    with Server("--drain-seconds", "3") as server:
        people = [server.enter("ann", room="presence-a"), server.enter("bob", room="presence-b")]
        server.terminate()
        eventually(lambda: server.admin("/readyz").status == 503, 2)
        assert server.admin("/readyz").body == b"draining\n"
        assert server.admin("/healthz").status == 200
        pump(people, lambda: all(peer.is_gone for peer in people))
        assert server.wait() == 0


# Who is online


def test_the_admin_key_lists_every_room(server: Server, people: list[Peer]) -> None:
    answer = server.admin("/v1/rooms", ADMIN_KEY)
    assert people
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    rooms = [room for room in answer.json()["rooms"] if room["room"] in (ROOM, OTHER_ROOM)]
    assert rooms == [
        {"room": ROOM, "members": 2, "connections": 3},
        {"room": OTHER_ROOM, "members": 1, "connections": 2},
    ]


def test_a_room_is_shown_as_on_the_wire(server: Server, people: list[Peer]) -> None:
    watcher = server.enter("watcher", observe=True)
    answer = server.admin(f"/v1/rooms/{ROOM}", ADMIN_KEY)
    snapshot = next(m for m in watcher.messages if m["type"] == "presence_snapshot")
    assert people
    assert answer.json() == {"room": ROOM, "users": snapshot["users"]}
    assert [user["userId"] for user in answer.json()["users"]] == ["ann", "bob"]
    assert answer.json()["users"][0]["cursor"] == {"x": 0.5}


@pytest.mark.usefixtures("people")
def test_an_operator_sees_the_rooms_of_the_token_and_no_others(server: Server) -> None:
    bearer = token("op", role="operator", room="presence-o*")
    listed = server.admin("/v1/rooms", bearer).json()["rooms"]
    assert [room["room"] for room in listed] == [OTHER_ROOM]
    assert server.admin(f"/v1/rooms/{OTHER_ROOM}", bearer).status == 200
    assert refusal(server.admin(f"/v1/rooms/{ROOM}", bearer)) == (403, "forbidden")


def refusal(answer: Answer) -> tuple[int, str]:
    """Status and code of a query that was not answered."""
    assert answer.json()["message"]
    return answer.status, answer.json()["code"]


@pytest.mark.parametrize("path", ["/v1/rooms", f"/v1/rooms/{ROOM}"])
@pytest.mark.usefixtures("people")
def test_nobody_else_sees_who_is_online(server: Server, path: str) -> None:
    stranger = token("op", role="operator", key="another secret of thirty-two bytes")
    for bearer, status, code in (
        (None, 401, "token_missing"),
        ("", 401, "token_missing"),
        (ADMIN_KEY + "x", 401, "token_invalid"),
        (ADMIN_KEY[:-1], 401, "token_invalid"),
        (stranger, 401, "token_invalid"),
        (token("op", role="operator", ttl=-60), 401, "token_expired"),
        (token("ann"), 403, "forbidden"),
        (token("ann", role="viewer"), 403, "forbidden"),
    ):
        answer = server.admin(path, bearer)
        assert refusal(answer) == (status, code)
        assert ("www-authenticate" in answer.headers) == (status == 401)


def test_without_an_admin_key_only_an_operator_gets_in() -> None:
    with Server(variables={"PRESENCE_JWT_SECRET": "a secret for tests, of enough bytes"}) as server:
        key = "a secret for tests, of enough bytes"
        assert server.admin("/v1/rooms", token("op", role="operator", key=key)).status == 200
        assert refusal(server.admin("/v1/rooms", "None")) == (401, "token_invalid")
        assert refusal(server.admin("/v1/rooms", "")) == (401, "token_missing")


def test_what_is_not_there_is_said_as_json(server: Server) -> None:
    assert refusal(server.admin("/v1/rooms/presence-nobody", ADMIN_KEY)) == (404, "not_found")
    assert refusal(server.admin("/v2", ADMIN_KEY)) == (404, "not_found")
    posted = get(server.admin_port, "/v1/rooms", ADMIN_KEY, method="POST")
    assert refusal(posted) == (405, "method_not_allowed")


def test_a_bearer_of_strange_bytes_is_refused(server: Server) -> None:
    assert refusal(server.admin("/v1/rooms", "é" * 10)) == (401, "token_invalid")
