"""The contract is whole: schemas, vectors, scenarios and words say the same as the code."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from presence_server.core import text
from presence_server.core.close_codes import TABLE, Advice, Close
from presence_server.core.errors import ErrorCode
from presence_server.core.messages import CLIENT_TYPES, SERVER_TYPES
from tests.protocol.files import PROTOCOL, VALIDATORS, read, scenarios
from tests.support.schema import FILES, render

README = (PROTOCOL / "README.md").read_text()
SENT_BY_OTHERS = {Close.GOING_AWAY}  # a proxy or a browser says so; this server says 1012

STEPS: list[dict[str, Any]] = [
    step for scenario in scenarios().values() for step in scenario["steps"]
]


# Schemas


@pytest.mark.parametrize("name", FILES)
def test_a_schema_file_is_what_the_message_types_say(name: str) -> None:
    assert (PROTOCOL / "schema" / name).read_text() == render(name), "run `make schema`"


@pytest.mark.parametrize("name", FILES)
def test_a_schema_is_one(name: str) -> None:
    VALIDATORS[name].check_schema(VALIDATORS[name].schema)


# Nothing is without an example


def expected() -> Iterator[dict[str, Any]]:
    """Every message that a scenario expects."""
    for step in STEPS:
        messages = step.get("messages", [])
        yield from messages if isinstance(messages, list) else messages["repeat"]


def closed() -> Iterator[int]:
    """Every close code that a scenario or an address ends with."""
    for step in STEPS:
        wanted = step.get("closed", [])
        yield from wanted[:1] if isinstance(wanted, list) else [wanted]
    yield from (vector["close"][0] for vector in read("addresses.json") if "close" in vector)


def test_every_message_of_a_client_stands_in_a_vector_and_in_a_scenario() -> None:
    vectors = read("client_messages.json")
    accepted = {v["message"]["type"] for v in vectors if "accepted" in v and "message" in v}
    sent = {step["message"]["type"] for step in STEPS if "message" in step}
    refreshed = {"token_refresh" for step in STEPS if step.get("do") == "refresh"}
    assert accepted == set(CLIENT_TYPES)
    assert (sent | refreshed) >= set(CLIENT_TYPES)


def test_every_message_of_the_server_stands_in_a_vector_and_in_a_scenario() -> None:
    examples = {vector["message"]["type"] for vector in read("server_messages.json")["messages"]}
    assert examples == set(SERVER_TYPES)
    assert {message["type"] for message in expected()} == set(SERVER_TYPES)


def test_every_error_code_stands_in_a_scenario() -> None:
    assert {m["code"] for m in expected() if m["type"] == "error"} == set(ErrorCode)


def test_every_close_code_ends_a_scenario_or_refuses_an_address() -> None:
    assert set(closed()) | SENT_BY_OTHERS == set(Close)


# The words


def rows(title: str) -> list[list[str]]:
    """The cells of every table row in a section of the README, heads left out."""
    section = README.split(f"\n## {title}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return [row for row in cells if row[0] not in ("---", "code", "type", "what")]


def words(row: list[str]) -> str:
    """The first cell of a row without its backticks."""
    return row[0].strip("` ")


def test_the_readme_has_every_close_code_with_its_meaning() -> None:
    stands = {int(words(row)): row[1:] for row in rows("Close codes")}
    assert set(stands) == set(TABLE)
    for code, meaning in TABLE.items():
        says, advice, leave = stands[code]
        assert says.startswith(meaning.says)
        assert advice.startswith(f"**{meaning.advice.value}**")
        assert leave.strip("`") == meaning.leave


def test_the_partysocket_of_the_readme_stops_at_every_code_that_says_so() -> None:
    given = re.search(r"!\[([\d, ]+)\]\.includes\(code\)", README)
    assert given
    stops = [code for code, meaning in TABLE.items() if meaning.advice is Advice.STOP]
    assert [int(code) for code in given[1].split(",")] == stops


def test_the_readme_has_every_error_code() -> None:
    stands = [words(row) for row in rows("Errors")]
    assert sorted(stands) == sorted(code.value for code in ErrorCode)


@pytest.mark.parametrize(
    ("title", "types"),
    [("What a client says", CLIENT_TYPES), ("What the server says", SERVER_TYPES)],
)
def test_the_readme_has_every_message(title: str, types: dict[str, Any]) -> None:
    assert [words(row) for row in rows(title)] == list(types)


@pytest.mark.parametrize("kind", [*CLIENT_TYPES.values(), *SERVER_TYPES.values()])
def test_the_readme_names_every_field(kind: Any) -> None:
    fields = kind.__struct_encode_fields__
    assert [field for field in fields if not re.search(rf"`{field}\??`", README)] == []


@pytest.mark.parametrize(
    ("what", "limit"),
    [
        ("`currentPath`, the `picture` claim", text.MAX_PATH),
        ("the `name` claim, `activity`", text.MAX_NAME),
        ("`data`", text.MAX_DATA),
        ("`cursor`", text.MAX_CURSOR),
        ("depth of `data` and `cursor`", text.MAX_DEPTH),
    ],
)
def test_the_readme_has_the_limits(what: str, limit: int) -> None:
    assert [what, f"{limit:,}"] in rows("Limits")
