"""An option of the command line for each setting, in sections as people look for them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin

import click
from pydantic.fields import FieldInfo

from presence_server.settings import SECTIONS, Settings
from presence_server.sources import flag

_SOURCES: Final = (
    "Each setting is also a variable, PRESENCE_ and its name in capitals, and a line of the TOML"
    " file that --config names. A flag wins over the environment, the environment over the file."
    " Prefer the environment for secrets: flags show in the list of processes."
)
_UNITS: Final = {"seconds": "SECONDS", "bytes": "BYTES"}
_WORDS: Final = {"host", "port", "url", "key", "secret"}

Completer = Callable[[click.Context, click.Parameter, str], list[str]]


class SettingsCommand(click.Command):
    """A command with an option for every setting; its `callback` gets them by name."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.params = [*self.params, *map(option, Settings.model_fields)]
        self.epilog = "\n\n".join(filter(None, [_SOURCES, self.epilog]))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, a section for each part."""
        params = self.get_params(ctx)
        for heading, names in sections():
            _write(heading, [param for param in params if param.name in names], ctx, formatter)
        own = [param for param in params if param.name not in Settings.model_fields]
        _write("Options", own, ctx, formatter)


def sections() -> Iterator[tuple[str, list[str]]]:
    """Headings, and the settings under each."""
    names = [*Settings.model_fields]
    starts = [*map(names.index, SECTIONS), len(names)]
    for heading, start, end in zip(SECTIONS.values(), starts, starts[1:], strict=False):
        yield heading, names[start:end]


def option(name: str) -> click.Option:
    """The option of a setting."""
    field = Settings.model_fields[name]
    is_switch = field.annotation is bool
    declared = f"{flag(name)}/--no-{name.replace('_', '-')}" if is_switch else flag(name)
    help_text = f"{field.description}{_default(field)}"
    if is_switch:
        return click.Option([declared], default=None, help=help_text)
    return click.Option(
        [declared],
        type=_type(field),
        metavar=_metavar(name, field),
        help=help_text,
        shell_complete=_completer(field),
    )


def _default(field: FieldInfo) -> str:
    default = field.default
    if default is None or default == () or isinstance(default, bool):
        return ""
    return f"  [{' '.join(default) if isinstance(default, tuple) else default}]"


def _kinds(field: FieldInfo) -> set[object]:
    return {field.annotation, *get_args(field.annotation)}


def _type(field: FieldInfo) -> click.Path | None:
    """What a shell can complete; whether the value is any good the settings say."""
    return click.Path(readable=False) if Path in _kinds(field) else None


def _completer(field: FieldInfo) -> Completer | None:
    """What a shell offers where there is a choice; None leaves that to the type."""
    if get_origin(field.annotation) is not Literal:
        return None
    return lambda _, __, begun: [
        word for word in get_args(field.annotation) if word.startswith(begun)
    ]


def _metavar(name: str, field: FieldInfo) -> str:
    last, first = name.split("_")[-1], (field.description or "").split()[0]
    if get_origin(field.annotation) is Literal:
        return "|".join(get_args(field.annotation))
    if Path in _kinds(field):
        return "FILE"
    if last in _WORDS:
        return last.upper()
    if field.annotation in (int, float):
        return _UNITS.get(first, "N")
    return "TEXT"


def _write(
    heading: str,
    params: list[click.Parameter],
    ctx: click.Context,
    formatter: click.HelpFormatter,
) -> None:
    records = [record for param in params if (record := param.get_help_record(ctx)) is not None]
    if records:
        with formatter.section(heading):
            formatter.write_dl(records)
