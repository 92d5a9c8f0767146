"""A real server that is stopped as it should be: what a reader of the trail sees of it."""

import sqlite3
import struct
from pathlib import Path
from typing import Any

from websockets.frames import Frame, Opcode

from presence_server.history.fold.viewings import ENDS
from tests.support.peer import pump
from tests.support.server import ADMIN_KEY, SECRET, START_S, Server, eventually

GOODBYE = Frame(Opcode.CLOSE, struct.pack("!H", 1000))
PLAN = {"resourceType": "doc", "resourceId": "plan"}
KEYS = {"PRESENCE_JWT_SECRET": SECRET, "PRESENCE_ADMIN_KEY": ADMIN_KEY}
NOTED = 5
"""Two tabs opened, two moved, and one ended."""


def test_that_the_server_was_stopped_is_in_the_trail_and_who_left_before_that_left(
    tmp_path: Path,
) -> None:
    database = tmp_path / "presence.db"
    variables = {**KEYS, "PRESENCE_HISTORY": f"sqlite:///{database}"}
    with Server("--drain-seconds", "0", variables=variables) as server:
        ann, bob = server.enter("ann"), server.enter("bob")
        for one in (ann, bob):
            one.update("/plan", **PLAN)
        pump([ann, bob], lambda: ann.sees("bob", "/plan") and bob.sees("ann", "/plan"))
        bob.send_frame(GOODBYE)
        eventually(lambda: server.metric("presence_history_facts_total") == NOTED, START_S)
        server.terminate()
        pump([ann], lambda: ann.is_gone)
        assert server.wait() == 0
    trail = rows(
        database,
        "SELECT ref, detail FROM activity JOIN users ON users.id = user_id WHERE what = 'left'",
    )
    assert trail == [("bob", "closed"), ("ann", "server_stopped")]
    ends = rows(database, "SELECT ref, ended_by FROM views JOIN users ON users.id = user_id")
    assert {ref: ENDS[end] for ref, end in ends} == {"bob": "left", "ann": "server_stopped"}
    assert rows(database, "SELECT count(*) FROM tabs") == [(0,)]


def rows(database: Path, query: str) -> list[Any]:
    """What a query finds."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()
