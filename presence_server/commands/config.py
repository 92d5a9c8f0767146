"""`presence-server config`."""

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import click
from pydantic import SecretStr

from presence_server.commands import output
from presence_server.commands.text import clean
from presence_server.flags import SettingsCommand, sections
from presence_server.sources import Effective, explain, file_of, load

TITLES: Final = ("setting", "value", "source")
_EPILOG: Final = """\
Secrets are never shown, only that they are set. In a pipe there is a line for each setting, with
tabs between setting, value and source; there and in JSON the source is the file's whole path.

\b
Examples:
  presence-server config --config /etc/presence-server/presence.toml
  presence-server config --changed
  presence-server config | grep ^ping_interval
  presence-server config --json | jq '.[] | select(.source != "default")'
"""


@click.command(
    "config",
    cls=SettingsCommand,
    epilog=_EPILOG,
    short_help="Print the settings that hold, and why.",
)
@click.option("--changed", is_flag=True, help="only those that are not as they are by default")
@click.option("--json", "wants_json", is_flag=True, help="write a JSON array of objects")
def command(changed: bool, wants_json: bool, **given: object) -> None:
    """Print every setting as a server with the same flags, environment and file would have it, and
    where each comes from: a flag, a variable, the file, or the default.
    """
    settings = [
        one for one in explain(load(given), given) if not changed or one.source != "default"
    ]
    if wants_json:
        output.tell([output.as_json([*map(_object, settings)], indent=2)])
    elif output.is_terminal():
        _show({one.name: one for one in settings}, file_of(given))
    else:
        rows = ((one.name, shown(one.value), clean(one.source)) for one in settings)
        output.tell(output.tabbed(TITLES, rows))


def shown(value: object) -> str:
    """A value on one line, as one could give it; nothing of a secret but its size."""
    match value:
        case None:
            return ""
        case SecretStr():
            return f"set ({len(value.get_secret_value().encode())} bytes)"
        case bool():
            return str(value).lower()
        case float():
            return str(value).removesuffix(".0")
        case tuple():
            return ",".join(map(str, value))
        case str() if "\n" in value:
            return f"set ({len(value.encode())} bytes)"
        case str() if "://" in value:
            return _without_credentials(value)
    return clean(value)


def _without_credentials(url: str) -> str:
    """An address without what may be a password or a key in it."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return f"set ({len(url.encode())} bytes)"
    host = parts.netloc.rpartition("@")[2]
    netloc = f"***@{host}" if "@" in parts.netloc else host
    return urlunsplit(parts._replace(netloc=netloc, query="***" if parts.query else ""))


def _object(one: Effective) -> dict[str, object]:
    value = one.value
    plain = value if isinstance(value, bool | int | float | None) else shown(value)
    listed = [*map(str, value)] if isinstance(value, tuple) else plain
    is_secret = isinstance(value, SecretStr)
    return {"setting": one.name, "value": listed, "source": one.source, "secret": is_secret}


def _show(settings: dict[str, Effective], file: str | None) -> None:
    """Sections as in the help; what nobody gave is dim. The file's path would fill a column."""
    from rich.text import Text

    console = output.console()
    if any(one.source == file for one in settings.values()):
        console.print(Text(f"file: {clean(file)}\n", overflow="fold"))
    table = output.columns(TITLES, (), TITLES[1:])
    for heading, names in _filled(settings):
        table.add_row(output.cell(heading, "bold"))
        for one in map(settings.__getitem__, names):
            source = "file" if one.source == file else clean(one.source)
            cells = (f"  {one.name}", shown(one.value) or "–", source)
            style = "dim" if one.source == "default" else ""
            table.add_row(*(Text(cell, style, overflow="fold") for cell in cells))
    console.print(table)


def _filled(settings: dict[str, Effective]) -> Iterator[tuple[str, list[str]]]:
    """The sections that have one of these."""
    for heading, names in sections():
        if found := [name for name in names if name in settings]:
            yield heading, found
