"""The program `presence-server`: finds the command, and says in one line what is wrong."""

import errno
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final, NoReturn

import click

from presence_server import __version__
from presence_server.settings import SettingsRefused

EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2
EXIT_INTERRUPTED: Final = 130
COMMANDS: Final = (
    "serve",
    "demo",
    "check",
    "config",
    "token",
    "rooms",
    "top",
    "bench",
    "completion",
)


class _Commands(click.Group):
    """Imports a command when it is needed: what `top` draws with would slow each start."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which one meets them."""
        del ctx
        return [*COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name; None if there is none."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"presence_server.commands.{cmd_name}")
        command: click.Command = module.command
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Run a command. Nobody reads its output any more (`| head`): for click that is a failure,
        for us it is not, but nothing more can be written.
        """
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            sys.stdout = None  # Python would complain of it at the end
            return 0


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help="Who is here, and what are they looking at: a real-time presence server.",
    epilog="presence-server COMMAND --help says more of each. It ends with 0, with 1 if it failed, "
    "with 2 if it was called or set up wrongly.",
)
@click.version_option(__version__, message="%(prog)s %(version)s")
def program() -> None:
    """Nothing of its own."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command and exit with its code."""
    sys.exit(_run(arguments))


def _run(arguments: Sequence[str] | None) -> int:
    try:
        code: int | None = program.main(
            arguments, prog_name="presence-server", standalone_mode=False
        )
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return EXIT_USAGE
    except click.UsageError as error:
        helped = error.ctx.command_path if error.ctx else "presence-server"
        message = " ".join(error.format_message().split()).rstrip(".")
        return _complain(f"{message[:1].lower()}{message[1:]} (see {helped} --help)", EXIT_USAGE)
    except click.ClickException as error:
        return _complain(error.format_message(), error.exit_code)
    except click.Abort:
        return EXIT_INTERRUPTED
    except SettingsRefused as refused:
        return _complain(str(refused), EXIT_USAGE)
    except OSError as error:
        hint = " (see --port and --admin-port)" if error.errno == errno.EADDRINUSE else ""
        return _complain(f"{error.strerror or error}{hint}", EXIT_FAILED)
    return code or 0


def _complain(message: str, code: int) -> int:
    click.echo(f"presence-server: {message}", err=True)
    return code


if __name__ == "__main__":
    main()
