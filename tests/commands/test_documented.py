"""Every command and each of its own options stand in the table of their page, and no other does."""

import re
from collections.abc import Iterator
from pathlib import Path

import click

from presence_server.cli import program
from presence_server.settings import Settings

PAGE = Path(__file__).parents[2] / "deploy/commands.md"
ROW = re.compile(
    r"^\| `presence-server (?P<name>[a-z-]+(?: [a-z-]+)*)[^`]*` \|(?P<says>.*)\|$", re.MULTILINE
)
FLAG = re.compile(r"`(--[a-z-]+)[^`]*`")


def commands(group: click.Group, path: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command, by what one types after the program's name."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield f"{path}{name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{path}{name} ")


COMMANDS = dict(commands(program))


def own_flags(command: click.Command) -> set[str]:
    """The options of a command that are no settings."""
    return {
        flag
        for param in command.params
        if isinstance(param, click.Option) and not is_setting(command, param)
        for flag in param.opts
        if flag.startswith("--")
    }


def is_setting(command: click.Command, option: click.Option) -> bool:
    """Whether a command takes it as `serve` does; a command that has but a few lists them."""
    takes_all = {param.name for param in command.params} >= {*Settings.model_fields}
    return takes_all and option.name in Settings.model_fields


def documented() -> dict[str, set[str]]:
    """The options in the table, by command."""
    rows = ROW.finditer(PAGE.read_text())
    return {row["name"]: {*FLAG.findall(row["says"])} for row in rows}


def test_every_command_stands_on_the_page_with_its_options_and_no_other_does() -> None:
    assert documented() == {name: own_flags(command) for name, command in COMMANDS.items()}


def test_each_command_is_described_there_as_in_the_list_of_help() -> None:
    says = {
        row["name"]: row["says"].split("|")[0].strip() for row in ROW.finditer(PAGE.read_text())
    }
    for name, command in COMMANDS.items():
        assert says[name] == command.get_short_help_str(100)
