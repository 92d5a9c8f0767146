"""Exceptions that nobody caught, as lines like all others.

Python and asyncio would write what they have at hand: the exception's text, and the arguments of
what failed, such as a token.
"""

import asyncio
import logging
import re
import sys
import threading
from types import TracebackType
from typing import Any, Final

_LOG: Final = logging.getLogger("presence_server")
_ARGUMENTS: Final = re.compile(r"[<({\['\"\n].*", re.DOTALL)
"""Where in a sentence of asyncio's the objects begin."""


def install() -> None:
    """Have the interpreter tell the log."""
    sys.excepthook = _main_ended
    sys.unraisablehook = _was_unraisable
    threading.excepthook = _thread_ended


def in_loop(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Tell of an exception in the event loop: for `loop.set_exception_handler`."""
    del loop
    what = _ARGUMENTS.sub("", str(context.get("message", ""))).strip()
    _LOG.error(
        "an exception in the event loop", exc_info=context.get("exception"), extra={"what": what}
    )


def _main_ended(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        _LOG.error("ended by a fault of its own", exc_info=error)


def _thread_ended(args: threading.ExceptHookArgs) -> None:
    _LOG.error("a thread was ended by a fault of its own", exc_info=args.exc_value)


def _was_unraisable(args: "sys.UnraisableHookArgs") -> None:
    _LOG.error("an exception that could not be raised", exc_info=args.exc_value)
