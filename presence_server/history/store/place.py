"""Which file of SQLite is in use at a path. It may be removed or replaced under a running server.

SQLite does not notice: it goes on with the file it has open, while it finds the log beside it by
name, and would apply it to any file. So that log must be gone before another file is opened there,
and readers open none before the writer did.
"""

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

Identity = tuple[int, int]


class _Place(NamedTuple):
    """What the writer of this process opened last."""

    file: Path
    identity: Identity | None
    log: int | None
    """A descriptor, so that no other file gets its identity. SQLite holds no lock on it."""
    memory: Identity | None


_PLACES: Final[dict[Path, _Place]] = {}


def identity(path: Path) -> Identity | None:
    """Which file is there now; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def note(path: Path, opened: Identity | None) -> None:
    """The writer has opened this file, and the log beside it."""
    old = _PLACES.get(path)
    file = path.resolve()
    memory = identity(_beside(file, "-shm"))
    _PLACES[path] = _Place(file, opened, _hold(_beside(file, "-wal")), memory)
    if old is not None and old.log is not None:
        os.close(old.log)


def is_other(path: Path) -> bool:
    """Whether the file that the writer opened is not there any more."""
    place = _PLACES.get(path)
    return place is not None and identity(path) != place.identity


def clear(path: Path) -> None:
    """Remove the log of a file that is not there any more, if it is the one that was in use."""
    place = _PLACES.get(path)
    if place is None or identity(place.file) == place.identity:
        return
    log = None if place.log is None else _identity_of(place.log)
    for end, ours in (("-wal", log), ("-shm", place.memory)):
        beside = _beside(place.file, end)
        if ours is not None and identity(beside) == ours:
            beside.unlink(missing_ok=True)


def leave(path: Path, connection: sqlite3.Connection) -> None:
    """Before the writer closes: complete a file that was moved away, clear up for another.

    SQLite does neither then: it looks whether the file has moved, and removes no log if so.
    """
    place = _PLACES.get(path)
    if place is None or identity(place.file) == place.identity:
        return
    with suppress(sqlite3.Error):
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    clear(path)


def _beside(file: Path, end: str) -> Path:
    return file.with_name(file.name + end)


def _hold(path: Path) -> int | None:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None


def _identity_of(descriptor: int) -> Identity:
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino
