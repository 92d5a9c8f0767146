"""A folder in the temporary directory that is this server's alone, and lasts no longer than it.

A server that was killed can't remove its own. But a lock on it goes with the process, whatever ends
that: so its recorder, and whoever starts next, know those that nobody holds, and remove them.
"""

import contextlib
import fcntl
import os
import tempfile
import time
from pathlib import Path
from typing import Final

PREFIX: Final = "presence-history-"
SETTLED_S: Final = 60.0
"""A younger one may belong to a server that has not locked it yet."""


class PrivateFolder:
    """Close it. Where there is none to be had, its `path` is one that does not exist."""

    def __init__(self) -> None:
        self.path = Path("/nonexistent")
        self._lock: int | None = None
        with contextlib.suppress(OSError):
            _remove_old(Path(tempfile.gettempdir()))
            self.path = Path(tempfile.mkdtemp(prefix=PREFIX))
            self._lock = _locked(self.path)

    def close(self) -> None:
        """Remove it and what is in it."""
        _remove(self.path)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def remove_if_left(path: Path) -> None:
    """Remove a folder, unless a server lives whose it is."""
    with contextlib.suppress(OSError):
        lock = _locked(path)
        _remove(path)
        os.close(lock)


def _remove_old(parent: Path) -> None:
    """Remove those that servers of ours left behind."""
    for path in parent.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            found = path.lstat()
            is_old = time.time() - found.st_mtime > SETTLED_S
            if is_old and found.st_uid == os.geteuid():
                remove_if_left(path)


def _locked(path: Path) -> int:
    """The descriptor that holds the lock.

    Raises:
        OSError: if somebody holds it, or it can't be locked.

    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _remove(path: Path) -> None:
    """There are sockets in it, and nothing else."""
    with contextlib.suppress(OSError):
        for entry in path.iterdir():
            entry.unlink()
        path.rmdir()
