"""SIGHUP: keys and settings are read again while everybody stays."""

import re
import signal
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support.peer import Peer, pump
from tests.support.server import ADMIN_KEY, ROOM, SECRET, Server, address, eventually, get, token

OTHER = "another-secret-for-tests,-of-fifty-bytes,-no-less"
REFUSED = (4401, "token_invalid")
READ = "settings read again"
AS_BEFORE = 'settings stay as they were  reason="'


def reload(server: Server, result: str = "ok") -> str:
    """Send SIGHUP and wait for what comes of it; what the log says of it."""
    lines = len(said(server))
    times = server.metric("presence_reloads_total", result=result)
    server.process.send_signal(signal.SIGHUP)
    eventually(lambda: server.metric("presence_reloads_total", result=result) == times + 1)
    eventually(lambda: len(said(server)) == lines + 1)
    return said(server)[-1]


def said(server: Server) -> list[str]:
    """What the log says of settings."""
    return re.findall(r"settings (?:read|stay) .*", server.stderr)


def closed(server: Server, key: Any, **claims: Any) -> tuple[int, str] | None:
    """How a dial with a token of `key` ends; None if it gets in."""
    peer = server.join("ann", "probe", key=key, **claims)
    pump([peer], lambda: peer.closed or peer.users)
    peer.drop()
    return peer.closed


def talk(speaker: Peer, listener: Peer, path: str) -> None:
    """See that traffic between two goes on."""
    speaker.update(path)
    pump([speaker, listener], lambda: listener.sees("speaker", path))


def write_pem(file: Path, *keys: ed25519.Ed25519PrivateKey) -> None:
    kind = PublicFormat.SubjectPublicKeyInfo
    file.write_bytes(b"".join(k.public_key().public_bytes(Encoding.PEM, kind) for k in keys))


def test_keys_in_a_file_are_rotated_without_a_refusal(tmp_path: Path) -> None:
    old, new = (ed25519.Ed25519PrivateKey.generate() for _ in range(2))
    file = tmp_path / "keys.pem"
    write_pem(file, old)
    with Server(variables={"PRESENCE_JWT_KEY_FILE": str(file)}) as server:
        speaker = server.enter("speaker", key=old, alg="EdDSA")
        listener = server.enter("listener", key=old, alg="EdDSA")
        assert closed(server, new, alg="EdDSA") == REFUSED
        write_pem(file, old, new)
        assert reload(server).startswith(READ)
        assert closed(server, old, alg="EdDSA") is None
        assert closed(server, new, alg="EdDSA") is None
        assert server.metric("presence_keys") == 2
        write_pem(file, new)
        assert reload(server).startswith(READ)
        assert closed(server, old, alg="EdDSA") == REFUSED
        assert closed(server, new, alg="EdDSA") is None
        talk(speaker, listener, "/signed-with-a-key-that-is-gone")
        speaker.send({"type": "token_refresh", "token": token("speaker", key=old, alg="EdDSA")})
        pump([speaker], lambda: speaker.errors() == ["token_invalid"])
        speaker.send({"type": "token_refresh", "token": token("speaker", key=new, alg="EdDSA")})
        pump([speaker], lambda: "token_refreshed" in speaker.types())


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"short", "32 bytes"),
        (b"", "empty"),
        (b'{"keys": []}', "empty"),
        (b"-----BEGIN PUBLIC KEY-----\nnonsense\n-----END PUBLIC KEY-----\n", "PEM"),
        (None, "no such file"),
    ],
)
def test_a_key_file_that_is_no_good_changes_nothing(
    tmp_path: Path, content: bytes | None, says: str
) -> None:
    file, config = tmp_path / "keys", tmp_path / "presence.toml"
    file.write_text(SECRET)
    config.write_text(f"jwt_key_file = '{file}'\n")
    with Server("--config", str(config), variables={}) as server:
        speaker, listener = server.enter("speaker"), server.enter("listener")
        config.write_text(f"jwt_key_file = '{file}'\nroom_size = 1\n")
        if content is None:
            file.unlink()
        else:
            file.write_bytes(content)
        line = reload(server, "failed")
        assert line.startswith(AS_BEFORE + "jwt_key_file: ")
        assert says in line
        assert closed(server, SECRET) is None, "neither the keys nor the limits have changed"
        talk(speaker, listener, "/as-before")
        file.write_text(f"{SECRET}\n{OTHER}\n")
        assert reload(server).startswith(READ)
        assert closed(server, OTHER) == (4429, "room is full")


def test_settings_change_for_those_who_come_and_nobody_is_dropped(tmp_path: Path) -> None:
    config = tmp_path / "presence.toml"
    config.write_text(f'jwt_secret = "{SECRET}"\nping_interval = 31\nadmin_key = "{ADMIN_KEY}"\n')
    with Server("--config", str(config), "--leave-grace", "0", variables={}) as server:
        speaker, listener = server.enter("speaker"), server.enter("listener")
        assert speaker.messages[0]["pingInterval"] == 31_000
        config.write_text(
            f'jwt_secret = "{OTHER}"\nping_interval = 32\nroom_size = 3\nleave_grace = 600\n'
            'allowed_origins = "https://a.example"\njwt_audience = "presence"\n'
            f'admin_key = "{ADMIN_KEY}, the next"\n'
        )
        assert reload(server).startswith(READ)
        talk(speaker, listener, "/still-here")
        target = address(token=token("carol", key=OTHER, aud="presence"))
        carol = server.dial(target)
        pump([carol], lambda: carol.users)
        assert carol.messages[0]["pingInterval"] == 32_000
        assert closed(server, OTHER) == REFUSED, "without the audience"
        assert closed(server, OTHER, aud="presence") == (4429, "room is full")
        stranger = server.dial(target, headers={"Origin": "https://b.example"})
        pump([stranger], lambda: stranger.closed)
        assert stranger.closed == (4403, "origin is not allowed")
        assert server.admin("/v1/rooms", ADMIN_KEY).status == 401
        assert server.admin("/v1/rooms", ADMIN_KEY + ", the next").status == 200
        listener.drop()
        pump([speaker], lambda: speaker.left() == [("listener", "timeout")])  # flags win


def test_what_needs_a_restart_is_named_and_the_rest_counts(tmp_path: Path) -> None:
    config = tmp_path / "presence.toml"
    start = f'jwt_secret = "{SECRET}"\nhost = "127.0.0.1"\nlog_level = "warning"\n'
    config.write_text(start)
    with Server("--config", str(config), variables={}) as server:
        config.write_text(
            start.replace("127.0.0.1", "127.0.0.2")
            + f'room_size = 1\nwebhook_url = "http://127.0.0.1:9/"\nwebhook_secret = "{OTHER}"\n'
        )
        needs = 'restart_needed_for="host, webhook_url, webhook_secret"'
        assert reload(server) == f"{READ}  keys=1 {needs}"
        assert f"warning {READ}" in server.stderr
        assert "info " not in server.stderr, "it is told whatever is not"
        server.enter("ann")
        assert closed(server, SECRET, sub="bob") == (4429, "room is full")


@pytest.mark.parametrize(
    ("toml", "says"),
    [("rom_size = 1\n", "unknown setting rom_size"), ("room_size = 0\n", "room_size"), ("=", "")],
)
def test_a_settings_file_that_is_no_good_changes_nothing(
    tmp_path: Path, toml: str, says: str
) -> None:
    config = tmp_path / "presence.toml"
    config.write_text(f'jwt_secret = "{SECRET}"\n')
    with Server("--config", str(config), variables={}) as server:
        config.write_text(f'jwt_secret = "{OTHER}"\n{toml}')
        line = reload(server, "failed")
        assert line.startswith(AS_BEFORE)
        assert says in line
        assert OTHER not in line
        assert closed(server, SECRET) is None
        assert closed(server, OTHER) == REFUSED


def test_without_any_file_it_changes_nothing_and_nobody_notices() -> None:
    with Server() as server:
        speaker, listener = server.enter("speaker"), server.enter("listener")
        for _ in range(3):
            assert reload(server).startswith(READ)
        assert server.stderr.count(f"info    {READ}") == 3
        talk(speaker, listener, "/still-here")
        assert closed(server, SECRET) is None


def test_the_demo_ends_with_its_terminal() -> None:
    with Server(command="demo") as server:
        given = get(server.port, "/demo/token?user=ann").json()["token"]
        ann = server.dial(address("presence-demo", token=given))
        pump([ann], lambda: ann.users)
        server.process.send_signal(signal.SIGHUP)
        pump([ann], lambda: ann.closed)
        assert ann.closed == (1012, "server is restarting")
        assert server.wait() == 0


def test_the_demo_takes_no_key_of_the_settings() -> None:
    with Server(command="demo", variables={"PRESENCE_JWT_SECRET": SECRET}) as server:
        forged = jwt.encode({"sub": "m", "room": ROOM, "exp": 4_000_000_000}, SECRET, "HS256")
        mallory = server.dial(address(token=forged))
        pump([mallory], lambda: mallory.closed)
        assert mallory.closed == REFUSED
