"""The program from outside: exit codes, one line for each refusal, no secret in any output."""

import re
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from presence_server import __version__
from presence_server.settings import Settings
from tests.commands.program import KEYS, ORDINARY, run
from tests.support.peer import HOST, pump
from tests.support.server import (
    ADMIN_KEY,
    PROGRAM,
    ROOM,
    SECRET,
    STOP_S,
    Server,
    address,
    environment,
    eventually,
    free_port,
    get,
)

ANYWHERE = ("--port", "0", "--admin-port", "0")


def refusal(*arguments: str, variables: Mapping[str, str] = KEYS, code: int = 2) -> str:
    """The one line on stderr of a command that is refused."""
    ran = run(*arguments, variables=variables)
    assert ran.code == code, ran
    assert ran.stdout == ""
    assert ran.stderr.startswith("presence-server")
    assert ran.stderr.endswith("\n")
    assert ran.stderr.count("\n") == 1
    for secret in (SECRET, ADMIN_KEY):
        assert secret not in ran.stderr
    return ran.stderr


def public_pem() -> str:
    """An RSA public key as anybody may have it."""
    key = rsa.generate_private_key(65_537, 2048).public_key()
    kind = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(serialization.Encoding.PEM, kind).decode()


# Called wrongly


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("fly",), "'fly'"),
        (("serve", "--nonsense"), "--nonsense"),
        (("serve", "--por", "0"), "--por"),
        (("serve", "extra"), "extra"),
        (("serve", "--port", "x"), "port"),
        (("serve", "--config", "/nonexistent.toml"), "/nonexistent.toml"),
        (("serve", "--admin-key", "short"), "PRESENCE_ADMIN_KEY"),
        (("demo", "--port", "-1"), "port"),
        (("token",), "--user"),
        (("token", "--user", "ann", "--room", ROOM, "--role", "owner"), "--role"),
    ],
)
def test_a_wrong_call_is_refused_in_one_line(arguments: tuple[str, ...], says: str) -> None:
    assert says in refusal(*arguments)


def test_without_a_command_it_lists_them() -> None:
    ran = run()
    assert (ran.code, ran.stdout) == (2, "")
    assert "Commands:" in ran.stderr


def test_a_misspelt_variable_is_refused_with_a_hint() -> None:
    line = refusal("serve", variables=KEYS | {"PRESENCE_PORTS": "1"})
    assert "PRESENCE_PORTS" in line
    assert "did you mean PRESENCE_PORT?" in line


@pytest.mark.parametrize(
    ("toml", "says"), [("prot = 1\n", "prot"), ("port = = 1\n", "line 1"), ("port = -1\n", "port")]
)
def test_a_bad_settings_file_is_refused_in_one_line(tmp_path: Path, toml: str, says: str) -> None:
    file = tmp_path / "presence.toml"
    file.write_text(toml)
    assert says in refusal("serve", "--config", str(file))


def test_it_does_not_start_without_a_safe_key() -> None:
    assert "PRESENCE_JWT_SECRET" in refusal("serve", variables={})
    assert "32 bytes" in refusal("serve", variables={"PRESENCE_JWT_SECRET": "short"})
    assert "no secret" in refusal("token", "--user", "ann", "--room", ROOM, variables={})
    pem = public_pem()
    for command in (("serve",), ("token", "--user", "ann", "--room", ROOM)):
        line = refusal(*command, variables={"PRESENCE_JWT_SECRET": pem})
        assert "PEM" in line
        assert pem.splitlines()[1] not in line
    assert "PEM" in refusal("serve", variables={"PRESENCE_JWT_PUBLIC_KEY": "nonsense"})


def test_a_port_in_use_ends_it_with_one_and_says_which() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        line = refusal("serve", "--port", port, "--admin-port", "0", code=1)
        assert port in line
        assert "see --port" in line
        line = refusal("serve", "--port", "0", "--admin-port", port, code=1)
        assert port in line


def test_a_low_port_that_an_ordinary_user_may_not_have_says_what_to_grant() -> None:
    ran = run("serve", "--port", "1", "--admin-port", "0", under=ORDINARY)
    assert ran.code == 1
    assert f"{HOST}:1: Permission denied (take a port from 1024, or grant" in ran.stderr
    assert "CAP_NET_BIND_SERVICE" in ran.stderr


# Called rightly


def test_help_and_version() -> None:
    assert run("--version", variables={}) == (0, f"presence-server {__version__}\n", "")
    overview = run("--help", variables={})
    assert (overview.code, overview.stderr) == (0, "")
    for command in ("serve", "token", "demo"):
        assert re.search(rf"^ +{command} ", overview.stdout, re.MULTILINE)
    helped = run("serve", "--help")
    assert (helped.code, helped.stderr) == (0, "")
    for name in Settings.model_fields:
        assert f"--{name.replace('_', '-')} " in helped.stdout
    assert SECRET not in helped.stdout
    assert ADMIN_KEY not in helped.stdout


def test_port_zero_takes_a_free_one_and_says_which() -> None:
    with Server() as server, Server() as other:
        ports = {server.port, server.admin_port, other.port, other.admin_port}
        assert len(ports) == 4
        assert 0 not in ports
        assert get(server.port, "/healthz").status == 200
        assert server.admin("/healthz").status == 200


def test_it_serves_though_nobody_reads_where_it_listens() -> None:
    ports = free_port(), free_port()
    given = ("--port", str(ports[0]), "--admin-port", str(ports[1]))
    server = subprocess.Popen(
        [PROGRAM, "serve", *given], env=environment(KEYS), stdout=subprocess.PIPE
    )
    try:
        assert server.stdout is not None
        server.stdout.close()
        eventually(lambda: answers(ports[0]))
        assert server.poll() is None
        server.terminate()
        assert server.wait(STOP_S) == 0
    finally:
        server.kill()
        server.wait(STOP_S)


@pytest.mark.parametrize("closed", ["0<&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_it_serves_and_ends_though_its_standard_streams_are_closed(closed: str) -> None:
    ports = free_port(), free_port()
    command = f"exec {PROGRAM} serve --port {ports[0]} --admin-port {ports[1]} {closed}"
    server = subprocess.Popen(["/bin/sh", "-c", command], env=environment(KEYS))
    try:
        eventually(lambda: answers(ports[0]))
        server.terminate()
        assert server.wait(STOP_S) == 0
    finally:
        server.kill()
        server.wait(STOP_S)


def answers(port: int) -> bool:
    """Whether a server is there."""
    try:
        return get(port, "/healthz").status == 200
    except OSError:
        return False


def test_a_flag_wins_over_the_environment_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "presence.toml"
    file.write_text(f'jwt_secret = "{SECRET}"\nping_interval = 31\nroom_size = 1\n')
    variables = {"PRESENCE_PING_INTERVAL": "32", "PRESENCE_CONFIG": str(file)}
    with Server("--ping-interval", "33", variables=variables) as server:
        ann = server.enter("ann")
        assert ann.messages[0]["pingInterval"] == 33_000
        bob = server.join("bob")
        pump([bob], lambda: bob.closed)
        assert bob.closed == (4429, "room is full")
    with Server(variables=variables) as server:
        assert server.enter("ann").messages[0]["pingInterval"] == 32_000


def test_a_printed_token_opens_the_door() -> None:
    printed = run(
        *("token", "--user", "ann", "--room", "presence-*", "--name", "Ann Ä", "--role", "viewer"),
        *("--picture", "https://example.com/a.png", "--ttl", "60"),
    )
    assert (printed.code, printed.stderr) == (0, "")
    assert printed.stdout.count("\n") == 1
    watching = run("token", "--user", "eye", "--room", ROOM, "--observe", "--jwt-secret", SECRET)
    with Server() as server:
        ann = server.dial(address(token=printed.stdout.strip()))
        eye = server.dial(address(token=watching.stdout.strip()))
        pump([ann, eye], lambda: ann.users and eye.users)
        entry = ann.users["ann"]
        assert (entry["userName"], entry["role"]) == ("Ann Ä", "viewer")
        assert entry["userImage"] == "https://example.com/a.png"
        assert 0 < ann.messages[0]["expiresIn"] <= 60_000
        assert eye.messages[0]["observe"] is True
        assert set(eye.users) == {"ann"}


def test_the_demo_gives_a_token_to_anybody_and_needs_no_settings() -> None:
    with Server(command="demo", variables={}) as server:
        page = get(server.port, "/")
        assert page.status == 200
        assert page.headers["Content-Type"].startswith("text/html")
        given = get(server.port, "/demo/token?user=ann&name=Ann").json()["token"]
        ann = server.dial(address("presence-demo", token=given))
        pump([ann], lambda: ann.users)
        assert ann.users["ann"]["userName"] == "Ann"
        assert get(server.port, "/demo/token").status == 400


def test_a_server_gives_no_demo_token() -> None:
    with Server() as server:
        assert get(server.port, "/demo/token?user=ann").status == 404
        assert get(server.port, "/").status == 404


@pytest.mark.parametrize(
    "values",
    [
        ("--user", "", "--room", "presence-acme"),
        ("--user", "ann", "--room", "a b*"),
        ("--user", "ann", "--room", "presence-acme", "--ttl", "-60"),
        ("--user", "ann", "--room", "presence-acme", "--ttl", "99999999999999"),
    ],
    ids=["no user", "a bad room", "expired", "beyond all time"],
)
def test_a_token_that_a_server_would_refuse_is_not_printed(values: tuple[str, ...]) -> None:
    assert "would refuse this token" in refusal("token", *values)
