"""A shell that does not know of the settings file of its host."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from presence_server.commands import forgotten
from tests.commands.program import KEYS, call, surroundings
from tests.support.server import Server

TOKEN = ("token", "--user", "ann", "--room", "a")
CHECK = ("check", "--port", "0", "--admin-port", "0")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture
def usual(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the settings of this host would be."""
    file = tmp_path / "presence.toml"
    monkeypatch.setattr(forgotten, "USUAL", file)
    return file


def said(*arguments: str, variables: dict[str, str]) -> str:
    ran = call(*arguments, variables=variables)
    assert ran.code == 1 or arguments[0] == "token"
    return ran.stdout + ran.stderr


@pytest.mark.parametrize("command", [CHECK, TOKEN, ("rooms",)])
def test_a_key_that_is_missing_asks_for_the_file_where_it_is_usually(
    server: Server, usual: Path, command: tuple[str, ...]
) -> None:
    here = surroundings(server)
    variables = {name: here[name] for name in here if name not in KEYS}
    hint = f" (is --config {usual} missing?)"
    assert hint not in said(*command, variables=variables)
    usual.touch()
    assert hint in said(*command, variables=variables)
    assert hint not in said(*command, "--config", str(usual), variables=variables)
    by_variable = variables | {"PRESENCE_CONFIG": str(usual)}
    assert hint not in said(*command, variables=by_variable)
