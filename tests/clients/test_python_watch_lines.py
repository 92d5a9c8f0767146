"""A room as JSON lines: what they say, and how they get into a pipe."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from presence_client import Changed, Closing, CursorMoved, Joined, Left, Reset, Standing
from presence_client.watch.lines import Lines, encode, of_change, of_standing
from presence_client.watch.pipe import Pipe

SOON_S = 10.0
ANN = {"userId": "ann", "userName": "Ann", "joinedAt": 1}


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (Reset({"ann": ANN}), {"type": "reset", "members": [ANN]}),
        (Joined("ann", ANN), {"type": "joined", **ANN}),
        (Changed("ann", ANN), {"type": "changed", **ANN}),
        (CursorMoved("ann", {"x": 1}), {"type": "cursor", "userId": "ann", "cursor": {"x": 1}}),
        (CursorMoved("ann", None), {"type": "cursor", "userId": "ann", "cursor": None}),
        (Left("ann", "timeout"), {"type": "left", "userId": "ann", "reason": "timeout"}),
    ],
)
def test_a_change_is_a_line_in_the_words_of_the_wire(change: Any, line: dict[str, Any]) -> None:
    assert of_change(change) == line
    assert next(iter(of_change(change))) == "type"


def test_a_field_of_the_entry_does_not_hide_the_type() -> None:
    assert of_change(Joined("ann", ANN | {"type": "x"}))["type"] == "joined"


@pytest.mark.parametrize(
    ("standing", "line"),
    [
        (Standing("online"), {"status": "online"}),
        (
            Standing("reconnecting", Closing(1012, "restart"), 1.5),
            {"status": "reconnecting", "code": 1012, "reason": "restart", "retryInMs": 1500},
        ),
        (
            Standing("refused", Closing(4403, "room")),
            {"status": "refused", "code": 4403, "reason": "room"},
        ),
    ],
)
def test_a_standing_is_a_line_that_says_why_and_when(
    standing: Standing, line: dict[str, Any]
) -> None:
    assert of_standing(standing) == {"type": "status", **line}


@given(st.dictionaries(st.text(), st.text() | st.none() | st.floats(allow_nan=False)))
def test_a_line_reads_back_and_holds_nothing_that_a_terminal_obeys(value: dict[str, Any]) -> None:
    line = encode(value)
    assert json.loads(line) == value
    assert line.endswith(b"\n")
    assert line[:-1].decode().isprintable()


def test_names_stay_readable_in_a_line() -> None:
    assert encode({"userName": "Zoë \u202e\x1b"}) == '{"userName":"Zoë \\u202e\\u001b"}\n'.encode()


# The pipe


async def test_a_reader_that_takes_its_time_does_not_hold_up_the_loop() -> None:
    out, into = os.pipe()
    try:
        async with asyncio.timeout(SOON_S):
            data = os.urandom(300_000)
            writing = asyncio.create_task(Pipe(into).write(data))
            await asyncio.sleep(0.05)
            assert not writing.done()  # the pipe is full, and we are here
            got = b""
            while len(got) < len(data):
                got += await asyncio.to_thread(os.read, out, 65_536)
            await writing
            assert got == data
    finally:
        os.close(out)
        os.close(into)


async def test_writing_leaves_the_descriptor_blocking_since_others_share_it() -> None:
    out, into = os.pipe()
    try:
        await Pipe(into).write(b"x")
        assert os.get_blocking(into)
    finally:
        os.close(out)
        os.close(into)


async def test_a_regular_file_is_written_too(tmp_path: Path) -> None:
    file = tmp_path / "lines"
    with file.open("wb") as out:
        view = Lines(out.fileno(), cursors=False)
        working = asyncio.create_task(view.work())
        await view.stand(Standing("online"))
        await asyncio.sleep(0)
        assert not working.done()
        working.cancel()
        await asyncio.wait([working])
    assert file.read_text() == '{"type":"status","status":"online"}\n'


async def test_a_reader_that_goes_is_noticed_before_anything_is_written() -> None:
    out, into = os.pipe()
    try:
        async with asyncio.timeout(SOON_S):
            working = asyncio.create_task(Lines(into, cursors=False).work())
            await asyncio.sleep(0)
            assert not working.done()
            os.close(out)
            await working
    finally:
        os.close(into)


async def test_a_line_for_a_reader_that_went_ends_the_work_and_is_no_error() -> None:
    out, into = os.pipe()
    os.close(out)
    try:
        async with asyncio.timeout(SOON_S):
            view = Lines(into, cursors=False)
            await view.stand(Standing("online"))
            await view.work()
    finally:
        os.close(into)


async def test_lines_are_not_torn_and_cursors_come_only_if_wanted() -> None:
    out, into = os.pipe()
    try:
        view = Lines(into, cursors=False)
        big = {"ann": ANN | {"data": "x" * 30_000}}
        async with asyncio.TaskGroup() as group:
            group.create_task(view.take(Reset(big)))
            group.create_task(view.stand(Standing("online")))
            group.create_task(view.take(CursorMoved("ann", None)))
        os.close(into)
        with os.fdopen(out, "rb") as lines:
            assert [json.loads(line)["type"] for line in lines] == ["reset", "status"]
    except BaseException:
        os.close(into)
        raise
