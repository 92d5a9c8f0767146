"""Every setting, once: its name, type, default, bounds and what it says.

`sources` reads them, `flags` makes options of them.
"""

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from presence_server.core.origins import ANY

_ORIGIN = re.compile(r"https?://(\*\.)?[^\s/*?#@]+")

_DATABASE = re.compile(r"sqlite:///(?!:memory:)[^?#\0]+\Z|postgresql://[^\0]+\Z")

PREFIX: Final = "PRESENCE_"
SECTIONS: Final = {
    "config": "Where it listens",
    "jwt_secret": "Who may come in",
    "ping_interval": "Times",
    "message_size": "Limits",
    "webhook_url": "Webhook",
    "history": "History",
    "log_level": "Log",
}
"""Headings for people, by the first setting under each."""

CLIENTS: Final = {"PRESENCE_URL", "PRESENCE_TOKEN"}
"""What the Python client reads: no setting, and no misspelt one either."""

MIN_ADMIN_KEY: Final = 16
MIN_WEBHOOK_SECRET: Final = 24


class SettingsRefused(Exception):
    """Settings that the server can't start with; the message is one line, without secrets."""


def _split(value: object) -> object:
    """Words separated by commas or blanks, as the environment has them."""
    if isinstance(value, list | tuple):
        value = " ".join(str(word) for word in value)
    return value.replace(",", " ").split() if isinstance(value, str) else value


Port = Annotated[int, Field(ge=0, le=65535)]
Days = Annotated[int, Field(ge=1, le=36_500)]
Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]


def _check_origin(origin: str) -> str:
    """An origin that no page can have would lock everybody out."""
    if origin != ANY and not _ORIGIN.fullmatch(origin):
        raise ValueError(f"{origin!r} is no origin, such as https://example.com (or * for all)")
    return origin


def _check_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("this is no http or https address")
    return url


Origin = Annotated[str, AfterValidator(_check_origin)]
Origins = Annotated[tuple[Origin, ...], NoDecode, BeforeValidator(_split)]


def _networks(value: object) -> object:
    """Addresses and networks, by commas or blanks."""
    words = _split(value)
    return tuple(map(_network, words)) if isinstance(words, list) else words


def _network(word: object) -> object:
    try:
        return ip_network(str(word), strict=False)
    except ValueError:
        raise ValueError(f"{word!r} is no address or network, such as 10.0.0.0/8") from None


Networks = Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode, BeforeValidator(_networks)]
HttpUrl = Annotated[str, AfterValidator(_check_url)]


def _too_short(name: str, secret: SecretStr | None, least: int) -> list[str]:
    if secret is None or len(secret.get_secret_value().encode()) >= least:
        return []
    return [f"{PREFIX}{name} needs at least {least} bytes"]


class Settings(BaseSettings):
    """The settings of `serve` and `demo`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        extra="forbid",
        hide_input_in_errors=True,
    )

    config: Path | None = Field(None, description="a TOML file with settings")
    host: str = Field("127.0.0.1", description="address that clients connect to")
    port: Port = Field(8787, description="port that clients connect to; 0 takes a free one")
    admin_host: str = Field("127.0.0.1", description="address of the admin listener")
    admin_port: Port = Field(8788, description="port of the admin listener; 0 takes a free one")
    tls_cert: Path | None = Field(
        None, description="certificate chain (PEM), to speak TLS with clients"
    )
    tls_key: Path | None = Field(None, description="its private key (PEM)")
    admin_key: SecretStr | None = Field(
        None, description="key for the admin queries under /v1, at least 16 bytes"
    )
    jwt_secret: SecretStr | None = Field(
        None, description="secret of at least 32 bytes that signs tokens (HS256)"
    )
    jwt_public_key: str | None = Field(
        None,
        description="public keys, the PEM text itself (RS256, ES256 or EdDSA, as each key says)",
    )
    jwt_key_file: Path | None = Field(
        None, description="a file with keys: a JWK Set, PEM public keys, or a secret in each line"
    )
    jwks_url: HttpUrl | None = Field(None, description="where your issuer serves its JWK Set")
    jwt_issuer: str | None = Field(None, description="`iss` that tokens must have")
    jwt_audience: str | None = Field(None, description="`aud` that tokens must have")
    allowed_origins: Origins = Field(
        ("*",), description="origins whose pages may connect, by commas, e.g. https://*.example.com"
    )
    ping_interval: Seconds = Field(10, description="seconds between pings to a client")
    pong_timeout: Seconds = Field(15, description="seconds to wait for a sign of life or progress")
    handshake_timeout: Seconds = Field(10, description="seconds for a request to arrive")
    close_timeout: Seconds = Field(5, description="seconds for a client to agree to a close")
    leave_grace: float = Field(
        0, ge=0, le=600, description="seconds before a lost connection counts as a leave"
    )
    drain_seconds: float = Field(
        2, ge=0, le=600, description="seconds over which a stopping server closes its rooms"
    )
    message_size: int = Field(
        16_384, ge=1_024, le=1_048_576, description="bytes of the largest message taken"
    )
    buffer_limit: int = Field(
        1_048_576,
        ge=65_536,
        le=67_108_864,
        description="bytes queued for a slow reader before it is sent a snapshot instead",
    )
    compression: bool = Field(
        False, description="compress what a room is told, for clients that offer it"
    )
    room_size: int = Field(10_000, ge=1, description="users in one room")
    room_connections: int = Field(
        20_000, ge=1, description="connections to one room, observers included"
    )
    user_connections: int = Field(32, ge=1, description="connections of one user in one room")
    user_total: int = Field(256, ge=1, description="connections of one user in all rooms")
    max_connections: int = Field(100_000, ge=1, description="connections in total")
    address_connections: int = Field(
        0, ge=0, description="connections from one address; 0 is no limit"
    )
    address_attempts: int = Field(
        0, ge=0, le=1_000_000, description="attempts a minute from one address; 0 is no limit"
    )
    trusted_proxies: Networks = Field(
        (), description="proxies whose X-Forwarded-For counts, by commas, e.g. 10.0.0.0/8"
    )
    overload_lag: float = Field(
        1,
        ge=0,
        le=60,
        description="seconds that the event loop may lag before newcomers are refused; 0 is never",
    )
    rate: float = Field(100, ge=1, le=10_000, description="messages a second of one connection")
    burst: float = Field(200, ge=1, le=100_000, description="messages it may send at once")
    webhook_url: HttpUrl | None = Field(
        None, description="where to post who comes to and goes from which room"
    )
    webhook_secret: SecretStr | None = Field(
        None, description="secret that signs what is posted, at least 24 bytes"
    )
    webhook_debounce: float = Field(
        3, ge=0, le=600, description="seconds a change must last to be posted"
    )
    history: SecretStr | None = Field(
        None,
        description="database that records who viewed what, e.g. sqlite:///presence.db or "
        "postgresql://user@host/name",
    )
    history_ledger_days: Days = Field(90, description="days that single viewings are kept")
    history_activity_days: Days = Field(
        400, description="days after the last of it that activity and a user's counts are kept"
    )
    history_half_life: Days = Field(
        7, description="days after which a view counts half in the trend"
    )
    history_session_idle: float = Field(
        24, gt=0, le=8_760, description="hours that a room is empty before its session is closed"
    )
    history_guest_key: Literal["day", "month", "off"] = Field(
        "month", description="how often guests get new pseudonyms: day, month, or off for never"
    )
    history_buffer: int = Field(
        67_108_864,
        ge=1_048_576,
        le=1_073_741_824,
        description="bytes that wait while the database does not take them",
    )

    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="what is logged: debug, info, warning or error, and what is worse"
    )
    log_format: Literal["text", "json"] = Field(
        "text", description="how it is logged: text, or json with one object a line"
    )
    log_connections: Literal["none", "refused", "all"] = Field(
        "refused", description="which connections have a line: none, refused, or all, at their end"
    )

    @field_validator("config", "tls_cert", "tls_key", "jwt_key_file")
    @classmethod
    def _check_path(cls, path: Path | None) -> Path | None:
        if path is not None and "\0" in str(path):
            raise ValueError("no path has a NUL in it")
        return path

    @model_validator(mode="after")
    def _check_together(self) -> "Settings":
        faults = _too_short("ADMIN_KEY", self.admin_key, MIN_ADMIN_KEY)
        faults += _too_short("WEBHOOK_SECRET", self.webhook_secret, MIN_WEBHOOK_SECRET)
        if self.history is not None and not _DATABASE.match(self.history.get_secret_value()):
            faults.append(
                "PRESENCE_HISTORY is no sqlite:///file or postgresql://user@host/name address"
            )
        if self.webhook_url is not None and self.webhook_secret is None:
            faults.append("PRESENCE_WEBHOOK_URL needs PRESENCE_WEBHOOK_SECRET to sign with")
        if (self.tls_cert is None) is not (self.tls_key is None):
            faults.append("PRESENCE_TLS_CERT and PRESENCE_TLS_KEY need one another")
        if faults:
            raise ValueError("; ".join(faults))
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Command line, environment, file."""
        del dotenv_settings, file_secret_settings
        path = init_settings().get("config") or env_settings().get("config")
        file = TomlConfigSettingsSource(settings_cls, Path(path) if path else None)
        return init_settings, env_settings, file
