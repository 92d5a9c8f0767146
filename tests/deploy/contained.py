"""The real server as a container has it: process 1, a user that nothing knows, nothing to write to.

`unshare` and `mount` do what an engine does: namespaces for users, processes and mounts, every file
system read-only, no capability left, no variable but those of the image.
"""

import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.support.server import SECRET, Server

USER: Final = 65532
PATH: Final = "/usr/sbin:/usr/bin:/sbin:/bin"
_READ_ONLY: Final = """
set -eu
findmnt -rno TARGET,VFS-OPTIONS | while read -r target options; do
    mount -o "remount,bind,ro,${options#r?,}" "$target"
done
cd /
exec setpriv --no-new-privs --bounding-set=-all --inh-caps=-all --ambient-caps=-all -- "$@"
"""


def confined(command: Sequence[str]) -> list[str]:
    """A command that runs another so."""
    program = shutil.which("unshare", path=PATH)
    assert program, "the tests need util-linux"
    identity = (f"--map-user={USER}", f"--map-group={USER}", "--user", "--keep-caps")
    spaces = ("--pid", "--fork", "--kill-child", "--mount", "--mount-proc")
    return [program, *identity, *spaces, "sh", "-c", _READ_ONLY, "sh", *command]


class Contained(Server):
    """A `Server` that is process 1 of a container; `variables` are those of its image."""

    def __init__(self, command: Sequence[str], variables: Mapping[str, str]) -> None:
        super().__init__()
        self._command = confined(command)
        self._environment = {"PATH": PATH, "PRESENCE_JWT_SECRET": SECRET, **variables}

    def terminate(self) -> None:
        """Send SIGTERM to process 1, as an engine does: `unshare` passes none on."""
        self.signal(signal.SIGTERM)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to process 1, if it still runs."""
        for pid in self._inside():
            os.kill(pid, number)

    def _inside(self) -> list[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in children.read_text().split()] if children.exists() else []
