"""What a check finds, and what it looks at."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from presence_server.settings import Settings
from presence_server.sources import explain, flag, variable

Level = Literal["ok", "warning", "failed"]


class Finding(NamedTuple):
    """One line: how it is, with what, and what to do about it."""

    level: Level
    about: str
    says: str
    hint: str = ""


class Subject:
    """The settings to look at, and where each came from."""

    def __init__(self, settings: Settings, given: Mapping[str, object]) -> None:
        self.settings = settings
        self.sources = {one.name: one.source for one in explain(settings, given)}

    def is_given(self, name: str) -> bool:
        """Whether somebody has set it."""
        return self.sources[name] != "default"

    def where(self, name: str) -> str:
        """The place where to change it."""
        source = self.sources[name]
        if source in (flag(name), variable(name)):
            return source
        return variable(name) if source == "default" else f"{name} in {source}"


def ok(about: str, says: str) -> Finding:
    """All is well."""
    return Finding("ok", about, says)


def warning(about: str, says: str, hint: str) -> Finding:
    """The server starts, but somebody should know."""
    return Finding("warning", about, says, hint)


def failed(about: str, says: str, hint: str) -> Finding:
    """The server does not start, or does not work."""
    return Finding("failed", about, says, hint)
