"""The image, but for its build by an engine: each step that can be run without one is run."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
import venv
from collections.abc import Iterator
from fnmatch import fnmatch
from importlib.metadata import requires
from pathlib import Path
from typing import Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from presence_server import __version__
from presence_server.settings import PREFIX, Settings
from presence_server.sources import load
from tests.deploy.contained import USER, Contained, confined
from tests.deploy.containerfile import FOLDER, ROOT, Stage, stages
from tests.deploy.longest import longest
from tests.support.peer import pump
from tests.support.server import environment

BUILD, FINAL = stages()
HOME: Final = "/opt/presence-server"
HOSTS: Final = ("PRESENCE_HOST", "PRESENCE_ADMIN_HOST")
IN_IMAGE: Final = {
    "python_version": "3.13",
    "python_full_version": "3.13.0",
    "sys_platform": "linux",
    "platform_system": "Linux",
    "platform_python_implementation": "CPython",
    "implementation_name": "cpython",
    "os_name": "posix",
}

Lock = dict[str, tuple[str, frozenset[str]]]


def lock(path: Path) -> Lock:
    """Version and hashes of each package."""
    found = re.findall(r"^([\w.-]+)==([\w.]+)((?:.*\\\n)+.*)$", path.read_text(), re.MULTILINE)
    return {
        n: (version, frozenset(re.findall(r"sha256:\w{64}", rest))) for n, version, rest in found
    }


def needed(package: str) -> Iterator[str]:
    """What a package needs on the image's Python, and what that needs, by name."""
    wanted, seen = [Requirement(package)], set()
    while wanted:
        one = wanted.pop()
        for line in requires(one.name) or []:
            other = Requirement(line)
            extras = one.extras or {""}
            marker = other.marker
            is_here = marker is None or any(
                marker.evaluate({**IN_IMAGE, "extra": e}) for e in extras
            )
            if is_here and str(other) not in seen:
                seen.add(str(other))
                wanted.append(other)
                yield canonicalize_name(other.name)


def the(stage: Stage, name: str) -> str:
    """The rest of the one step of that name."""
    [step] = [step for step in stage if step.name == name]
    return step.rest


def words(name: str) -> list[str]:
    """What the one step of that name in the final stage runs, without a shell."""
    [step] = [step for step in FINAL if step.name == name]
    assert step.is_exec
    return step.words


def variables() -> dict[str, str]:
    """The variables of the image, but for its path."""
    found: dict[str, str] = {}
    for step in FINAL:
        found |= step.pairs if step.name == "ENV" else {}
    return {name: value for name, value in found.items() if name != "PATH"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the build stage makes of `HOME`, by its own steps.

    They run in a folder with what is copied and nothing else. The packages are those of this
    environment, which was installed by the same hashes: to fetch and compile them takes 20 s.
    """
    folder = tmp_path_factory.mktemp("image")
    source, made = folder / "source", folder / "home"
    source.mkdir()
    python = _python_of_the_base(folder / "python")
    for step in BUILD:
        if step.name == "COPY":
            *names, to = step.words
            for name in names:
                _copy(ROOT / name, source / to)
        elif step.name == "RUN" and "requirements.lock" not in step.rest:
            _run(step.rest.replace(HOME, str(made)), source, python)
    _borrow_packages(made)
    return made


def _copy(what: Path, to: Path) -> None:
    if what.is_dir():
        shutil.copytree(what, to, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(what, to)


def _python_of_the_base(folder: Path) -> Path:
    venv.create(folder, with_pip=False)
    _borrow_packages(folder)
    return folder / "bin"


def _borrow_packages(folder: Path) -> None:
    [site] = folder.glob("lib/python*/site-packages")
    [ours] = Path(sys.prefix).glob("lib/python*/site-packages")
    (site / "borrowed.pth").write_text(str(ours))


def _run(command: str, where: Path, path: Path) -> None:
    variables = {"PATH": f"{path}:{os.environ['PATH']}", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=where,
        env=environment(variables),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def contained(home: Path) -> Contained:
    """The server as the image has it, but on the loopback.

    It lets people in even when it has just stood still.
    """
    own = {name: value for name, value in variables().items() if name not in HOSTS}
    command = [word.replace(HOME, str(home)) for word in (*words("ENTRYPOINT"), *words("CMD"))]
    return Contained(command, own | {"PRESENCE_OVERLOAD_LAG": "0"})


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[Contained]:
    with contained(home) as server:
        yield server


# What it is made of


def test_the_lock_has_what_the_server_needs_and_nothing_else() -> None:
    assert set(lock(FOLDER / "requirements.lock")) == set(needed("presence-server[postgresql]"))


def test_the_image_has_the_very_packages_that_the_tests_run_with() -> None:
    tested = lock(ROOT / "tests" / "requirements.lock")
    image = lock(FOLDER / "requirements.lock")
    assert image == {name: tested.get(name) for name in image}
    assert all(hashes for _, hashes in image.values())


def test_what_builds_the_wheel_is_what_the_project_asks_for() -> None:
    pinned = lock(FOLDER / "build.lock")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    for line in project["build-system"]["requires"]:
        wanted = Requirement(line)
        assert wanted.specifier.contains(pinned[wanted.name][0])


def test_all_that_is_copied_is_in_the_repository_and_gets_to_the_engine() -> None:
    git = shutil.which("git")
    assert git
    listed = subprocess.run(
        [git, "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    ).stdout.splitlines()
    rules = (ROOT / ".dockerignore").read_text().splitlines()
    kept = [rule[1:] for rule in rules if rule.startswith("!")]
    sources = [name for step in BUILD if step.name == "COPY" for name in step.words[:-1]]
    assert "*" in rules
    assert sources
    for name in sources:
        assert any(file == name or file.startswith(f"{name}/") for file in listed), name
        assert any(fnmatch(name, pattern) for pattern in kept), name


def test_the_steps_of_the_build_stage_install_the_server(home: Path) -> None:
    program = home / "bin" / "presence-server"
    said = subprocess.run(
        [program, "--version"], capture_output=True, text=True, timeout=20, check=True
    )
    assert said.stdout == f"presence-server {__version__}\n"
    [installed] = home.glob("lib/python*/site-packages/presence_server")
    assert (installed / "demo" / "static" / "index.html").is_file()
    assert list(installed.parent.glob("presence_server-*/licenses/LICENSE"))
    assert not (installed.parent / "pip").exists()


# What it says of itself


def test_both_stages_stand_on_the_same_python() -> None:
    base = BUILD[0].rest.split()[0]
    assert FINAL[0].rest == base == "${PYTHON}"
    assert re.search(
        r"^ARG PYTHON=python:3\.13-slim-\w+$", (FOLDER / "Containerfile").read_text(), re.MULTILINE
    )


def test_its_variables_are_settings_that_the_server_takes() -> None:
    settings = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    given = {name: value for name, value in variables().items() if name.startswith(PREFIX)}
    assert given == dict.fromkeys(HOSTS, "0.0.0.0")  # noqa: S104 - it is a container's own
    assert set(given) <= settings


def test_the_public_port_is_exposed_and_the_admin_port_is_not() -> None:
    assert the(FINAL, "EXPOSE") == str(Settings.model_fields["port"].default)


def test_it_runs_as_a_user_without_a_name_and_signals_reach_it() -> None:
    assert the(FINAL, "USER") == f"{USER}:{USER}"
    assert the(FINAL, "STOPSIGNAL") == "SIGTERM"
    assert words("ENTRYPOINT") + words("CMD") == [f"{HOME}/bin/presence-server", "serve"]


def test_its_labels_have_the_version() -> None:
    [label] = [step.pairs for step in FINAL if step.name == "LABEL"]
    assert label["org.opencontainers.image.version"] == __version__
    for file in ("Containerfile", "README.md"):
        tags = re.findall(r"presence-server:(\d[\w.]*)", (FOLDER / file).read_text())
        assert set(tags) == {__version__}, file


def test_an_engine_that_follows_the_readme_waits_until_it_has_drained() -> None:
    [seconds] = re.findall(r"--stop-timeout (\d+)", (FOLDER / "README.md").read_text())
    assert int(seconds) > longest(load())


# What it does


def test_the_container_of_these_tests_confines() -> None:
    said = subprocess.run(
        confined(["sh", "-c", "id -u; echo $$; grep CapEff /proc/self/status; touch /tmp/x /x; :"]),
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    assert said.stdout.split() == [str(USER), "1", "CapEff:", "0" * 16]
    assert said.stderr.count("Read-only file system") == 2


def test_it_serves_where_nothing_can_be_written(server: Contained) -> None:
    ann, bob = server.enter("ann"), server.enter("bob")
    ann.update("/read-only")
    pump([ann, bob], lambda: bob.sees("ann", "/read-only"))
    ann.drop()
    bob.drop()


def test_the_health_check_tells_a_server_that_turns_from_one_that_does_not(
    server: Contained, home: Path
) -> None:
    assert healthcheck(home, server.admin_port) == 0
    with stopped(server):
        assert healthcheck(home, server.admin_port) == 1
    assert healthcheck(home, server.admin_port) == 0


def test_sigterm_to_process_1_drains_and_ends_it(home: Path) -> None:
    with contained(home) as server:
        cat = server.enter("cat")
        server.terminate()
        pump([cat], lambda: cat.closed == (1012, "server is restarting"))
        cat.drop()
        assert server.wait() == 0
        assert healthcheck(home, server.admin_port) == 1


def healthcheck(home: Path, port: int) -> int:
    """The exit code of the image's own health check."""
    command = [word.replace(HOME, str(home)) for word in words("HEALTHCHECK")]
    admin = {"PRESENCE_ADMIN_PORT": str(port)}
    return subprocess.run(
        command, env=admin, capture_output=True, timeout=10, check=False
    ).returncode


@contextlib.contextmanager
def stopped(server: Contained) -> Iterator[None]:
    """While its loop stands still."""
    server.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        server.signal(signal.SIGCONT)
