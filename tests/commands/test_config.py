"""`presence-server config`: every setting, its value, and where that came from."""

import json
from pathlib import Path

import pytest

from presence_server.settings import Settings
from tests.commands.program import GROUP, KEYS, ORDINARY, call, complaint, printed, run
from tests.support.server import ADMIN_KEY, SECRET

FLAGS = ("config", "--rate", "7")


def test_every_setting_has_a_line_with_its_value_and_where_it_came_from(tmp_path: Path) -> None:
    file = tmp_path / "presence.toml"
    file.write_text("rate = 1\nburst = 8\nping_interval = 9.5\n")
    variables = KEYS | {"PRESENCE_CONFIG": str(file), "PRESENCE_BURST": "9"}
    ran = run(*FLAGS, variables=variables)
    assert (ran.code, ran.stderr) == (0, "")
    titles, *rows = ran.rows
    assert titles == ["setting", "value", "source"]
    assert [row[0] for row in rows] == [*Settings.model_fields]
    found = {name: (value, source) for name, value, source in rows}
    assert found["rate"] == ("7", "--rate")
    assert found["burst"] == ("9", "PRESENCE_BURST")
    assert found["ping_interval"] == ("9.5", str(file))
    assert found["pong_timeout"] == ("15", "default")
    assert found["compression"] == ("false", "default")
    assert found["allowed_origins"] == ("*", "default")
    assert found["jwks_url"] == ("", "default")
    changed = [row[0] for row in call(*FLAGS, "--changed", variables=variables).rows[1:]]
    assert changed == ["config", "admin_key", "jwt_secret", "ping_interval", "rate", "burst"]


def test_nothing_of_a_secret_is_shown_but_its_size() -> None:
    flags = (
        *("config", "--changed", "--jwks-url", "https://me:hunter2@issuer.example/keys?api_key=k9"),
        *("--webhook-url", "https://app.example/hook?token=t9", "--webhook-secret", "w" * 24),
        *("--jwt-public-key", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"),
    )
    for more in ((), ("--json",)):
        ran = call(*flags, *more)
        assert ran.code == 0
        for secret in (SECRET[:4], ADMIN_KEY[:8], "hunter2", "k9", "t9", "wwww", "AAAA"):
            assert secret not in ran.stdout
    found = {row[0]: row[1] for row in call(*flags).rows}
    assert found["jwt_secret"] == "set (50 bytes)"
    assert found["webhook_secret"] == "set (24 bytes)"
    assert found["jwks_url"] == "https://***@issuer.example/keys?***"


def test_what_only_looks_like_an_address_is_not_shown() -> None:
    ran = call("config", "--jwt-issuer", "http://me:hunter2@[")
    assert ran.code == 0
    assert ["jwt_issuer", "set (19 bytes)", "--jwt-issuer"] in ran.rows


def test_json_has_values_as_they_are() -> None:
    flags = ("--trusted-proxies", "10.0.0.0/8,::1", "--compression", "--room-size", "5")
    listed = json.loads(call("config", *flags, "--json").stdout)
    found = {one["setting"]: one for one in listed}
    assert list(found) == [*Settings.model_fields]
    assert found["room_size"]["value"] == 5
    assert found["compression"]["value"] is True
    assert found["trusted_proxies"]["value"] == ["10.0.0.0/8", "::1/128"]
    assert found["webhook_url"]["value"] is None
    assert found["admin_key"] == {
        "setting": "admin_key",
        "value": "set (22 bytes)",
        "source": "PRESENCE_ADMIN_KEY",
        "secret": True,
    }


@pytest.mark.parametrize("columns", [80, 140])
def test_on_a_terminal_it_has_headings_and_loses_no_character(columns: int) -> None:
    url = "https://issuer.example/" + "a-long-way-" * 12
    lines = printed("config", "--jwks-url", url, columns=columns)
    assert lines[0].split() == ["setting", "value", "source"]
    assert "Who may come in" in lines
    start = lines[0].index("value")
    row = next(at for at, line in enumerate(lines) if line.startswith("  jwks_url "))
    shown = "".join(line[start:].split("  ")[0].strip() for line in lines[row : row + 5])
    assert url in shown
    assert any(line.split()[:2] == ["rate", "100"] for line in lines)


@pytest.mark.parametrize("columns", [80, 140])
def test_on_a_terminal_the_path_of_the_file_stands_once_above(tmp_path: Path, columns: int) -> None:
    folder = tmp_path / ("a-long-way-" * 5)
    folder.mkdir()
    file = folder / "presence.toml"
    file.write_text("rate = 1\nburst = 8\n")
    variables = KEYS | {"PRESENCE_CONFIG": str(file), "PRESENCE_BURST": "9"}
    lines = printed("config", "--changed", columns=columns, variables=variables)
    blank = lines.index("")
    assert "".join(lines[:blank]).replace(" ", "") == f"file:{file}"
    assert lines[blank + 1].split() == ["setting", "value", "source"]
    rows = {words[0]: words for words in map(str.split, lines[blank + 2 :]) if words}
    assert rows["rate"] == ["rate", "1", "file"]
    assert rows["burst"] == ["burst", "9", "PRESENCE_BURST"]


def test_a_file_that_this_user_may_not_read_is_named_with_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "etc" / "presence.toml"
    file.parent.mkdir()
    file.touch()
    says = f"config: {file}: permission denied: use sudo, or join the group {GROUP}"
    for closed, was, mode in ((file, 0o644, 0o040), (file.parent, 0o755, 0o050)):
        closed.chmod(mode)
        ran = run("config", "--config", str(file), under=ORDINARY)
        closed.chmod(was)
        assert (ran.code, ran.stdout, ran.stderr) == (2, "", f"presence-server: {says}\n")


def test_settings_that_are_wrong_are_refused() -> None:
    assert "--port: " in complaint("config", "--port", "x", code=2)
