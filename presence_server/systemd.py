"""What a service manager is told (sd_notify(3)): ready, reloading, stopping, and still alive.

Without `NOTIFY_SOCKET` nothing happens.
"""

import contextlib
import socket
from collections.abc import Mapping
from typing import Final

STATUS_S: Final = 5.0
"""How often it is told how many are connected."""
BEATS: Final = 3.0
"""How many signs of life there are in the time in which one must come: two may be late or lost."""
MIN_BEAT_S: Final = 0.1
MAX_DIGITS: Final = 20
"""Of a time in 64 bits."""
WAIT_S: Final = 0.2
"""How long a manager that is busy is waited for, with what it must know."""


class Manager:
    """The service manager, if there is one. `pid` is that of this process."""

    def __init__(self, environment: Mapping[str, str], pid: int) -> None:
        self._address = _address(environment.get("NOTIFY_SOCKET", ""))
        self._socket = (
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            if self._address
            else None
        )
        watchdog = _watchdog_s(environment, pid) if self._address else None
        self._watched = watchdog is not None
        self.interval = (
            STATUS_S if watchdog is None else max(MIN_BEAT_S, min(STATUS_S, watchdog / BEATS))
        )
        self._status = ""

    @property
    def is_there(self) -> bool:
        """Whether there is anybody to tell: then call `beat` every `interval` seconds."""
        return self._socket is not None

    def ready(self, status: str) -> None:
        """The ports are open, or the settings were read again."""
        self._status = status
        self._tell(WAIT_S, "READY=1", f"STATUS={status}")

    def reloading(self, now: float) -> None:
        """The settings are read again, since `now` (monotonic); call `ready` after it."""
        self._tell(WAIT_S, "RELOADING=1", f"MONOTONIC_USEC={round(now * 1e6)}")

    def stopping(self, within: float) -> None:
        """The end has begun, and takes so many seconds at most."""
        usec = round(within * 1e6)
        self._tell(WAIT_S, "STOPPING=1", f"EXTEND_TIMEOUT_USEC={usec}", "STATUS=draining")

    def beat(self, status: str) -> None:
        """The event loop turns, and this is what goes on. A line that is lost is made up for."""
        lines = ["WATCHDOG=1"] if self._watched else []
        if status != self._status:
            lines.append(f"STATUS={status}")
            self._status = status
        if lines:
            self._tell(0.0, *lines)

    def close(self) -> None:
        """Tell nothing more."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _tell(self, wait: float, *lines: str) -> None:
        """Send it, unless nobody takes it: a server is not to fail of that."""
        if self._socket is not None:
            self._socket.settimeout(wait)
            with contextlib.suppress(OSError):
                # Connected, or the wait for a manager that is busy would spin.
                self._socket.connect(self._address)
                self._socket.send("\n".join(lines).encode())


def _address(named: str) -> str:
    """The address of a socket, which may be an abstract one; empty if it is of another kind."""
    if named.startswith("@"):
        return "\0" + named[1:]
    return named if named.startswith("/") else ""


def _watchdog_s(environment: Mapping[str, str], pid: int) -> float | None:
    """Within how many seconds a sign of life is wanted from this process; None if from none."""
    usec = environment.get("WATCHDOG_USEC", "")
    meant = environment.get("WATCHDOG_PID") or str(pid)
    if not usec.isdecimal() or len(usec) > MAX_DIGITS or int(usec) == 0 or meant != str(pid):
        return None
    return int(usec) / 1e6
