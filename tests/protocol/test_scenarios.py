"""The gateway in memory, and the Python client's reducer, against `protocol/scenarios`."""

from typing import Any

import pytest
from presence_client.store import PresenceStore

from tests.protocol.files import Vector, faults, scenarios
from tests.protocol.notation import canonical, expand, whole, whole_map
from tests.protocol.stage import Stage

ALL = scenarios()
LOSING = {"close", "vanish", "silence", "stall"}


@pytest.fixture(params=ALL)
def scenario(request: pytest.FixtureRequest) -> Vector:
    return ALL[request.param]


def test_it_plays_out_as_written(scenario: Vector) -> None:
    stage = Stage(scenario)
    stage.play(scenario["steps"])
    for message in stage.received:
        check_wire(message)


def check_wire(message: dict[str, Any]) -> None:
    """Every message is as its schema says, and its fields are in the promised order."""
    assert not faults("server.json", message), message
    names = list(message)
    assert names[0] == "type"
    assert "seq" not in names or names[-1] == "seq"


def test_what_a_client_gets_is_enough_for_its_map(scenario: Vector) -> None:
    stores: dict[str, PresenceStore] = {}
    ended: set[str] = set()
    counting: set[str] = set()
    for step in scenario["steps"]:
        if step.get("do") in LOSING:
            ended.add(step["client"])
        if step.get("members") == "count":
            counting.add(step["client"])
        if step.get("do") == "read":
            ended.discard(step["client"])
        if "expect" in step:
            name = step["expect"]
            receive(stores.setdefault(name, PresenceStore()), step)
            ended |= {name} if "closed" in step else set()
    final = whole_map(expand(scenario["steps"][-1]["map"]))
    for name, store in stores.items():
        held = (dict(store.members), store.occupancy)
        wanted = ({}, len(final)) if name in counting else (final, None)
        assert name in ended or canonical(held) == canonical(wanted), name


def receive(store: PresenceStore, step: Vector) -> None:
    for message in expand(step["messages"]):
        store.receive(whole(message), 0)
        assert store.resync_at is None, "the server leaves no gap"


def test_every_scenario_says_what_it_is_about_and_ends_with_the_map() -> None:
    for name, scenario in ALL.items():
        assert scenario["about"].endswith("."), name
        assert set(scenario) <= {"about", "settings", "chance", "steps"}, name
        assert set(scenario["steps"][-1]) == {"map"}, name
