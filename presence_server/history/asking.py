"""Asks the recorder over its Unix socket: HTTP/1.1, a connection for each question.

Client libraries for any server take longer to ask than the recorder takes to answer.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Final, TypeVar

import h11

CONNECT_S: Final = 2.0
PIECE: Final = 65_536

Result = TypeVar("Result")
Event = h11.Event | type[h11.PAUSED] | type[h11.NEED_DATA]


class Unanswered(Exception):
    """No answer came, or only a part of one; its text is the reason."""


class Busy(Exception):
    """So many questions are being asked that one more has to wait elsewhere."""


class Asker:
    """Asks who listens on the Unix socket `path`, `most` questions at once. Close it.

    Whoever says nothing for `silence_s` is waited for no longer.
    """

    def __init__(self, path: str, most: int, silence_s: float) -> None:
        self._path = path
        self._silence_s = silence_s
        self._free = asyncio.Semaphore(most)
        self._open: set[Answer] = set()

    def close(self) -> None:
        """Hang up, whatever is on its way."""
        for answer in list(self._open):
            answer.close()

    async def ask(self, method: str, target: str, *headers: tuple[str, str]) -> "Answer":
        """The answer, once it begins. Close it.

        Raises:
            Busy: if it would be one too many at once.
            Unanswered: if none does.

        """
        if self._free.locked():
            raise Busy
        await self._free.acquire()
        try:
            connecting = asyncio.open_unix_connection(self._path, limit=PIECE)
            streams = await _within(CONNECT_S, connecting, "nobody listens")
        except BaseException:
            self._free.release()
            raise
        answer = Answer(*streams, self._silence_s, self._closed)
        self._open.add(answer)
        try:
            await answer.begin(method, target, *headers)
        except BaseException:
            answer.close()
            raise
        return answer

    def _closed(self, answer: "Answer") -> None:
        self._open.discard(answer)
        self._free.release()


class Answer:
    """An answer that comes piece by piece: no more of it is here than what was asked for."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        silence_s: float,
        closed: Callable[["Answer"], None],
    ) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self._reader = reader
        self._writer = writer
        self._silence_s = silence_s
        self._closed: Callable[[Answer], None] | None = closed
        self._http = h11.Connection(h11.CLIENT, PIECE)

    def close(self) -> None:
        """Hang up: nobody has to go on answering."""
        if self._closed is not None:
            self._writer.transport.abort()
            self._closed(self)
            self._closed = None

    async def begin(self, method: str, target: str, *more: tuple[str, str]) -> None:
        """Ask, and wait for the head. Raises `Unanswered`."""
        headers = [("Host", "recorder"), ("Accept-Encoding", "identity"), ("Connection", "close")]
        with _cut():
            request = h11.Request(method=method, target=target, headers=[*headers, *more])
            head = self._http.send(request)
            end = self._http.send(h11.EndOfMessage())
        self._writer.write((head or b"") + (end or b""))
        event = await self._next()
        while isinstance(event, h11.InformationalResponse):
            event = await self._next()
        if isinstance(event, h11.Response):
            self.status = event.status_code
            self.headers = {name.decode(): value.decode("latin-1") for name, value in event.headers}

    async def pieces(self) -> AsyncIterator[bytes]:
        """What it consists of. Raises `Unanswered` if the end is missing."""
        while isinstance(event := await self._next(), h11.Data):
            yield bytes(event.data)

    async def _next(self) -> Event:
        while True:
            with _cut():
                event = self._http.next_event()
            if event is not h11.NEED_DATA:
                return event
            data = await _within(self._silence_s, self._reader.read(PIECE))
            with _cut():
                self._http.receive_data(data)


async def _within(
    seconds: float, coming: Awaitable[Result], otherwise: str = "it hung up"
) -> Result:
    try:
        async with asyncio.timeout(seconds):
            return await coming
    except TimeoutError:
        raise Unanswered("silence") from None
    except OSError:
        raise Unanswered(otherwise) from None


@contextlib.contextmanager
def _cut() -> Iterator[None]:
    try:
        yield
    except h11.ProtocolError:
        raise Unanswered("it hung up") from None
