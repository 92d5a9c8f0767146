"""`presence-server completion`."""

import os
from pathlib import Path
from typing import Final

import click
from click.shell_completion import get_completion_class

PROGRAM: Final = "presence-server"
VARIABLE: Final = "_PRESENCE_SERVER_COMPLETE"
"""Click's name for what the script asks by."""
SHELLS: Final = ("bash", "zsh", "fish")
_EPILOG: Final = """\
\b
To try it in this shell:
  source <(presence-server completion bash)
  source <(presence-server completion zsh)       # after compinit
  presence-server completion fish | source

\b
For good, for one user:
  mkdir -p ~/.local/share/bash-completion/completions
  presence-server completion bash \\
      > ~/.local/share/bash-completion/completions/presence-server
  presence-server completion zsh > ~/.zfunc/_presence-server   # a folder in $fpath
  presence-server completion fish > ~/.config/fish/completions/presence-server.fish

\b
For good, for all users:
  presence-server completion bash > /etc/bash_completion.d/presence-server
  presence-server completion zsh > /usr/local/share/zsh/site-functions/_presence-server
  presence-server completion fish \\
      > /usr/share/fish/vendor_completions.d/presence-server.fish
"""


@click.command(
    "completion", epilog=_EPILOG, short_help="Print a script that completes commands and options."
)
@click.argument("shell", type=click.Choice(SHELLS), required=False)
@click.pass_context
def command(ctx: click.Context, shell: str | None) -> None:
    """Print what makes a shell complete presence-server's commands, options, choices and files:
    bash, zsh or fish; without a name for the shell of $SHELL. The script asks the presence-server
    that is found by then, so it stays right over upgrades.
    """
    shell = shell or _own_shell()
    found = get_completion_class(shell)
    assert found is not None  # noqa: S101 - Click has all of SHELLS
    program = ctx.find_root().command
    completer = found(program, {}, PROGRAM, VARIABLE)
    # Not its `source`, which asks the bash of this machine for its version.
    click.echo(completer.source_template % completer.source_vars(), nl=False)


def _own_shell() -> str:
    """The shell that the environment names."""
    name = Path(os.environ.get("SHELL", "")).name
    if name not in SHELLS:
        raise click.UsageError(f"which shell? name one of {', '.join(SHELLS)}")
    return name
