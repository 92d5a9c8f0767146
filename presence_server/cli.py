"""The program `presence-server`: finds the command, and says in one line what is wrong."""

import errno
import os
import sys
from collections.abc import Sequence
from typing import Final, NoReturn

import click

from presence_server import __version__, exit_codes
from presence_server.commands.lazy import Lazy
from presence_server.settings import SettingsRefused

_HINTS: Final = {
    errno.EACCES: "take a port from 1024, or grant CAP_NET_BIND_SERVICE",
    errno.EADDRINUSE: "see --port and --admin-port",
    errno.EADDRNOTAVAIL: "ip address shows the addresses there are",
}
"""What to do where an address can't be had."""
COMMANDS: Final = (
    "serve",
    "demo",
    "check",
    "config",
    "token",
    "rooms",
    "top",
    "history",
    "bench",
    "completion",
)


class _Commands(Lazy):
    """The commands, which all may write into a pipe."""

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
    package="presence_server.commands",
    names=COMMANDS,
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
    _fill_standard_streams()
    sys.exit(_run(arguments))


def _fill_standard_streams() -> None:
    """Open what is closed of 0, 1 and 2: as a socket's descriptor it would be written to as stderr,
    and libuv ends a process that closes one of them.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _run(arguments: Sequence[str] | None) -> int:
    try:
        code: int | None = program.main(
            arguments, prog_name="presence-server", standalone_mode=False
        )
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return exit_codes.USAGE
    except click.UsageError as error:
        helped = error.ctx.command_path if error.ctx else "presence-server"
        message = " ".join(error.format_message().split()).rstrip(".")
        return _complain(
            f"{message[:1].lower()}{message[1:]} (see {helped} --help)", exit_codes.USAGE
        )
    except click.ClickException as error:
        return _complain(error.format_message(), error.exit_code)
    except click.Abort:
        return exit_codes.INTERRUPTED
    except SettingsRefused as refused:
        return _complain(str(refused), exit_codes.USAGE)
    except OSError as error:
        return _complain(_of_system(error), exit_codes.FAILED)
    return code or 0


def _of_system(error: OSError) -> str:
    """What the system refuses: a file by its name, or else an address."""
    if error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    hint = _HINTS.get(error.errno or 0)
    return f"{error.strerror or error}" + (f" ({hint})" if hint else "")


def _complain(message: str, code: int) -> int:
    click.echo(f"presence-server: {message}", err=True)
    return code


if __name__ == "__main__":
    main()
