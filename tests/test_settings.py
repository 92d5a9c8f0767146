"""Settings: where they come from, which of them wins, and what is refused in one line."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from presence_server.flags import SettingsCommand
from presence_server.settings import Settings, SettingsRefused
from presence_server.sources import explain, faults, load

SECRET = "a secret of at least thirty-two bytes"


class Source:
    """Loads settings as the command line does. Variables last until the end of the test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self._monkeypatch = monkeypatch
        self._folder = folder
        for name in [name for name in os.environ if name.startswith("PRESENCE_")]:
            monkeypatch.delenv(name)

    def load(
        self, *flags: str, variables: Mapping[str, str] | None = None, toml: str | None = None
    ) -> Settings:
        """The settings, or `SettingsRefused`."""
        for name, value in (variables or {}).items():
            self._monkeypatch.setenv(name, value)
        if toml is not None:
            flags += ("--config", str(self.write(toml)))
        command = SettingsCommand("serve", callback=lambda **given: given)
        given = command.main([*flags], standalone_mode=False)
        return load(given)

    def write(self, toml: str) -> Path:
        """A settings file."""
        file = self._folder / "presence.toml"
        file.write_text(toml)
        return file

    def refusal(self, *flags: str, **more: object) -> str:
        """The one line that says what is wrong."""
        with pytest.raises(SettingsRefused) as refused:
            self.load(*flags, **more)  # type: ignore[arg-type] # passed on
        line = str(refused.value)
        assert line
        assert "\n" not in line
        return line


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Source:
    return Source(monkeypatch, tmp_path)


# Where they come from


def test_a_flag_wins_over_a_variable_and_a_variable_over_the_file(source: Source) -> None:
    toml = "ping_interval = 1\npong_timeout = 1\nburst = 1\n"
    variables = {"PRESENCE_PING_INTERVAL": "2", "PRESENCE_PONG_TIMEOUT": "2"}
    settings = source.load("--ping-interval", "3", variables=variables, toml=toml)
    assert settings.ping_interval == 3
    assert settings.pong_timeout == 2
    assert settings.burst == 1
    assert settings.rate == Settings.model_fields["rate"].default


def test_every_setting_can_be_given_in_each_of_the_three_ways(source: Source) -> None:
    given = {
        "host": "::1",
        "port": "1",
        "admin_host": "::1",
        "admin_port": "2",
        "admin_key": "k" * 16,
        "jwt_secret": SECRET,
        "jwt_issuer": "issuer",
        "jwt_audience": "audience",
        "allowed_origins": "https://a.example https://*.b.example",
        "ping_interval": "1.5",
        "pong_timeout": "1.5",
        "handshake_timeout": "1.5",
        "close_timeout": "1.5",
        "compression": "true",
        "leave_grace": "1.5",
        "drain_seconds": "1.5",
        "message_size": "2000",
        "buffer_limit": "70000",
        "room_size": "3",
        "room_connections": "3",
        "user_connections": "3",
        "user_total": "3",
        "max_connections": "3",
        "address_connections": "3",
        "address_attempts": "3",
        "trusted_proxies": "127.0.0.1 10.0.0.0/8 ::1",
        "overload_lag": "1.5",
        "rate": "1.5",
        "burst": "1.5",
        "jwt_key_file": "keys.json",
        "jwks_url": "https://issuer.example/keys.json",
        "webhook_url": "https://app.example/presence",
        "webhook_secret": "w" * 24,
        "webhook_debounce": "1.5",
        "tls_cert": "cert.pem",
        "tls_key": "key.pem",
        "history": "postgresql://presence:secret@db.example/presence",
        "history_ledger_days": "3",
        "history_activity_days": "3",
        "history_half_life": "3",
        "history_session_idle": "1.5",
        "history_guest_key": "day",
        "history_buffer": "2000000",
        "log_level": "error",
        "log_format": "json",
        "log_connections": "all",
    }
    left_out = {"config", "jwt_public_key"}
    assert set(given) >= set(Settings.model_fields) - left_out
    flags = [
        word
        for name, value in given.items()
        for word in ([flag(name)] if value == "true" else [flag(name), value])
    ]
    by_flags = source.load(*flags)
    toml = "\n".join(f"{name} = {value!r}" for name, value in given.items())
    by_file = source.load(toml=toml)
    variables = {variable(name): value for name, value in given.items()}
    by_variables = source.load(variables=variables)
    assert by_flags == by_variables
    assert by_flags == by_file.model_copy(update={"config": None})
    assert by_flags.allowed_origins == ("https://a.example", "https://*.b.example")
    defaults = Settings.model_construct()
    assert all(getattr(by_flags, name) != getattr(defaults, name) for name in given)


def flag(name: str) -> str:
    """The flag of a setting."""
    return "--" + name.replace("_", "-")


def variable(name: str) -> str:
    """The variable of a setting."""
    return f"PRESENCE_{name.upper()}"


def test_the_file_may_be_named_by_a_variable(source: Source) -> None:
    file = source.write("rate = 7\n")
    assert source.load(variables={"PRESENCE_CONFIG": str(file)}).rate == 7


def test_origins_are_split_at_commas_and_blanks(source: Source) -> None:
    origins = ("https://a.example", "https://b.example")
    toml = 'allowed_origins = ["https://a.example", "https://b.example"]\n'
    assert source.load(toml=toml).allowed_origins == origins
    given = {"PRESENCE_ALLOWED_ORIGINS": "https://a.example, https://b.example"}
    assert source.load(variables=given).allowed_origins == origins


def test_a_public_key_in_several_lines_survives_each_way(source: Source) -> None:
    pem = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"
    assert source.load("--jwt-public-key", pem).jwt_public_key == pem
    assert source.load(toml=f'jwt_public_key = """{pem}"""\n').jwt_public_key == pem
    assert source.load(variables={"PRESENCE_JWT_PUBLIC_KEY": pem}).jwt_public_key == pem


def test_where_each_value_came_from_is_known(source: Source) -> None:
    file = source.write("ping_interval = 1\npong_timeout = 1\nburst = 1\n")
    variables = {"PRESENCE_PING_INTERVAL": "2", "presence_pong_timeout": "2", "PRESENCE_RATE": ""}
    given = {"ping_interval": "3", "config": str(file), "port": None}
    settings = source.load("--config", str(file), variables=variables)
    found = {one.name: (one.value, one.source) for one in explain(settings, given)}
    assert [*found] == [*Settings.model_fields]
    assert found["ping_interval"][1] == "--ping-interval"
    assert found["pong_timeout"] == (2, "PRESENCE_PONG_TIMEOUT")
    assert found["burst"] == (1, str(file))
    assert found["rate"][1] == found["port"][1] == "default"


# What is refused


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("port", "many", "is no whole number: 'many'"),
        ("port", "1.5", "is no whole number: '1.5'"),
        ("port", "70000", "must be 65535 or less, not 70000"),
        ("message_size", "1", "must be 1024 or more, not 1"),
        ("buffer_limit", "99999999", "must be 67108864 or less, not 99999999"),
        ("ping_interval", "soon", "is no number: 'soon'"),
        ("ping_interval", "nan", "is no finite number: 'nan'"),
        ("ping_interval", "0", "must be more than 0, not 0"),
        ("compression", "maybe", "is neither true nor false: 'maybe'"),
        ("log_level", "loud", "is none of debug, info, warning or error: 'loud'"),
    ],
)
def test_what_a_value_should_be_is_said_plainly(
    source: Source, name: str, value: str, says: str
) -> None:
    assert source.refusal(variables={variable(name): value}) == f"{variable(name)}: {says}"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("host = 5", "host: is no text: 5"),
        ("rate = [1]", "rate: is no number: [1]"),
        ("tls_cert = 5", "tls_cert: is no path: 5"),
        ("allowed_origins = 5", "allowed_origins: is no list: 5"),
        ("admin_key = 1234567890", "admin_key: is no text"),
    ],
)
def test_a_value_of_another_type_in_the_file_is_named(source: Source, line: str, says: str) -> None:
    assert source.refusal(toml=line).endswith(f"presence.toml: {says}")


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        (
            'host = "::1"\nport = 1\n\n"host" = "::1"\n',
            "`host` is set twice, the second time at line 4",
        ),
        (
            'jwt_public_key = """\nAA==\n"""\nport = 1\njwt_public_key = """\nAB==\n"""\n',
            "`jwt_public_key` is set twice, the second time at line 5",
        ),
    ],
)
def test_a_key_that_is_set_twice_is_named(source: Source, toml: str, says: str) -> None:
    assert source.refusal(toml=toml).endswith(f"presence.toml: {says}")


LINKS = {
    "PRESENCE_PORT": "tcp://10.0.0.1:8787",
    "PRESENCE_SERVICE_HOST": "10.0.0.1",
    "PRESENCE_SERVICE_PORT": "8787",
    "PRESENCE_SERVICE_PORT_HTTP": "8787",
    "PRESENCE_PORT_8787_TCP": "tcp://10.0.0.1:8787",
    "PRESENCE_PORT_8787_TCP_ADDR": "10.0.0.1",
}


def test_what_an_orchestrator_sets_for_a_service_of_our_name_is_told_apart(source: Source) -> None:
    says = (
        "PRESENCE_PORT and 5 more: set by Kubernetes or Docker for a service named `presence`: "
        "name it otherwise, or `enableServiceLinks: false`"
    )
    assert source.refusal(variables=LINKS) == says
    assert faults() == [says]


@pytest.mark.parametrize("name", ["PRESENCE_PORT", "PRESENCE_SERVER_PORT"])
def test_an_address_in_place_of_a_port_is_an_orchestrators(source: Source, name: str) -> None:
    line = source.refusal(variables={name: "tcp://10.0.0.1:8787"})
    service = name.removesuffix("_PORT").lower().replace("_", "-")
    assert line.startswith(f"{name}: set by Kubernetes or Docker for a service named `{service}`")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("allowed_origins", "example.com"),
        ("allowed_origins", "https://a.example/path"),
        ("allowed_origins", "https://*"),
        ("port", "x"),
        ("port", "-1"),
        ("port", "65536"),
        ("admin_port", "1.5"),
        ("ping_interval", "0"),
        ("ping_interval", "-1"),
        ("ping_interval", "nan"),
        ("pong_timeout", "inf"),
        ("handshake_timeout", "86401"),
        ("close_timeout", "soon"),
        ("leave_grace", "-1"),
        ("drain_seconds", "601"),
        ("drain_seconds", "nan"),
        ("message_size", "1023"),
        ("message_size", "1048577"),
        ("buffer_limit", "65535"),
        ("room_size", "0"),
        ("user_connections", "0"),
        ("max_connections", "0"),
        ("rate", "0.5"),
        ("rate", "inf"),
        ("burst", "0"),
        ("admin_key", "fifteen bytes.."),
        ("history", "sqlite://"),
        ("history", "sqlite:///:memory:"),
        ("history", "sqlite:///presence.db?mode=ro"),
        ("history", "mysql://db.example/presence"),
        ("history_ledger_days", "0"),
        ("history_half_life", "1.5"),
        ("history_session_idle", "0"),
        ("history_guest_key", "year"),
        ("history_buffer", "1000"),
    ],
)
def test_a_bad_value_is_refused_by_its_name(source: Source, name: str, value: str) -> None:
    by_flag = source.refusal(flag(name), value)
    by_variable = source.refusal(variables={variable(name): value})
    assert by_flag.replace(f"{flag(name)}: ", f"{variable(name)}: ") == by_variable
    assert variable(name) in by_variable


def test_no_path_has_a_nul_in_it(source: Source) -> None:
    assert "NUL" in source.refusal(toml='tls_cert = "a\\u0000b"\ntls_key = "key.pem"\n')


def test_a_settings_file_is_of_some_size(source: Source) -> None:
    assert "more than 1,048,576 bytes" in source.refusal(toml="#" * 1_048_577)


def test_a_bad_value_is_repeated_unless_it_may_be_secret(source: Source) -> None:
    assert source.refusal("--port", "x").endswith(": 'x'")
    assert source.refusal("--port", "x" * 99) == "--port: is no whole number"
    assert "0.5" in source.refusal("--rate", "0.5")
    assert "fifteen" not in source.refusal("--admin-key", "fifteen bytes..")


def test_a_misspelt_variable_is_refused_with_a_hint(source: Source) -> None:
    line = source.refusal(variables={"PRESENCE_PING_INTERVALL": "3"})
    assert line == "unknown setting PRESENCE_PING_INTERVALL (did you mean PRESENCE_PING_INTERVAL?)"


@pytest.mark.parametrize("name", ["PRESENCE_URL", "PRESENCE_TOKEN"])
def test_what_the_clients_read_is_no_mistake(source: Source, name: str) -> None:
    assert source.load(variables={name: "ws://127.0.0.1:8787"}).port == 8787


def test_an_unknown_variable_is_refused(source: Source) -> None:
    line = source.refusal(variables={"PRESENCE_ZZZ": "1"})
    assert line.startswith("unknown setting PRESENCE_ZZZ")


def test_an_unknown_key_in_the_file_is_refused(source: Source) -> None:
    line = source.refusal(toml="ping_intervall = 3\n")
    assert line.endswith(
        "presence.toml: unknown setting ping_intervall (did you mean ping_interval?)"
    )
    assert "server" in source.refusal(toml="[server]\nport = 1\n")


def test_a_bad_value_in_the_file_is_refused(source: Source) -> None:
    assert "presence.toml: port: " in source.refusal(toml='port = "x"\n')


def test_a_file_that_is_missing_or_broken_is_refused(source: Source, tmp_path: Path) -> None:
    missing = str(tmp_path / "none.toml")
    assert source.refusal("--config", missing) == f"config: no such file: {missing}"
    assert source.refusal("--config", str(tmp_path)).startswith("config: ")
    assert source.refusal(toml="port = = 1\n").startswith("config: ")
    broken = tmp_path / "latin.toml"
    broken.write_bytes(b'host = "\xe9"\n')
    assert source.refusal("--config", str(broken)).startswith("config: ")


def test_keys_of_several_kinds_may_be_given_at_once(source: Source) -> None:
    settings = source.load("--jwt-secret", SECRET, "--jwt-public-key", "x")
    assert (settings.jwt_public_key, settings.jwt_key_file) == ("x", None)


@pytest.mark.parametrize("word", ["localhost", "*", "10.0.0.0/33", "1.2.3"])
def test_a_proxy_that_is_no_address_is_named(source: Source, word: str) -> None:
    line = source.refusal("--trusted-proxies", f"127.0.0.1,{word}")
    assert line == f"--trusted-proxies: {word!r} is no address or network, such as 10.0.0.0/8"


def test_a_network_of_proxies_may_be_written_as_one_of_its_addresses(source: Source) -> None:
    proxies = source.load("--trusted-proxies", "10.1.2.3/8 fd00::1").trusted_proxies
    assert [str(network) for network in proxies] == ["10.0.0.0/8", "fd00::1/128"]


def test_a_webhook_needs_an_address_and_a_secret_of_some_length(source: Source) -> None:
    url = "--webhook-url", "https://app.example/presence"
    assert "PRESENCE_WEBHOOK_SECRET" in source.refusal(*url)
    assert "24 bytes" in source.refusal(*url, "--webhook-secret", "w" * 23)
    assert "no http or https" in source.refusal("--webhook-url", "ftp://app.example/presence")


def test_a_secret_is_never_shown(source: Source) -> None:
    settings = source.load("--jwt-secret", SECRET, "--admin-key", "k" * 16)
    assert SECRET not in repr(settings)
    assert "k" * 16 not in repr(settings)
    assert SECRET not in source.refusal("--jwt-secret", SECRET, "--port", "x")
    assert "secret!" not in source.refusal("--admin-key", "secret!")
    assert SECRET not in source.refusal(toml=f'jwt_secret = ["{SECRET}"]\n')
    assert SECRET not in source.refusal(toml=f'jwt_secret = "{SECRET}" "\n')


def test_all_that_is_wrong_can_be_had_at_once(source: Source) -> None:
    assert faults() == []
    source.load(variables={"PRESENCE_RATE": "9"})
    file = source.write("prot = 1\nburst = 0\n")
    given = {"config": str(file), "port": "x", "admin_key": "short", "tls_cert": "c.pem"}
    lines = faults(given)
    assert all("\n" not in line for line in lines)
    assert "short" not in "".join(lines)
    for part in (
        *("--port: ", f"{file}: unknown setting prot", f"{file}: burst: "),
        *("PRESENCE_ADMIN_KEY needs at least 16 bytes", "PRESENCE_TLS_CERT and PRESENCE_TLS_KEY"),
    ):
        assert sum(part in line for line in lines) == 1, part
    assert faults({"admin_key": "short"}) == ["PRESENCE_ADMIN_KEY needs at least 16 bytes"]


def test_a_setting_that_is_wrong_by_itself_is_not_said_to_be_missing(source: Source) -> None:
    file = source.write("webhook_secret = 1\n")
    lines = faults({"webhook_url": "https://app.example/presence", "config": str(file)})
    assert len(lines) == 1
    assert lines[0].startswith(f"{file}: webhook_secret: ")
