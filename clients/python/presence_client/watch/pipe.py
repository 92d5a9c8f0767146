"""Writing to a file descriptor without ever holding up the event loop.

A blocked loop answers no pings, and the server would take us for dead. The descriptor is shared
with other processes, so it stays as it is: blocking.
"""

import asyncio
import os
import select
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

CHUNK: Final = select.PIPE_BUF if hasattr(select, "PIPE_BUF") else 512
"""What a descriptor that says it is writable takes at once (POSIX)."""


class Pipe:
    """A file descriptor to write to; a regular file or a terminal will do too."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    async def write(self, data: bytes) -> None:
        """Write all of it. Raises BrokenPipeError if nobody reads. One at a time, please."""
        rest = memoryview(data)
        while rest:
            await self._writable()
            rest = rest[os.write(self._fd, rest[:CHUNK]) :]

    async def _writable(self) -> None:
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        try:
            loop.add_writer(self._fd, ready.set)
        except (PermissionError, NotImplementedError):  # a regular file, or Windows
            return
        try:
            await ready.wait()
        finally:
            loop.remove_writer(self._fd)

    @contextmanager
    def on_hang_up(self, tell: Callable[[], None]) -> Iterator[None]:
        """Meanwhile `tell` is called when the reader of a pipe goes, written to or not."""
        loop = asyncio.get_running_loop()
        is_heard = stat.S_ISFIFO(os.fstat(self._fd).st_mode)
        if is_heard:
            # The end for writing never has anything to read: what wakes us is the hang-up.
            with suppress(NotImplementedError):  # Windows: the next write finds out
                loop.add_reader(self._fd, tell)
        try:
            yield
        finally:
            if is_heard:
                with suppress(NotImplementedError):
                    loop.remove_reader(self._fd)
