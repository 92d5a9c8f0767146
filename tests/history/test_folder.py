"""The folder of a server is its own while it lives, and is not left for ever if it is killed."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from presence_server.history.folder import SETTLED_S, PrivateFolder, remove_if_left

HOLDS = (
    "from presence_server.history.folder import PrivateFolder; import time;"
    "print(PrivateFolder().path, flush=True); time.sleep(60)"
)


@pytest.fixture(autouse=True)
def parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary directory that has nothing else in it."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def aged(path: Path) -> Path:
    """As if it had been there for long."""
    at = time.time() - 2 * SETTLED_S
    os.utime(path, (at, at), follow_symlinks=False)
    return path


def killed(parent: Path) -> Path:
    """What a server leaves that was killed."""
    variables = {**os.environ, "TMPDIR": str(parent)}
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS], env=variables, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        path = Path(process.stdout.readline().strip())
        (path / "questions").touch()
        remove_if_left(aged(path))
        PrivateFolder().close()
        assert path.is_dir(), "whose it is lives"
        process.send_signal(signal.SIGKILL)
    return path


def test_what_a_killed_server_left_is_removed_by_the_next_and_not_before(parent: Path) -> None:
    left = aged(killed(parent))
    mine = PrivateFolder()
    assert [*parent.iterdir()] == [mine.path]
    assert not left.exists()
    mine.close()
    assert [*parent.iterdir()] == []


def test_one_that_is_held_or_new_or_not_one_of_ours_stays(parent: Path) -> None:
    first = PrivateFolder()
    aged(first.path)
    (parent / "presence-history-new").mkdir()
    (parent / "target").mkdir()
    (parent / "target" / "kept").touch()
    (parent / "presence-history-link").symlink_to(aged(parent / "target"))
    aged(parent / "presence-history-link")
    (parent / "presence-history-file").touch()
    aged(parent / "presence-history-file")
    there = {*parent.iterdir()}
    second = PrivateFolder()
    assert {*parent.iterdir()} == {*there, second.path}
    assert (parent / "target" / "kept").exists()
    for one in (first, second):
        one.close()
        one.close()


def test_a_server_without_a_temporary_directory_goes_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    folder = PrivateFolder()
    assert not folder.path.exists()
    folder.close()
