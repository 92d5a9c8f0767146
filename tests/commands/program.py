"""The program: as a process in a pipe, on a terminal of its own, or called here to save time."""

import contextlib
import grp
import io
import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from unittest.mock import patch

from rich.cells import cell_len

from presence_server.cli import main
from tests.clients.python_watch import OnTerminal
from tests.support.server import ADMIN_KEY, PROGRAM, SECRET, STOP_S, Server, environment

KEYS: Final = {"PRESENCE_JWT_SECRET": SECRET, "PRESENCE_ADMIN_KEY": ADMIN_KEY}
GROUP: Final = "adm"
ORDINARY: Final = (
    *("/usr/bin/unshare", "--user", "--map-user=65532"),
    f"--map-group={grp.getgrnam(GROUP).gr_gid}",
)
"""Runs a program as a user of this group without a right that others have not."""
ESCAPE: Final = re.compile(r"\x1b\[[\d;?]*[A-Za-z]")


class Ran(NamedTuple):
    """What a command came to."""

    code: int
    stdout: str
    stderr: str

    @property
    def rows(self) -> list[list[str]]:
        """Fields between tabs, by line."""
        return [line.split("\t") for line in self.stdout.splitlines()]

    def json(self) -> Any:
        """Its JSON."""
        return json.loads(self.stdout)


def surroundings(server: Server | None = None, **variables: str) -> dict[str, str]:
    """Keys, and where the admin listener of a server is."""
    found = KEYS if server is None else KEYS | {"PRESENCE_ADMIN_PORT": str(server.admin_port)}
    return {**found, **variables}


def run(*arguments: str, variables: Mapping[str, str] = KEYS, under: Sequence[str] = ()) -> Ran:
    """Run a command in a pipe, by another one if it is `under` that, until it ends by itself."""
    done = subprocess.run(
        [*under, PROGRAM, *arguments],
        env=environment(variables),
        capture_output=True,
        text=True,
        timeout=STOP_S,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def call(
    *arguments: str, variables: Mapping[str, str] = KEYS, onto: type[io.StringIO] = io.StringIO
) -> Ran:
    """The same without a process: a start takes half a second."""
    out, err = onto(), io.StringIO()
    with (
        patch.dict(os.environ, environment(variables), clear=True),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main(arguments)
        except SystemExit as end:
            code = int(end.code or 0)
    return Ran(code, out.getvalue(), err.getvalue())


def complaint(*arguments: str, code: int, variables: Mapping[str, str] = KEYS) -> str:
    """The one line on stderr of a command that ends with this code and says nothing else."""
    ran = call(*arguments, variables=variables)
    assert (ran.code, ran.stdout) == (code, ""), ran
    assert ran.stderr.startswith("presence-server: ")
    assert ran.stderr.count("\n") == 1
    assert ADMIN_KEY not in ran.stderr
    return ran.stderr


def on_terminal(
    *arguments: str,
    variables: Mapping[str, str] = KEYS,
    under: Sequence[str] = (),
    **size: Any,
) -> OnTerminal:
    """A command on a terminal of `columns` by `lines`."""
    known = environment({"TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **variables})
    kept = {name: value for name, value in known.items() if name not in ("COLUMNS", "LINES")}
    return OnTerminal(*under, PROGRAM, *arguments, variables=kept, **size)


def printed(*arguments: str, columns: int, variables: Mapping[str, str] = KEYS) -> list[str]:
    """The lines that a command leaves on a terminal of this width, without colours: all fit."""
    with on_terminal(*arguments, variables=variables, columns=columns) as terminal:
        terminal.wait_for_end()
        lines = [line.rstrip() for line in ESCAPE.sub("", terminal.seen).splitlines()]
    assert lines
    assert max(map(cell_len, lines)) <= columns, lines
    assert all(line.isprintable() for line in lines), lines
    return lines
