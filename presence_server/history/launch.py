"""Starts the recorder process, at the other end of a channel."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Coroutine, Mapping
from typing import Final, Protocol

from presence_server.history.channel import Channel

MODULE: Final = "presence_server.history.process"
_OURS: Final = ("PRESENCE_", "NOTIFY_SOCKET", "WATCHDOG_", "LISTEN_")
"""What begins so in the environment is the server's alone: secrets, and the service manager."""


class Child(Protocol):
    """The process; those of asyncio are such."""

    @property
    def returncode(self) -> int | None:
        """Its exit code, once it has ended."""

    def kill(self) -> None:
        """End it at once."""

    async def wait(self) -> int:
        """Wait for its end."""


Launch = Callable[[Channel], Coroutine[None, None, Child]]


async def launch(channel: Channel) -> Child:
    """Start it; `channel` is connected to it.

    It stays in the group of the server, so that whoever ends that ends both; it waits for the end
    of the channel instead of signals.

    Raises:
        OSError: if there is no process or descriptor to be had.

    """
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", MODULE, str(theirs.fileno())),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env=environment(os.environ),
            )
        except BaseException:
            ours.close()
            raise
    ours.setblocking(False)
    await asyncio.get_running_loop().create_unix_connection(lambda: channel, sock=ours)
    return child


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """The server's environment without what is none of the recorder's business."""
    return {name: value for name, value in variables.items() if not name.upper().startswith(_OURS)}
