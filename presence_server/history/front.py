"""Passes questions on to the recorder, and its answers back, piece by piece.

Runs in the server. An answer may be gigabytes long: no more of it is here than what is on its way.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, Literal

import orjson
from starlette.responses import Response

from presence_server.history.asking import Answer, Asker, Busy, Unanswered
from presence_server.history.stream import STALL_S, Stopped, Stream

Result = Literal["ok", "refused", "timeout", "unavailable", "failed"]
Count = Callable[[Result], object]
"""Told how each question ended."""

OK: Final = 200
SILENCE_S: Final = 60.0
"""Longer than anything takes by its own limits; an answer may take for ever if it keeps coming."""
HEAD_S: Final = 10.0
"""In which the answer to a question has to begin, unless it is one that takes its time."""
SLOW: Final = ("/check", "/export/")
MAX_QUESTIONS: Final = 40
"""At once: as many as the recorder lets wait. More would only cost the rooms time."""
RETRY_S: Final = 2
SHORT: Final = 65_536
"""Bytes of an answer that is passed on in one piece, which is cheaper."""

_PASSED_ON: Final = (
    *("content-type", "content-length", "content-disposition", "cache-control", "allow"),
    *("retry-after", "history-as-of", "history-lag-ms", "history-rows"),
)

_LOG: Final = logging.getLogger("presence_server")


class Front:
    """Asks the recorder that listens on the Unix socket `path`. Close it.

    `noted` sends on all that was noted, and says the number of the last batch. Who takes nothing
    for `stall_s` is cut off.
    """

    def __init__(
        self,
        path: str,
        count: Count,
        noted: Callable[[], int],
        silence_s: float = SILENCE_S,
        stall_s: float = STALL_S,
    ) -> None:
        self._count = count
        self._noted = noted
        self._stall_s = stall_s
        self._asker = Asker(path, MAX_QUESTIONS, silence_s)

    async def close(self) -> None:
        """Hang up on whoever still listens."""
        self._asker.close()

    async def ask(self, method: str, path: str, query: str) -> Response:
        """The answer to a question, or 503 if nobody answers."""
        try:
            async with asyncio.timeout(_patience(method, path)):
                answer = await self._asker.ask(method, f"{path}?{query}", *self._own(method))
        except TimeoutError:
            return self._unavailable(Unanswered("silence"))
        except Busy:
            return self._unavailable(None)
        except Unanswered as error:
            return self._unavailable(error)
        if answer.status == OK and not _is_short(answer):
            end = self._passed(answer)
            return Stream(answer.pieces(), _headers(answer), (Unanswered,), end, self._stall_s)
        try:
            return await self._whole(answer)
        except Unanswered as error:
            return self._unavailable(error)
        finally:
            answer.close()

    def _own(self, method: str) -> list[tuple[str, str]]:
        """With an erasure: what happened before it must not come after it."""
        return [("Presence-Noted", str(self._noted()))] if method == "DELETE" else []

    def _passed(self, answer: Answer) -> Callable[[Exception | None], Awaitable[None]]:
        """What is to be done when an answer was passed on, or a part of it."""

        async def end(failure: Exception | None) -> None:
            answer.close()  # the recorder can stop then
            self._count("failed" if failure else "ok")
            if failure:
                _LOG.warning("history: an answer was cut", extra=_reason(failure))

        return end

    async def _whole(self, answer: Answer) -> Response:
        body = b"".join([piece async for piece in answer.pieces()])
        self._count(_result(answer.status, body))
        return Response(body, answer.status, _headers(answer))

    def _unavailable(self, error: Unanswered | None) -> Response:
        """The answer where there is none, because of an error or of too many questions."""
        self._count("unavailable")
        if error is None:
            content = {"code": "busy", "message": "too many questions at once: try later"}
        else:
            _LOG.warning("history: no answer", extra=_reason(error))
            message = "history does not answer: try later"
            content = {"code": "history_unavailable", "message": message}
        headers = {"Retry-After": str(RETRY_S), "Cache-Control": "no-store"}
        return Response(orjson.dumps(content), 503, headers, "application/json")


def _patience(method: str, path: str) -> float | None:
    takes_long = method == "DELETE" or any(word in path for word in SLOW)
    return None if takes_long else HEAD_S


def _is_short(answer: Answer) -> bool:
    return int(answer.headers.get("content-length", SHORT + 1)) <= SHORT


def _reason(failure: Exception) -> dict[str, str]:
    if isinstance(failure, Unanswered):
        return {"reason": str(failure)}
    return {"reason": "stopped" if isinstance(failure, Stopped) else "nobody takes it"}


def _headers(answer: Answer) -> dict[str, str]:
    return {name: answer.headers[name] for name in _PASSED_ON if name in answer.headers}


def _result(status: int, body: bytes) -> Result:
    if status == OK:
        return "ok"
    if status < 500:
        return "refused"
    if status != 503:
        return "failed"
    return "timeout" if b'"query_timeout"' in body else "unavailable"
