"""Each known failure, put back, is seen by a test: otherwise the tests prove nothing."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.mutants import MUTANTS, Mutant

ROOT = Path(__file__).parents[2]
PARTS = ("presence_server", "clients/python", "tests", "protocol", "pyproject.toml")
FAILED = 1


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what the tests need."""
    ignore = shutil.ignore_patterns("node_modules", "__pycache__", "build", ".hypothesis")
    for part in PARTS:
        target = tmp_path / part
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, target, ignore=ignore)
        else:
            shutil.copy(ROOT / part, target)
    return tmp_path


def run(tree: Path, tests: str) -> subprocess.CompletedProcess[str]:
    """Run some of the tests in `tree`, on the code in `tree`."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", tests]
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
