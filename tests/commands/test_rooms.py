"""`presence-server rooms`: who is where, and why there is no answer."""

import json
import subprocess
from collections.abc import Iterator

import pytest

from tests.commands.program import KEYS, call, complaint, printed, run, surroundings
from tests.support.peer import HOST, Peer, pump
from tests.support.server import PROGRAM, Server, environment, free_port, token

BIG, SMALL, WATCHED = "presence-big", "presence-small", "presence-watched"
HOSTILE = "[red]Mallory[/red]\u202e :smile:"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server("--ping-interval", "600", "--pong-timeout", "600") as server:
        yield server


@pytest.fixture(scope="module", autouse=True)
def people(server: Server) -> list[Peer]:
    """Ann with two tabs in a small room; four in a big one; somebody who only watches."""
    people = [
        server.enter("ann", pk="1", room=SMALL, name="Ann"),
        server.enter("ann", pk="2", room=SMALL, name="Ann"),
        *(server.enter("ann", pk=str(tab), room=SMALL) for tab in range(3, 7)),
        server.enter("ann", room=BIG, name="Ann", role="viewer"),
        server.enter("mallory", room=BIG, name=HOSTILE),
        server.enter("li", room=BIG, name="李小龍" * 20),
        server.enter("bob", room=BIG),
        server.enter("eye", room=WATCHED, observe=True),
    ]
    ann = people[6]
    ann.update("/plan/" + "x" * 200, resourceType="doc", resourceId="d1", following="bob")
    pump(people, lambda: "resourceId" in people[7].users.get("ann", {}))
    return people


def test_rooms_are_listed_the_one_with_the_most_members_first(server: Server) -> None:
    ran = run("rooms", variables=surroundings(server))
    assert (ran.code, ran.stderr) == (0, "")
    assert ran.rows == [
        ["room", "members", "connections"],
        [BIG, "4", "4"],
        [SMALL, "1", "6"],
        [WATCHED, "0", "1"],
    ]


def test_they_may_be_sorted_limited_and_had_as_json(server: Server) -> None:
    here = surroundings(server)

    def names(*flags: str) -> list[str]:
        said = json.loads(call("rooms", "--json", *flags, variables=here).stdout)
        return [room["room"] for room in said["rooms"]]

    assert names("--sort", "connections") == [SMALL, BIG, WATCHED]
    assert names("--sort", "room", "--limit", "2") == [BIG, SMALL]
    assert call("rooms", "--limit", "1", variables=here).rows[1:] == [[BIG, "4", "4"]]


def test_a_room_shows_who_is_in_it(server: Server) -> None:
    titles, *rows = call("rooms", BIG, variables=surroundings(server)).rows
    assert titles == ["user", "name", "path", "status", "role", "since", "following"]
    found = {row[0]: row for row in rows}
    assert set(found) == {"ann", "bob", "li", "mallory"}
    user, name, path, status, role, since, following = found["ann"]
    assert (user, name, status, role, following) == ("ann", "Ann", "online", "viewer", "bob")
    assert path.endswith("xxx doc d1")
    assert since.endswith("Z")
    assert found["mallory"][1] == "[red]Mallory[/red]\N{REPLACEMENT CHARACTER} :smile:"


def test_a_user_is_found_in_every_room(server: Server) -> None:
    here = surroundings(server)
    _, *rows = call("rooms", "--user", "ann", variables=here).rows
    assert [row[:2] for row in rows] == [[BIG, "1"], [SMALL, "6"]]
    [[*_, status, _, _]] = call("rooms", "--user", "eye", variables=here).rows[1:]
    assert status == "observes"
    said = json.loads(call("rooms", "--user", "ann", "--json", variables=here).stdout)
    assert said["rooms"][0]["entry"]["following"] == "bob"
    nobody = call("rooms", "--user", "nobody", variables=here)
    assert (nobody.code, nobody.rows[1:], nobody.stderr) == (0, [], "nobody is in no room\n")


def test_where_nobody_is_a_pipe_gets_the_titles_and_a_person_the_reason(server: Server) -> None:
    ran = call("rooms", "presence-empty", variables=surroundings(server))
    titles = "user\tname\tpath\tstatus\trole\tsince\tfollowing\n"
    assert ran == (0, titles, "nobody is in presence-empty\n")
    assert call("rooms", "presence-empty", "--json", variables=surroundings(server)).stderr == ""


@pytest.mark.parametrize("of", [(SMALL,), ("--user", "ann"), ()])
def test_a_terminal_has_the_columns_of_a_pipe(server: Server, of: tuple[str, ...]) -> None:
    here = surroundings(server)
    shown = printed("rooms", *of, columns=80, variables=here)
    assert shown[0].split() == call("rooms", *of, variables=here).rows[0]


def test_json_has_nothing_that_a_terminal_would_act_on(server: Server) -> None:
    shown = call("rooms", BIG, "--json", variables=surroundings(server)).stdout
    assert "\u202e" not in shown
    assert "李小龍" in shown
    assert HOSTILE in [user["userName"] for user in json.loads(shown)["users"]]


@pytest.mark.parametrize("columns", [80, 140])
def test_on_a_terminal_columns_fit_whatever_people_are_called(server: Server, columns: int) -> None:
    here = surroundings(server)
    titles, *rows = printed("rooms", BIG, columns=columns, variables=here)
    assert titles.split() == ["user", "name", "path", "status", "role", "since", "following"]
    assert len(rows) == 4
    assert all("online" in row for row in rows)
    mallory = next(row for row in rows if row.startswith("mallory"))
    assert "  [red]Mallory[/r" in mallory
    assert "/plan/" in next(row for row in rows if row.startswith("ann"))


def test_on_a_terminal_it_says_what_is_not_shown_and_where_nobody_is(server: Server) -> None:
    here = surroundings(server)
    lines = printed("rooms", "--limit", "1", columns=80, variables=here)
    assert lines[-1] == "… and 2 more"
    nobody = printed("rooms", "presence-empty", columns=80, variables=here)
    assert nobody == ["nobody is in presence-empty"]
    plain = printed("rooms", columns=80, variables=here | {"TERM": "dumb", "NO_COLOR": "1"})
    assert plain[1].split() == [BIG, "4", "4"]


def test_a_reader_that_has_enough_is_no_failure(server: Server) -> None:
    command = f"{PROGRAM} rooms | head -c 3; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["/bin/bash", "-c", command],
        env=environment(surroundings(server)),
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("roo0\n", "")


# Whom it asks


def test_whom_to_ask_is_a_flag_or_in_the_settings(server: Server) -> None:
    flags = ("--url", f"http://{HOST}:{server.admin_port}/", "--admin-key")
    key = KEYS["PRESENCE_ADMIN_KEY"]
    assert len(call("rooms", *flags, key, variables={}).rows) == 4
    everywhere = surroundings(server, PRESENCE_ADMIN_HOST="0.0.0.0")  # noqa: S104 - it is asked
    assert len(call("rooms", variables=everywhere).rows) == 4
    own = token("op", role="operator", room=SMALL)
    assert call("rooms", *flags, own, variables={}).rows[1:] == [[SMALL, "1", "6"]]


def test_why_there_is_no_answer_is_one_line_with_what_to_do(server: Server) -> None:
    here = surroundings(server)
    port = str(free_port())
    line = complaint("rooms", code=1, variables=KEYS | {"PRESENCE_ADMIN_PORT": port})
    assert f"http://{HOST}:{port} can't be reached (connection refused)" in line
    assert "--url" in line
    line = complaint("rooms", "--admin-key", "wrong", code=1, variables=here)
    assert "the admin key is not the server's" in line
    del here["PRESENCE_ADMIN_KEY"]
    assert "it needs the admin key: set PRESENCE_ADMIN_KEY" in complaint(
        "rooms", code=1, variables=here
    )
    member = token("ann", room=BIG)
    assert "operator" in complaint("rooms", "--admin-key", member, code=1, variables=here)
    operator = token("op", role="operator", room=SMALL)
    line = complaint("rooms", BIG, "--admin-key", operator, code=1, variables=here)
    assert "other rooms" in line
    public = ("--url", f"http://{HOST}:{server.port}")
    assert "is no admin listener" in complaint("rooms", *public, code=1)
    tls = ("--url", f"https://{HOST}:{server.admin_port}")
    assert "(TLS: " in complaint("rooms", *tls, code=1)
    here = surroundings(server)
    for strange in ("a b", "\udcff"):
        assert "1-128 characters" in complaint("rooms", strange, code=1, variables=here)
    assert "1-128 bytes" in complaint("rooms", "--user", "\udcff", code=1, variables=here)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("--url", "nonsense"), "--url is"),
        (("--url", "http://me:secret@127.0.0.1"), "--url is"),
        (("--admin-key", "a\nb"), "control character"),
        (("a-room", "--user", "ann"), "don't go together"),
        (("--limit", "0"), "--limit"),
        (("--sort", "age"), "--sort"),
        (("--config", "/nonexistent"), "no such file"),
    ],
)
def test_a_wrong_call_is_refused(flags: tuple[str, ...], says: str) -> None:
    line = complaint("rooms", *flags, code=2)
    assert says in line
    assert "secret" not in line


def test_a_port_that_the_server_chose_has_to_be_said() -> None:
    assert "--url" in complaint("rooms", code=2, variables=KEYS | {"PRESENCE_ADMIN_PORT": "0"})
