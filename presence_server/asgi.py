"""Uvicorn in a loop that is running already, without its hands on signals and the log."""

import contextlib
import logging
from collections.abc import Iterator
from typing import Final

import uvicorn
from starlette.types import ASGIApp

_CUT_OFF: Final = "ASGI callable returned without completing response."
"""What uvicorn calls an error. Whoever cuts an answer off says why."""


class AsgiServer(uvicorn.Server):
    """Serves an application on sockets that are bound. A request's head has `max_head` bytes."""

    def __init__(self, app: ASGIApp, max_head: int) -> None:
        logging.getLogger("uvicorn.error").addFilter(_is_told)
        super().__init__(
            uvicorn.Config(
                app,
                access_log=False,
                log_config=None,
                log_level="error",
                lifespan="off",
                ws="none",
                timeout_graceful_shutdown=1,
                h11_max_incomplete_event_size=max_head,
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


def _is_told(record: logging.LogRecord) -> bool:
    return record.msg != _CUT_OFF
