"""The recorder process from its start to its end: reads batches, has them written, answers.

It ends when the server hangs up, after what it was told is in the database; or after a few seconds
without that, so that nothing is left of a server that was killed.
"""

import asyncio
import contextlib
import gc
import logging
import os
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from presence_server import logs
from presence_server.history.channel import Channel
from presence_server.history.facts import Alive, Answer, Batch
from presence_server.history.folder import remove_if_left
from presence_server.history.questions import answer_questions, listen
from presence_server.history.setup import Setup
from presence_server.logs import crashes

if TYPE_CHECKING:
    from presence_server.history.writer import Writer

ALIVE_S: Final = 5.0
LAST_S: Final = 5.0
"""How long it tries once the server is gone."""
NICE: Final = 5
FAILED: Final = 1


def run(descriptor: int) -> None:
    """Record until the other end of the channel hangs up."""
    with contextlib.suppress(OSError):  # where that is forbidden, it is as nice as the server
        os.nice(NICE)
    code = asyncio.run(Recording().run(descriptor))
    logging.shutdown()
    # Not sys.exit: that would wait for threads, which may wait for a database.
    os._exit(code)


class Recording:
    """Runs once."""

    def __init__(self) -> None:
        self._channel = Channel(self._received, self._hung_up)
        self._over = asyncio.Event()
        self._writer: Writer | None = None
        self._socket: Path
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(Batch).decode
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self, descriptor: int) -> int:
        """The exit code: 0 if all that was told is in the database."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(crashes.in_loop)
        end = socket.socket(fileno=descriptor)
        end.setblocking(False)
        await loop.create_unix_connection(lambda: self._channel, sock=end)
        await self._over.wait()
        return 0 if self._writer is None else await self._finish(self._writer)

    # How

    def _received(self, frame: bytes) -> None:
        if self._writer is None:
            self._begin(msgspec.msgpack.decode(frame, type=Setup))
        else:
            self._writer.put(self._decode(frame))

    def _begin(self, setup: Setup) -> None:
        loop = asyncio.get_running_loop()
        logs.configure(setup)
        self._socket = Path(setup.questions)
        listening = listen(self._socket)
        # Half a second: whoever asks meanwhile is not turned away.
        from presence_server.history.writer import Writer

        self._writer = Writer(setup, lambda answer: loop.call_soon_threadsafe(self._say, answer))
        self._writer.ended.add_done_callback(lambda _: loop.call_soon_threadsafe(self._over.set))
        self._writer.start()
        self._tasks = [loop.create_task(self._live(self._writer))]
        if listening is not None:
            questions = answer_questions(setup.address, listening, self._writer.submit)
            self._tasks.append(loop.create_task(questions))
        gc.freeze()

    def _hung_up(self) -> None:
        self._over.set()

    def _say(self, answer: Answer) -> None:
        self._channel.send(self._encode(answer))

    async def _live(self, writer: "Writer") -> None:
        """Give signs of life, unless the writer is stuck: then the server is to end it."""
        while not writer.is_stuck(time.monotonic()):
            self._say(Alive())
            await asyncio.sleep(ALIVE_S)

    async def _finish(self, writer: "Writer") -> int:
        """Have the rest written."""
        writer.finish()
        ended = asyncio.wrap_future(writer.ended)
        await asyncio.wait({ended}, timeout=LAST_S)
        self._channel.close()
        remove_if_left(self._socket.parent)
        return 0 if ended.done() and ended.exception() is None else FAILED
