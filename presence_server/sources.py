"""Where settings come from, which of them wins, and what is refused.

A setting `ping_interval` is `PRESENCE_PING_INTERVAL` in the environment, `--ping-interval` on the
command line and `ping_interval` in the TOML file. The command line wins over the environment, the
environment over the file.
"""

import difflib
import grp
import os
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from pydantic import SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import SettingsConfigDict, SettingsError

from presence_server import wording
from presence_server.settings import CLIENTS, PREFIX, Settings, SettingsRefused

MAX_FILE: Final = 1_048_576

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
    for fault in _unknown_variables(os.environ):
        raise SettingsRefused(fault)
    try:
        return _build(Settings, given)
    except ValidationError as error:
        raise SettingsRefused(_lines(error, given)[0]) from None


def faults(given: Mapping[str, object] = NOTHING) -> list[str]:
    """All that is wrong, a line each: nothing where `load` returns."""
    found: list[str] = []
    try:
        _build(Settings, given)
    except ValidationError as error:
        found += _lines(error, given)
        found += _faults_together(error, given)
    except SettingsRefused as refused:
        found.append(str(refused))
    said = tuple(f"{name}: " for name in wording.linked(os.environ, PREFIX))
    mine = [line for line in found if not line.startswith(said)]
    return [*_unknown_variables(os.environ), *mine]


def _faults_together(error: ValidationError, given: Mapping[str, object]) -> list[str]:
    """What is wrong with settings together, which is looked at when each is good by itself.

    So those that are not have their defaults here, and nothing is said of them.
    """
    bad = {str(one["loc"][0]) for one in error.errors() if one["loc"]}
    if not bad:
        return []
    fields = Settings.model_fields
    try:
        _build(_Lenient, given, {name: fields[name].default for name in bad & {*fields}})
    except ValidationError as others:
        lines = _lines(others, given)
        return [line for line in lines if not any(variable(name) in line for name in bad)]
    return []


class _Lenient(Settings):
    """Settings that pass over what is unknown."""

    model_config = SettingsConfigDict(extra="ignore")


def _build(
    kind: type[Settings], given: Mapping[str, object], mended: Mapping[str, object] = NOTHING
) -> Settings:
    """The settings, if each of them is good by itself and all together.

    Raises:
        ValidationError: if one is not.
        SettingsRefused: if they can't be read.

    """
    path = file_of(given)
    found = {name: value for name, value in given.items() if value is not None}
    try:
        if path and not Path(path).is_file():
            raise SettingsRefused(f"config: no such file: {path}")
        if path and Path(path).stat().st_size > MAX_FILE:
            raise SettingsRefused(f"config: {path}: more than {MAX_FILE:,} bytes")
        return kind(**{**found, "config": path or None, **mended})  # type: ignore[arg-type] # it checks
    except ValidationError:
        raise
    except PermissionError:
        raise SettingsRefused(f"config: {path}: permission denied: {_who(path)}") from None
    except UnicodeDecodeError as error:
        raise SettingsRefused(f"config: {path}: {error}") from None
    except tomllib.TOMLDecodeError as error:
        why = wording.broken(error, Path(path or "").read_text("utf-8"))
        raise SettingsRefused(f"config: {path}: {why}") from None
    except RecursionError:
        raise SettingsRefused(f"config: {path}: nested too deep") from None
    except (SettingsError, OSError, ValueError) as error:
        raise SettingsRefused(str(error).splitlines()[0]) from None


def _who(path: str | None) -> str:
    """How one may read a file that this user may not."""
    for at in (Path(path or ""), *Path(path or "").absolute().parents):
        try:
            found = at.stat()
            group = grp.getgrgid(found.st_gid).gr_name
        except (OSError, KeyError):
            continue
        is_the_groups = found.st_gid and found.st_mode & stat.S_IRGRP
        return f"use sudo, or join the group {group}" if is_the_groups else "use sudo"
    return "use sudo"


def explain(settings: Settings, given: Mapping[str, object] = NOTHING) -> list[Effective]:
    """Each of the `settings` that were loaded with what was `given`, and its source."""
    in_file = _keys(file_of(given))
    return [
        Effective(name, getattr(settings, name), _source(name, given, in_file) or "default")
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


def file_of(given: Mapping[str, object]) -> str | None:
    """The settings file that was given, by a flag or a variable."""
    path = given.get("config") or os.environ.get(variable("config"))
    return None if path is None else str(path)


def _source(
    name: str, given: Mapping[str, object], in_file: Mapping[str, Any] = NOTHING
) -> str | None:
    """What gave a setting its value; None for what nobody gave."""
    if given.get(name) is not None:
        return flag(name)
    if any(key.upper() == variable(name) and value for key, value in os.environ.items()):
        return variable(name)
    return file_of(given) if name in in_file else None


def _keys(path: str | None) -> Mapping[str, Any]:
    try:
        return tomllib.loads(Path(path).read_text()) if path else NOTHING
    except (OSError, ValueError, RecursionError):
        return NOTHING


def _unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """A misspelt variable would be a setting that silently does nothing."""
    known = {variable(name) for name in Settings.model_fields}
    links = wording.linked(environment, PREFIX)
    ours = [name for name in environment if name.upper().startswith(PREFIX)]
    unknown = [name for name in ours if name.upper() not in known | CLIENTS and name not in links]
    lines = [f"unknown setting {name}{_hint(name.upper(), known)}" for name in unknown]
    return [wording.of_links(links), *lines] if links else lines


def _hint(name: str, known: set[str]) -> str:
    close = difflib.get_close_matches(name, known, 1, 0.75)
    return f" (did you mean {close[0]}?)" if close else ""


def _lines(error: ValidationError, given: Mapping[str, object]) -> list[str]:
    """What is wrong, and where."""
    in_file = _keys(file_of(given))
    return [_line(one, given, in_file) for one in error.errors(include_url=False)]


def _line(error: ErrorDetails, given: Mapping[str, object], in_file: Mapping[str, Any]) -> str:
    name = str(error["loc"][0]) if error["loc"] else ""
    message = wording.refusal(error, is_secret=is_secret(name))
    if error["type"] == "extra_forbidden":
        return f"{file_of(given)}: unknown setting {name}{_hint(name, {*Settings.model_fields})}"
    if not name:
        return message
    source = _source(name, given, in_file) or name
    where = source if source in (flag(name), variable(name)) else f"{source}: {name}"
    return f"{where}: {message}"
