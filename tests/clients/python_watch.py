"""`presence-client watch` as a program, in a pipe or on a terminal, against a real server."""

import io
import json
import os
import pty
import re
import select
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Self

from presence_client import Standing
from presence_client.watch.frame import Moment, frame
from presence_client.watch.room import Room
from presence_client.watch.screen import paint
from rich.console import Console

from tests.support.server import ROOM, Server, environment, token

CLIENT: Final = Path(__file__).parents[2] / "clients" / "python"
SOON_S: Final = 20.0
COMMAND: Final = (sys.executable, "-m", "presence_client", "watch")

ALTERNATE, BACK = "\x1b[?1049h", "\x1b[?1049l"
HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"
SETSID: Final = "/usr/bin/setsid"
COLOUR: Final = re.compile(r"\x1b\[[\d;]*m")
CTRL_C: Final = b"\x03"


def surroundings(server: Server | None = None, **variables: str) -> dict[str, str]:
    """An environment in which the command finds the client, and the server."""
    found = {"PYTHONPATH": str(CLIENT), "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
    if server is not None:
        found["PRESENCE_URL"] = f"ws://127.0.0.1:{server.port}"
        found["PRESENCE_TOKEN"] = token("watcher", observe=True)
    kept = environment(found | variables)
    return {name: value for name, value in kept.items() if name not in ("COLUMNS", "LINES")}


def on_screen(room: Room, *, columns: int, lines: int, now: float) -> list[str]:
    """The lines that are painted of a room, without colours and the blanks at their ends."""
    moment = Moment(wall=now, standing_for=0.0, height=lines)
    out = io.StringIO()
    console = Console(
        file=out, width=columns, height=lines, highlight=False, markup=False, emoji=False
    )
    console.print(paint(frame(ROOM, room, Standing("online"), moment), columns))
    return [line.rstrip() for line in out.getvalue().splitlines()]


def run(*flags: str, variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run it in a pipe until it ends by itself."""
    return subprocess.run(
        [*COMMAND, *flags],
        env=variables,
        capture_output=True,
        text=True,
        timeout=SOON_S,
        check=False,
    )


class InPipe:
    """The command, writing into a pipe. It is ended with the `with` block."""

    def __init__(
        self, *flags: str, variables: Mapping[str, str], command: tuple[str, ...] = COMMAND
    ) -> None:
        self.process = subprocess.Popen(
            [*command, ROOM, *flags],
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self.process.stdout is not None
        self._out = self.process.stdout.fileno()
        self._read = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate(timeout=SOON_S)

    def line(self) -> Any:
        """The next line."""
        while b"\n" not in self._read:
            ready, _, _ = select.select([self._out], [], [], SOON_S)
            assert ready, "no line comes"
            more = os.read(self._out, 65_536)
            assert more, "no more lines"
            self._read += more
        line, _, self._read = self._read.partition(b"\n")
        return json.loads(line)

    def until(self, kind: str, **fields: Any) -> Any:
        """The next line of a kind that says this; those before it are skipped."""
        while True:
            line = self.line()
            if line["type"] == kind and fields.items() <= line.items():
                return line

    def end(self, signal: int) -> tuple[int, str]:
        """Send it a signal: its exit code, and what it complained of."""
        self.process.send_signal(signal)
        _, complaint = self.process.communicate(timeout=SOON_S)
        return self.process.returncode, complaint.decode()


class OnTerminal:
    """The command on a terminal of its own, `columns` by `lines`. Colours are not seen."""

    def __init__(
        self,
        *words: str,
        variables: Mapping[str, str],
        columns: int = 80,
        lines: int = 24,
    ) -> None:
        self._raw = b""
        self._told = 0
        self._keyboard, self._terminal = pty.openpty()
        termios.tcsetwinsize(self._terminal, (lines, columns))
        self._before = termios.tcgetattr(self._terminal)
        self.process = subprocess.Popen(
            [SETSID, "--ctty", *words],
            env=variables,
            stdin=self._terminal,
            stdout=self._terminal,
            stderr=self._terminal,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(SOON_S)
        os.close(self._keyboard)
        os.close(self._terminal)

    @property
    def seen(self) -> str:
        """What it wrote since the text that was waited for last."""
        return COLOUR.sub("", self._raw.decode(errors="replace"))[self._told :]

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._keyboard, keys)

    def wait_for(self, text: str) -> str:
        """Read until it shows a text that it did not show before; what came until then."""
        self._read(lambda: text in self.seen)
        before, _, _ = self.seen.partition(text)
        self._told += len(before + text)
        return before + text

    def wait_for_end(self) -> int:
        """Read until it ends; the exit code."""
        self._read(lambda: self.process.poll() is not None)
        while self._readable(0):
            self._take()
        return self.process.returncode

    def is_as_before(self) -> bool:
        """Whether the terminal's settings are those that it found."""
        return termios.tcgetattr(self._terminal) == self._before

    def resize(self, columns: int, lines: int) -> None:
        """Change the size of its window."""
        termios.tcsetwinsize(self._terminal, (lines, columns))

    def _read(self, until: Callable[[], bool]) -> None:
        deadline = time.monotonic() + SOON_S
        while not until():
            assert time.monotonic() < deadline, f"it never came: {self.seen[-3_000:]!r}"
            if self._readable(0.02):
                self._take()

    def _readable(self, seconds: float) -> bool:
        return bool(select.select([self._keyboard], [], [], seconds)[0])

    def _take(self) -> None:
        self._raw += os.read(self._keyboard, 65_536)


def watch(server: Server, **options: Any) -> OnTerminal:
    """Watch the room on a terminal."""
    return OnTerminal(*COMMAND, ROOM, variables=surroundings(server), **options)
