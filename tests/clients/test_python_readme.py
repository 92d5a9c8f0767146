"""What the client's README says is so: its code runs, its tables and examples are what there is."""

import asyncio
import inspect
import json
import re
import signal
import time
from pathlib import Path
from typing import Any

import presence_client
import pytest
from presence_client import Changed, Joined, PresenceClient, Reset
from presence_client.cli import build_parser
from presence_client.watch.room import Room

from tests.clients.python_watch import CLIENT, InPipe, on_screen, surroundings
from tests.support.server import ROOM, Server, token

README = (CLIENT / "README.md").read_text()
SOON_S = 20.0


def blocks(language: str) -> list[str]:
    """The blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def first_cells(heading: str) -> list[str]:
    """The code in the first cell of each row of the table that begins so."""
    table = README.split(heading, 1)[1].split("\n\n", 1)[0]
    return re.findall(r"^\| `(.+?)` \|", table, re.MULTILINE)


async def test_the_example_stays_in_a_room(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    exec(blocks("python")[0], names)  # noqa: S102 - our own README
    with Server() as server:
        url = f"ws://127.0.0.1:{server.port}/parties/presence/{ROOM}"
        async with asyncio.timeout(SOON_S), PresenceClient(url, token=token("ann")) as ann:
            await ann.ready()
            staying = asyncio.create_task(names["stay"](url, lambda: token("bob")))
            async for change in ann.changes():
                if getattr(change, "entry", {}).get("currentPath") == "/plans/q3":
                    break
            await ann.update("/seen")
            while "/seen" not in (said := capsys.readouterr().out):
                print(said, end="")
                await asyncio.sleep(0.01)
            staying.cancel()
            await asyncio.wait([staying])
    assert said.startswith("here already: ann, bob\n")
    assert "Changed(user_id='ann'" in said


async def test_the_function_that_fetches_a_token_is_a_token_source(
    tmp_path: Path,
) -> None:
    path = str(tmp_path / "tokens.sock")
    names: dict[str, Any] = {"asyncio": asyncio}
    exec(blocks("python")[1].replace("/run/tokens.sock", path), names)  # noqa: S102

    async def give(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(token("ann").encode())
        writer.close()

    with Server() as server:
        url = f"ws://127.0.0.1:{server.port}"
        async with (
            asyncio.timeout(SOON_S),
            await asyncio.start_unix_server(give, path),
            PresenceClient(url, room=ROOM, token=names["fetch_token"]) as me,
        ):
            await me.ready()
            assert me.user_id == "ann"


def test_the_table_of_methods_has_all_of_them_and_no_other() -> None:
    written = [re.sub(r"await |\(.*", "", cell) for cell in first_cells("may be left out.\n\n")]
    assert sorted(written) == [name for name in dir(PresenceClient) if not name.startswith("_")]


def test_the_constructor_is_as_it_is_written() -> None:
    [written] = re.findall(r"`PresenceClient\((url, .*?)\)`", README, re.DOTALL)
    parameters = inspect.signature(PresenceClient).parameters
    assert [name.strip() for name in written.split(",") if name.strip() != "*"] == list(parameters)


def test_the_table_of_options_has_all_of_them_and_no_other() -> None:
    watch = build_parser({}).parse_args(["watch", "r", "--token", "t"])
    options = set(vars(watch)) - {"token_default", "room"}
    written = {cell.removeprefix("--").replace("-", "_") for cell in first_cells("| option |")}
    assert written == options | {"ROOM"}


def test_every_name_that_it_mentions_can_be_imported() -> None:
    mentioned = set(re.findall(r"`([A-Z][a-z]+[A-Za-z]*)[(`]", README)) - {
        "ValueError",
        "TypeError",
    }
    assert mentioned <= set(presence_client.__all__)


def test_the_commands_can_be_parsed() -> None:
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    calls = [line for line in lines if line.startswith("presence-client")]
    assert len(calls) == 3
    for line in calls:
        words = re.findall(r"\"[^\"]*\"|\S+", line.split(" | ")[0])
        build_parser({}).parse_args([word.strip('"') for word in words[1:]])


def test_the_json_lines_are_such_as_it_writes() -> None:
    lines = [json.loads(line) for line in blocks("json")[0].splitlines()]
    with Server("--drain-seconds", "0") as server, InPipe(variables=surroundings(server)) as pipe:
        heard = [pipe.line() for _ in range(3)]
        bob = server.enter("bob", name="Bob")
        heard.append(pipe.line())
        bob.update("/plans/q3")
        heard.append(pipe.line())
        bob.send_bytes(b"\x88\x80\x00\x00\x00\x00")
        heard.append(pipe.line())
        server.stop()
        heard.append(pipe.line())
        assert pipe.end(signal.SIGTERM) == (0, "")
    assert [list(line) for line in lines] == [list(line) for line in heard]
    assert list(lines[2]["members"][0]) == [key for key in heard[3] if key != "type"]
    for line, said in zip(lines, heard, strict=True):
        for field in ("type", "status", "reason", "userName", "currentPath", "code"):
            assert line.get(field) == said.get(field)


def test_the_table_is_such_as_it_paints() -> None:
    now = time.mktime((2027, 1, 15, 12, 3, 45, 0, 0, -1))
    place = {"currentPath": "/plans/q3", "resourceType": "document", "resourceId": "42"}
    ann = entry("ann", "Ann Lee", now - 725, **place, activity="typing")
    bob = entry("bob", "Bob", now - 130)
    cleo = entry("cleo", "Cleo", now - 8)
    room = Room()
    room.take(Reset({"ann": ann, "bob": bob}), now - 60)
    room.take(Joined("cleo", cleo), now - 4)
    room.take(Changed("cleo", cleo | place | {"following": "ann"}), now - 4)
    room.take(Changed("bob", bob | {"status": "away"}), now)
    assert on_screen(room, columns=80, lines=24, now=now) == blocks("text")[0].splitlines()


def entry(user_id: str, name: str, joined_at: float, **fields: Any) -> dict[str, Any]:
    whole = {"userId": user_id, "userName": name, "currentPath": "/", "status": "online"}
    return whole | {"joinedAt": joined_at * 1000} | fields
