"""`presence-server check`: what it finds, what it says to do, and how it ends."""

import datetime
import json
import socket
from ipaddress import ip_network
from pathlib import Path

import pytest

from presence_server.commands.checks import exposure, limits
from presence_server.commands.checks.finding import Finding, Subject
from presence_server.settings import Settings
from tests.commands.program import KEYS, call, printed, run
from tests.support.certificates import DAY, Authority
from tests.support.endpoint import Endpoint
from tests.support.issuer import SigningKey, as_bytes, key_set
from tests.support.peer import HOST
from tests.support.server import ADMIN_KEY, SECRET, Server, free_port

ANYWHERE = ("check", "--port", "0", "--admin-port", "0")
GOOD = KEYS | {"PRESENCE_ALLOWED_ORIGINS": "https://app.example", "PRESENCE_MAX_CONNECTIONS": "300"}

Found = dict[str, list[tuple[str, str]]]


def look(*flags: str, code: int, variables: dict[str, str] = GOOD) -> Found:
    """Level and text of all findings, by what they are about."""
    ran = call(*ANYWHERE, *flags, "--json", variables=variables)
    assert (ran.code, ran.stderr) == (code, ""), ran
    assert SECRET not in ran.stdout
    assert ADMIN_KEY not in ran.stdout
    found: Found = {}
    for one in json.loads(ran.stdout)["findings"]:
        assert (one["hint"] is None) == (one["level"] == "ok"), (
            "what to do is said where it matters"
        )
        text = f"{one['says']} – {one['hint']}"
        found.setdefault(one["about"], []).append((one["level"], text))
    return found


def test_all_is_well() -> None:
    found = look(code=0)
    assert {level for findings in found.values() for level, _ in findings} == {"ok"}
    assert "1 key (HS256)" in found["jwt_secret"][0][1]
    ran = run(*ANYWHERE, variables=GOOD)
    assert (ran.code, ran.stderr) == (0, "")
    assert all(line.startswith("ok ") for line in ran.stdout.splitlines())


def test_every_setting_that_is_wrong_is_named_at_once(tmp_path: Path) -> None:
    file = tmp_path / "presence.toml"
    file.write_text("prot = 1\nburst = 0\n")
    flags = ("--port", "x", "--config", str(file), "--admin-key", "short", "--tls-cert", "c.pem")
    found = look(*flags, code=2, variables=GOOD | {"PRESENCE_ZZZ": "1", "PRESENCE_RATE": "0"})
    assert set(found) == {"settings"}
    said = "\n".join(text for _, text in found["settings"])
    for part in (
        "--port: ",
        "unknown setting prot (did you mean port?)",
        f"{file}: burst: ",
        "PRESENCE_ZZZ",
        "PRESENCE_RATE: ",
        "PRESENCE_ADMIN_KEY needs",
        "PRESENCE_TLS_KEY",
    ):
        assert part in said
    assert "short" not in said


# Addresses


def test_a_port_is_taken_by_another_program_or_by_a_server_of_ours() -> None:
    with socket.socket() as taken, Server() as server:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        found = look("--port", str(port), "--admin-port", str(server.admin_port), code=1)
        assert found["clients"][0][0] == "failed"
        assert "another program" in found["clients"][0][1]
        assert "--port" in found["clients"][0][1]
        assert found["admin"][0][0] == "warning"
        assert "a presence server" in found["admin"][0][1]
        assert "--admin-port" in found["admin"][0][1]
        found = look("--port", str(server.port), code=0)
        assert "a presence server" in found["clients"][0][1]


def test_an_address_that_cannot_be_had_is_named() -> None:
    assert "no address of this machine" in look("--host", "192.0.2.1", code=1)["clients"][0][1]
    port = str(free_port())
    [(level, says)] = look("--port", port, "--admin-port", port, code=1)["ports"]
    assert level == "failed"
    assert "--admin-port" in says


# Keys


def test_each_source_of_keys_is_read_and_what_is_wrong_with_it_said(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    secrets.write_text(f"{SECRET}\n{SECRET}x\n")
    secrets.chmod(0o640)
    found = look("--jwt-key-file", str(secrets), code=0)
    assert found["jwt_key_file"] == [("ok", "2 keys (HS256) – None")]
    secrets.chmod(0o644)
    levels = [level for level, _ in look("--jwt-key-file", str(secrets), code=0)["jwt_key_file"]]
    assert levels == ["ok", "warning"]
    found = look("--jwt-key-file", "/nonexistent", "--jwt-public-key", "x", code=1)
    assert found["jwt_key_file"][0][0] == found["jwt_public_key"][0][0] == "failed"
    assert found["jwt_secret"][0][0] == "ok"
    assert "PRESENCE_JWT_SECRET" in look(code=1, variables={})["keys"][0][1]
    secrets.write_text("".join(f"{SECRET}{number}\n" for number in range(32)))
    assert "at most 32" in look("--jwt-key-file", str(secrets), code=1)["keys"][0][1]


def test_a_secret_that_was_typed_or_lies_open_is_a_warning(tmp_path: Path) -> None:
    found = look("--jwt-secret", "abc" * 20, code=0)
    assert "3 different characters" in found["jwt_secret"][1][1]
    assert "--jwt-secret" in found["secrets"][0][1]
    file = tmp_path / "presence.toml"
    file.write_text(f'jwt_secret = "{SECRET}"\n')
    assert "chmod" in look("--config", str(file), code=0, variables={})["secrets"][0][1]


def test_the_issuers_keys_are_fetched_as_the_server_does() -> None:
    keys = as_bytes(key_set(SigningKey("a"), SigningKey("b")))
    with Endpoint(lambda request: request.reply(keys)) as endpoint:
        found = look("--jwks-url", endpoint.url, code=0)
    assert found["jwks_url"] == [("ok", "2 usable keys (ES256) – None")]
    assert "PRESENCE_JWT_AUDIENCE" in found["audience"][0][1]
    found = look("--jwks-url", f"http://{HOST}:{free_port()}/keys", code=1)
    assert found["jwks_url"][0][0] == "failed"
    assert "--jwks-url" in found["jwks_url"][0][1]


# Certificate


def test_a_certificate_is_told_with_its_names_and_days(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    cert, key = authority.issue(valid=100 * DAY)
    key.chmod(0o600)
    flags = ("--tls-cert", str(cert), "--tls-key", str(key))
    [(level, says)] = look(*flags, code=0)["tls_cert"]
    assert level == "ok"
    assert "localhost, 127.0.0.1" in says
    assert "in 99 days" in says
    key.chmod(0o644)
    assert "chmod" in look(*flags, code=0)["tls_key"][0][1]


def test_a_certificate_that_ends_has_ended_or_has_another_key(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    cert, key = authority.issue("soon", 3 * DAY)
    key.chmod(0o600)
    [(level, says)] = look("--tls-cert", str(cert), "--tls-key", str(key), code=0)["tls_cert"]
    assert (level, "in 2 days" in says) == ("warning", True)
    over, _ = authority.issue("over", datetime.timedelta(minutes=-1))
    assert "ended" in look("--tls-cert", str(over), "--tls-key", str(key), code=1)["tls_cert"][0][1]
    _, other = authority.issue("other")
    found = look("--tls-cert", str(cert), "--tls-key", str(other), code=1)
    assert "not the key" in found["tls_key"][0][1]


# Who may come, and whom it believes


def open_to(**given: object) -> dict[str, Finding]:
    """What is said of who can get at what, by what it is about; nobody listens anywhere."""
    settings = Settings.model_construct(**given)  # type: ignore[arg-type] # by name
    return {one.about: one for one in exposure.check(Subject(settings, given))}


def test_an_admin_listener_that_others_can_reach_is_a_warning() -> None:
    assert "admin" not in open_to(admin_host="::1")
    found = open_to(admin_host="192.0.2.7")["admin"]
    assert found.level == "warning"
    assert "--admin-host" in found.hint


@pytest.mark.parametrize(
    ("given", "level", "says"),
    [
        ({"trusted_proxies": [ip_network("0.0.0.0/0")]}, "warning", "any address"),
        ({"trusted_proxies": [ip_network("127.0.0.1")], "address_attempts": 9}, "ok", "127.0.0.1"),
        ({"address_attempts": 9}, "warning", "proxy in front of this host"),
        ({"address_connections": 9, "host": "192.0.2.7"}, "warning", "connect directly"),
        ({"host": "192.0.2.7"}, "ok", "no address is limited"),
    ],
)
def test_limits_by_address_need_to_know_the_proxy(
    given: dict[str, object], level: str, says: str
) -> None:
    found = open_to(**given)["proxies"]
    assert (found.level, says in found.says) == (level, True), found


def test_what_is_open_by_default_is_a_warning() -> None:
    found = look(code=0, variables={"PRESENCE_JWT_SECRET": SECRET})
    assert found["origins"][0][0] == found["admin_key"][0][0] == "warning"
    assert "PRESENCE_ALLOWED_ORIGINS" in found["origins"][0][1]
    assert "PRESENCE_ADMIN_KEY" in found["admin_key"][0][1]


def test_tokens_in_clear_text_are_a_warning_unless_a_proxy_is_named() -> None:
    [(level, says)] = look("--host", "0.0.0.0", code=0)["tls"]  # noqa: S104 - that is the point
    assert level == "warning"
    assert "plain HTTP" in says
    assert "PRESENCE_TLS_CERT" in says
    behind = look("--host", "0.0.0.0", "--trusted-proxies", "10.0.0.7", code=0)  # noqa: S104
    assert "tls" not in behind


# Limits and times


def test_more_connections_than_descriptors_are_a_warning_with_the_number_needed() -> None:
    [(level, says)] = look("--max-connections", "100000000", code=0)["descriptors"]
    assert level == "warning"
    assert "111111212" in says
    assert "--max-connections" in says


def of_kernel(folder: Path, **given: object) -> dict[str, Finding]:
    """What the kernel's settings in a folder are said to be, by what they are about."""
    settings = Settings.model_construct(**given)  # type: ignore[arg-type] # by name
    return {one.about: one for one in limits.check(Subject(settings, given), folder)}


def test_what_the_kernel_allows_is_compared(tmp_path: Path) -> None:
    for name, content in {
        "core/somaxconn": "128\n",
        "netfilter/nf_conntrack_max": "65536\n",
        "ipv4/ip_local_port_range": "32768\t60999\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    found = of_kernel(tmp_path, max_connections=50_000)
    assert found["somaxconn"].hint == "sysctl -w net.core.somaxconn=4096"
    assert "nf_conntrack_max=100000" in found["conntrack"].hint
    assert "28,232" in found["local ports"].says
    few = of_kernel(tmp_path, max_connections=1_000)
    assert not {"conntrack", "local ports"} & set(few)
    assert "somaxconn" not in of_kernel(tmp_path / "none")


def test_limits_and_times_that_do_not_go_together_are_warnings() -> None:
    flags = ("--room-size", "99", "--room-connections", "9", "--ping-interval", "60")
    found = look(*flags, "--drain-seconds", "30", code=0)
    assert found["limits"][0][0] == found["ping"][0][0] == found["stop"][0][0] == "warning"
    assert "docker stop (10 s), Kubernetes (30 s) kill" in found["stop"][0][1]
    assert "--drain-seconds" in found["stop"][0][1]


# The webhook


def test_a_webhook_is_connected_to_and_told_nothing() -> None:
    secret = ("--webhook-secret", "w" * 32)
    with socket.socket() as target:
        target.bind((HOST, 0))
        target.listen()
        url = f"http://{HOST}:{target.getsockname()[1]}/hook"
        found = look("--webhook-url", url, *secret, code=0)
        assert found["webhook_url"][0][0] == "ok"
        connection, _ = target.accept()
        with connection:
            assert connection.recv(1) == b""
    assert look("--webhook-url", url, *secret, code=0)["webhook_url"][0][0] == "warning"
    found = look("--webhook-url", url, "--webhook-secret", "whsec_" + "%" * 32, code=1)
    assert "--webhook-secret" in found["webhook_secret"][0][1]


# On a terminal


@pytest.mark.parametrize("columns", [80, 140])
def test_on_a_terminal_each_finding_has_what_to_do_below_it(columns: int) -> None:
    lines = printed(*ANYWHERE, "--ping-interval", "60", columns=columns, variables=GOOD)
    at = next(number for number, line in enumerate(lines) if line.startswith("warning  ping"))
    start = lines[at].index("a ping")
    assert any(line[start:].startswith("→ set --ping-interval") for line in lines[at + 1 : at + 3])
    assert lines[-1] == "0 failed, 1 warning"


def test_where_history_goes_is_looked_at(tmp_path: Path) -> None:
    file = tmp_path / "presence.db"
    there = look(code=0, variables=GOOD | {"PRESENCE_HISTORY": f"sqlite:///{file}"})
    assert there["history"] == [("ok", f"goes to {file} – None")]
    assert not file.exists()
    nowhere = look(code=1, variables=GOOD | {"PRESENCE_HISTORY": f"sqlite:///{tmp_path}/no/x.db"})
    [(level, says)] = nowhere["history"]
    assert (level, "is no directory" in says) == ("failed", True)
    file.mkdir()
    folder = look(code=1, variables=GOOD | {"PRESENCE_HISTORY": f"sqlite:///{file}"})
    assert "is no file" in folder["history"][0][1]


def test_a_postgresql_that_does_not_answer_is_found_and_no_password_is_told() -> None:
    address = f"postgresql://presence:hush-hush@{HOST}:{free_port()}/presence"
    [(level, says)] = look(code=1, variables=GOOD | {"PRESENCE_HISTORY": address})["history"]
    assert (level, "can't be reached" in says) == ("failed", True)
    assert "hush" not in says
