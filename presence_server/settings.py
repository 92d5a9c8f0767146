"""Every setting, once: its name, type, default, bounds and what it says.

A setting `ping_interval` is `PRESENCE_PING_INTERVAL` in the environment, `--ping-interval` on the
command line and `ping_interval` in the TOML file. The command line wins over the environment, the
environment over the file.
"""

import difflib
import os
import re
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from pathlib import Path
from tomllib import TOMLDecodeError
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    CliSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from presence_server.core.origins import ANY

_ORIGIN = re.compile(r"https?://(\*\.)?[^\s/*?#@]+")

PREFIX: Final = "PRESENCE_"
CLIENTS: Final = {"PRESENCE_URL", "PRESENCE_TOKEN"}
"""What the Python client reads: no setting, and no misspelt one either."""

MIN_ADMIN_KEY: Final = 16


class SettingsRefused(Exception):
    """Settings that the server can't start with; the message is one line, without secrets."""


def _split(value: object) -> object:
    """Words separated by commas or blanks, as the environment has them."""
    if isinstance(value, list | tuple):
        value = " ".join(str(word) for word in value)
    return value.replace(",", " ").split() if isinstance(value, str) else value


Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]


def _check_origin(origin: str) -> str:
    """An origin that no page can have would lock everybody out."""
    if origin != ANY and not _ORIGIN.fullmatch(origin):
        raise ValueError(f"{origin!r} is no origin, such as https://example.com (or * for all)")
    return origin


Origin = Annotated[str, AfterValidator(_check_origin)]
Origins = Annotated[tuple[Origin, ...], NoDecode, BeforeValidator(_split)]


class Settings(BaseSettings):
    """The settings of `serve` and `demo`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        extra="forbid",
        cli_kebab_case=True,
        cli_avoid_json=True,
        cli_implicit_flags=True,
        cli_hide_none_type=True,
        hide_input_in_errors=True,
    )

    config: Path | None = Field(None, description="a TOML file with settings")
    host: str = Field("127.0.0.1", description="address that clients connect to")
    port: Port = Field(8787, description="port that clients connect to; 0 takes a free one")
    admin_host: str = Field("127.0.0.1", description="address of the admin listener")
    admin_port: Port = Field(8788, description="port of the admin listener; 0 takes a free one")
    admin_key: SecretStr | None = Field(
        None, description="key for the admin queries under /v1, at least 16 bytes"
    )
    jwt_secret: SecretStr | None = Field(
        None, description="secret of at least 32 bytes that signs tokens (HS256)"
    )
    jwt_public_key: str | None = Field(
        None, description="public key, the PEM text itself (RS256, ES256 or EdDSA, as the key says)"
    )
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
    user_connections: int = Field(32, ge=1, description="connections of one user in one room")
    max_connections: int = Field(100_000, ge=1, description="connections in total")
    rate: float = Field(100, ge=1, le=10_000, description="messages a second of one connection")
    burst: float = Field(200, ge=1, le=100_000, description="messages it may send at once")

    @model_validator(mode="after")
    def _check_together(self) -> "Settings":
        if self.jwt_secret is not None and self.jwt_public_key is not None:
            raise ValueError("PRESENCE_JWT_SECRET and PRESENCE_JWT_PUBLIC_KEY exclude each other")
        key = self.admin_key
        if key is not None and len(key.get_secret_value().encode()) < MIN_ADMIN_KEY:
            raise ValueError(f"PRESENCE_ADMIN_KEY needs at least {MIN_ADMIN_KEY} bytes")
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
        """Command line (put first by the library), environment, file."""
        del dotenv_settings, file_secret_settings
        path = init_settings().get("config") or env_settings().get("config")
        file = TomlConfigSettingsSource(settings_cls, Path(path) if path else None)
        return init_settings, env_settings, file


def add_flags(parser: ArgumentParser) -> CliSettingsSource[Any]:
    """Give `parser` a flag for every setting; pass what is returned to `load`."""
    return CliSettingsSource(Settings, root_parser=parser)


def load(source: CliSettingsSource[Any], arguments: Namespace) -> Settings:
    """The settings of this process.

    Raises:
        SettingsRefused: if any is unknown or impossible.

    """
    _check_environment(os.environ)
    path = getattr(arguments, "config", None) or os.environ.get(PREFIX + "CONFIG")
    if path and not Path(path).is_file():
        raise SettingsRefused(f"config: no such file: {path}")
    given = {key: value for key, value in vars(arguments).items() if key in Settings.model_fields}
    values: dict[str, Any] = {"_cli_settings_source": source(parsed_args=given)}
    if path:
        values["config"] = path
    try:
        return Settings(**values)
    except ValidationError as error:
        raise SettingsRefused(_first_line(error)) from None
    except (TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsRefused(f"config: {path}: {error}") from None
    except (SettingsError, ValueError) as error:
        raise SettingsRefused(str(error).splitlines()[0]) from None


def _check_environment(environment: Mapping[str, str]) -> None:
    """A misspelt variable would be a setting that silently does nothing."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    for name in environment:
        if name.upper().startswith(PREFIX) and name.upper() not in known | CLIENTS:
            close = difflib.get_close_matches(name.upper(), known, 1, 0.75)
            hint = f" (did you mean {close[0]}?)" if close else ""
            raise SettingsRefused(f"unknown setting {name}{hint}")


def _first_line(error: ValidationError) -> str:
    """What is wrong first, without the value: it may be a secret."""
    first = error.errors(include_input=False, include_url=False)[0]
    name = ".".join(str(part) for part in first["loc"])
    message = str(first["msg"]).removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        return f"unknown setting {name}"
    return f"{name}: {message}" if name else message
