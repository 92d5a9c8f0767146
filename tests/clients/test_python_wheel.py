"""The client is installable on its own: a wheel, in an environment that has nothing else."""

import signal
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
from presence_client import __version__

from tests.clients.python_watch import CLIENT, InPipe, OnTerminal, surroundings
from tests.support.server import ROOM, Server, environment

PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")


def output(*words: str | Path) -> str:
    """What a program prints, where nothing of this repository is on the path."""
    done = subprocess.run(
        words,
        capture_output=True,
        text=True,
        env=environment({"PYTHONPATH": "", "COLUMNS": "80"}),
        cwd="/",
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a checkout."""
    folder = tmp_path_factory.mktemp("dist")
    output(*PIP, "wheel", "--no-deps", "--wheel-dir", folder, CLIENT)
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` of a fresh environment with the wheel and what it pulls in."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=False)
    output(*PIP, "--python", folder / "bin" / "python", "install", wheel)
    return folder / "bin"


def test_it_pulls_in_websockets_and_nothing_else(installed: Path) -> None:
    pulled = {folder.name.split("-")[0] for folder in installed.parent.rglob("*.dist-info")}
    assert pulled == {"presence_client", "websockets"}


def test_it_is_imported_without_the_server_and_without_rich(installed: Path) -> None:
    code = (
        "import sys, presence_client as it\n"
        "print(it.__version__, 'rich' in sys.modules, it.__file__)"
    )
    version, has_rich, file = output(installed / "python", "-c", code).split()
    assert (version, has_rich) == (__version__, "False")
    assert Path(file).is_relative_to(installed.parent)


def test_the_wheel_is_typed_and_has_the_command(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "presence_client/py.typed" in names
    assert "presence_client/watch/screen.py" in names
    assert {name.split("/")[0] for name in names} == {
        "presence_client",
        f"presence_client-{__version__}.dist-info",
    }


def test_its_version_is_that_of_the_package(wheel: Path, installed: Path) -> None:
    said = output(installed / "presence-client", "--version")
    assert said == f"presence-client {wheel.name.split('-')[1]}\n"


def test_its_help_tells_every_option(installed: Path) -> None:
    assert "watch" in output(installed / "presence-client", "--help")
    said = output(installed / "presence-client", "watch", "--help")
    options = ("--url", "--party", "--token", "--token-command", "--json", "--cursors")
    for word in (*options, "ROOM", "PRESENCE_URL", "PRESENCE_TOKEN", "exit codes"):
        assert word in said
    assert max(map(len, said.splitlines())) <= 80


def test_its_command_watches_a_real_room_in_a_pipe(installed: Path) -> None:
    command = (str(installed / "presence-client"), "watch")
    with Server() as server:
        variables = surroundings(server, PYTHONPATH="")
        with InPipe(variables=variables, command=command) as watcher:
            watcher.until("reset")
            server.enter("ann")
            assert watcher.until("joined")["userId"] == "ann"
            assert watcher.end(signal.SIGINT) == (0, "")


def test_on_a_terminal_it_says_that_it_wants_rich(installed: Path) -> None:
    words = (str(installed / "presence-client"), "watch", ROOM, "--token", "t")
    with OnTerminal(*words, variables=surroundings(PYTHONPATH="")) as terminal:
        assert terminal.wait_for_end() == 2
        assert "pip install 'presence-client[watch]'" in terminal.seen
