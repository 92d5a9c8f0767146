"""A program that runs another one under what systemd lets a service do: `confined UNIT COMMAND…`.

It applies the unit's SystemCallFilter, MemoryDenyWriteExecute and RestrictAddressFamilies, as
systemd does: with a filter of libseccomp. Without the mounts, users and namespaces of the unit.
"""

import ctypes
import errno
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

ALLOW: Final = 0x7FFF0000
REFUSE: Final = 0x00050000 | errno.EPERM
EQUAL: Final = 4
MASKED_EQUAL: Final = 7
WRITE: Final = 2
EXECUTE: Final = 4
PROTECTION: Final = 2
"""Which argument of mmap and mprotect says what the memory may be used for."""

_library: Any = ctypes.CDLL("libseccomp.so.2", use_errno=True)
_library.seccomp_init.restype = ctypes.c_void_p


class _Comparison(ctypes.Structure):
    _fields_ = (
        ("argument", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("one", ctypes.c_uint64),
        ("other", ctypes.c_uint64),
    )


def values(unit: str, name: str) -> list[str]:
    """What a unit file has for a name, each time that it is there."""
    lines = Path(unit).read_text().splitlines()
    return [line.partition("=")[2] for line in lines if line.startswith(f"{name}=")]


def system_calls(filters: list[str]) -> set[str]:
    """Those that the lines of a SystemCallFilter leave: behind a `~` they are taken away."""
    allowed: set[str] = set()
    for line in filters:
        named = {call for word in line.lstrip("~").split() for call in _expand(word)}
        allowed = allowed - named if line.startswith("~") else allowed | named
    return allowed


def _expand(word: str) -> Iterator[str]:
    if not word.startswith("@"):
        yield word
        return
    shown = subprocess.run(
        ["systemd-analyze", "syscall-filter", word],  # noqa: S607 - whichever is installed
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for line in shown.splitlines()[1:]:
        name = line.split("#")[0].strip()
        if name:
            yield from _expand(name)


def confine(unit: str) -> None:
    """Let this process, and what it runs, do no more than the unit says."""
    context = ctypes.c_void_p(_library.seccomp_init(REFUSE))
    for name in system_calls(values(unit, "SystemCallFilter")):
        if name in ("mmap", "mprotect", "pkey_mprotect"):
            pieces = (0, WRITE, EXECUTE) if name == "mmap" else (0, WRITE)
            for piece in pieces:
                _allow(context, name, (PROTECTION, MASKED_EQUAL, WRITE | EXECUTE, piece))
        elif name == "socket":
            (families,) = values(unit, "RestrictAddressFamilies")
            for family in families.split():
                _allow(context, name, (0, EQUAL, int(getattr(socket, family)), 0))
        else:
            _allow(context, name)
    if _library.seccomp_load(context):
        raise OSError("the filter was not taken")


def _allow(context: ctypes.c_void_p, name: str, *comparisons: tuple[int, int, int, int]) -> None:
    number = _library.seccomp_syscall_resolve_name(name.encode())
    array = (_Comparison * len(comparisons))(*(_Comparison(*each) for each in comparisons))
    _library.seccomp_rule_add_array(context, ALLOW, number, len(comparisons), array)


if __name__ == "__main__":
    confine(sys.argv[1])
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - that is what it is for
