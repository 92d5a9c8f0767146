"""`presence-server completion`: in real shells, which ask the real program."""

import contextlib
import os
import pty
import select
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from presence_server import cli
from presence_server.commands.completion import SHELLS
from tests.support.peer import SOON_S
from tests.support.server import PROGRAM, STOP_S, environment

BIN: Final = str(Path(PROGRAM).parent)
QUIET: Final[dict[str, list[str]]] = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
}
READY: Final = {
    "bash": "source <(presence-server completion bash)",
    "zsh": "autoload -Uz compinit; compinit -u -D; source <(presence-server completion zsh)",
}


def variables(**more: str) -> Mapping[str, str]:
    path = f"{BIN}:{os.environ['PATH']}"
    return environment({"PATH": path, "TERM": "xterm", "PS1": "> ", "PROMPT": "> ", **more})


class Terminal:
    """A shell on a terminal of its own, in which one types."""

    def __init__(self, shell: str, folder: Path) -> None:
        self._fd, inner = pty.openpty()
        self._process = subprocess.Popen(
            QUIET[shell],
            stdin=inner,
            stdout=inner,
            stderr=inner,
            env=variables(HOME=str(folder), ZDOTDIR=str(folder)),
            cwd=folder,
            start_new_session=True,
        )
        os.close(inner)

    def type(self, keys: str, until: str) -> None:
        """Type keys, and wait until the screen says so."""
        os.write(self._fd, keys.encode())
        seen, deadline = "", time.monotonic() + SOON_S
        while until not in seen:
            assert select.select([self._fd], [], [], max(0, deadline - time.monotonic()))[0], seen
            seen += os.read(self._fd, 65_536).decode(errors="replace")

    def end(self) -> None:
        """Be done with it."""
        self._process.kill()
        self._process.wait(STOP_S)
        os.close(self._fd)


@contextlib.contextmanager
def terminal(shell: str, folder: Path) -> Iterator[Terminal]:
    """A shell that has loaded the script."""
    screen = Terminal(shell, folder)
    try:
        screen.type(f"{READY[shell]}; echo rea''dy\n", "ready")
        yield screen
    finally:
        screen.end()


def run(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run something to its end."""
    return subprocess.run(
        words, env=variables(**more), capture_output=True, text=True, timeout=STOP_S, check=False
    )


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_shell_completes_commands_options_choices_and_files(shell: str, tmp_path: Path) -> None:
    (tmp_path / "authority.pem").touch()
    with terminal(shell, tmp_path) as screen:
        screen.type("presence-server comp\t", "completion")
        screen.type("\x15presence-server serve --max-conn\t", "--max-connections")
        screen.type("\x15presence-server serve --log-level w\t", "warning")
        screen.type("\x15presence-server bench --ca auth\t", "authority.pem")


def test_fish_completes_with_a_word_on_each() -> None:
    asked = "presence-server completion fish | source; complete -C 'presence-server %s'"
    commands = run("fish", "--no-config", "-c", asked % "").stdout
    assert {line.split("\t")[0] for line in commands.splitlines()} == set(cli.COMMANDS)
    assert "bench\tPut load on" in commands
    options = run("fish", "--no-config", "-c", asked % "serve --log-").stdout
    assert "--log-level\twhat is logged" in options


def test_the_scripts_are_right_by_their_own_shells(tmp_path: Path) -> None:
    for shell in SHELLS:
        script = tmp_path / shell
        done = run(PROGRAM, "completion", shell)
        assert (done.returncode, done.stderr) == (0, "")
        script.write_text(done.stdout)
        checked = run(shell, "-n", str(script))
        assert (checked.returncode, checked.stderr) == (0, ""), shell


def test_without_a_name_it_is_the_shell_in_use(capsys: pytest.CaptureFixture[str]) -> None:
    def said(shell: str) -> tuple[int, str, str]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SHELL", shell)
            return (cli._run(["completion"]), *capsys.readouterr())

    assert said("/usr/bin/zsh")[1].startswith("#compdef presence-server")
    assert "COMP_WORDS" in said("/bin/bash")[1]
    for unknown in ("/bin/dash", ""):
        code, out, err = said(unknown)
        assert (code, out) == (2, "")
        assert "bash, zsh, fish" in err
