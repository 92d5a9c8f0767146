"""Where settings come from, which of them wins, and what is refused.

A setting `ping_interval` is `PRESENCE_PING_INTERVAL` in the environment, `--ping-interval` on the
command line and `ping_interval` in the TOML file. The command line wins over the environment, the
environment over the file.
"""

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from pydantic import SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import SettingsError

from presence_server.settings import CLIENTS, PREFIX, Settings, SettingsRefused

SHOWN: Final = 40
"""Characters of a refused value that are worth repeating."""

NOTHING: Final[Mapping[str, object]] = MappingProxyType({})


class Effective(NamedTuple):
    """A setting as it holds, and where it came from: a flag, a variable, a file, or `default`."""

    name: str
    value: object
    source: str


def load(given: Mapping[str, object] = NOTHING) -> Settings:
    """The settings of this process; `given` are those of the command line, by name.

    Raises:
        SettingsRefused: if any is unknown or impossible.

    """
    given = {name: value for name, value in given.items() if value is not None}
    _check_environment(os.environ)
    path = _file(given)
    if path and not Path(path).is_file():
        raise SettingsRefused(f"config: no such file: {path}")
    try:
        return Settings(**{**given, "config": path or None})  # type: ignore[arg-type] # it checks
    except ValidationError as error:
        raise SettingsRefused(_first_line(error, given)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsRefused(f"config: {path}: {error}") from None
    except RecursionError:
        raise SettingsRefused(f"config: {path}: nested too deep") from None
    except (SettingsError, OSError, ValueError) as error:
        raise SettingsRefused(str(error).splitlines()[0]) from None


def explain(settings: Settings, given: Mapping[str, object] = NOTHING) -> list[Effective]:
    """Each of the `settings` that were loaded with what was `given`, and its source."""
    return [
        Effective(name, getattr(settings, name), _source(name, given) or "default")
        for name in Settings.model_fields
    ]


def flag(name: str) -> str:
    """The flag of a setting."""
    return "--" + name.replace("_", "-")


def variable(name: str) -> str:
    """The variable of a setting."""
    return PREFIX + name.upper()


def is_secret(name: str) -> bool:
    """Whether the value of a setting must not be shown."""
    field = Settings.model_fields.get(name)
    return field is None or SecretStr in getattr(field.annotation, "__args__", ())


def _file(given: Mapping[str, object]) -> str | None:
    path = given.get("config") or os.environ.get(variable("config"))
    return None if path is None else str(path)


def _source(name: str, given: Mapping[str, object]) -> str | None:
    """What gave a setting its value; None for what nobody gave."""
    if given.get(name) is not None:
        return flag(name)
    if any(key.upper() == variable(name) and value for key, value in os.environ.items()):
        return variable(name)
    path = _file(given)
    return path if path and name in _keys(path) else None


def _keys(path: str) -> Mapping[str, Any]:
    try:
        return tomllib.loads(Path(path).read_text())
    except (OSError, ValueError, RecursionError):
        return {}


def _check_environment(environment: Mapping[str, str]) -> None:
    """A misspelt variable would be a setting that silently does nothing."""
    known = {variable(name) for name in Settings.model_fields}
    for name in environment:
        if name.upper().startswith(PREFIX) and name.upper() not in known | CLIENTS:
            raise SettingsRefused(f"unknown setting {name}{_hint(name.upper(), known)}")


def _hint(name: str, known: set[str]) -> str:
    close = difflib.get_close_matches(name, known, 1, 0.75)
    return f" (did you mean {close[0]}?)" if close else ""


def _first_line(error: ValidationError, given: Mapping[str, object]) -> str:
    """What is wrong first, and where."""
    first = error.errors(include_url=False)[0]
    name = str(first["loc"][0]) if first["loc"] else ""
    message = str(first["msg"]).removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        return f"{_file(given)}: unknown setting {name}{_hint(name, {*Settings.model_fields})}"
    if not name:
        return message
    source = _source(name, given) or name
    where = source if source in (flag(name), variable(name)) else f"{source}: {name}"
    return f"{where}: {message}{_but(first, name)}"


def _but(error: ErrorDetails, name: str) -> str:
    """The value that is not as it should be, unless it may be secret, long or said already."""
    value = repr(error["input"])
    if is_secret(name) or error["type"] == "value_error" or len(value) > SHOWN:
        return ""
    return f", not {value}"
