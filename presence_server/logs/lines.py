"""A record as a line, for people or for programs.

What both show is decided once, in `entry`. Of a library's record that is the sentence alone,
without what it would put into it: that may be a request line, and in it a token.
"""

import json
import logging
import re
from datetime import UTC, datetime
from typing import Any, Final

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.orjson import OrjsonFormatter

from presence_server.logs import tracebacks

OURS: Final = "presence_server"
"""The logger whose sentences are known to hold nothing of a client's."""

_OF_A_RECORD: Final = frozenset({*RESERVED_ATTRS, "taskName"})
_PLAIN: Final = re.compile(r"[\w.:/@+~*-]+", re.ASCII)
_INDENT: Final = "\n    "


def is_ours(logger: str) -> bool:
    """Whether a logger is one of this package's own modules."""
    return logger == OURS or logger == f"{OURS}.connections"


def entry(record: logging.LogRecord) -> dict[str, Any]:
    """What is shown of a record, in this order; fields that are None are left out."""
    moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    shown: dict[str, Any] = {
        "time": moment.removesuffix("+00:00") + "Z",
        "level": record.levelname.lower(),
        "message": record.getMessage() if is_ours(record.name) else _sentence(record),
    }
    if not is_ours(record.name):
        shown["logger"] = record.name
    fields = record.__dict__.items()
    shown |= {name: it for name, it in fields if name not in _OF_A_RECORD and it is not None}
    if record.exc_info and record.exc_info[1]:
        shown["exception"] = tracebacks.render(record.exc_info[1])
    return {name: _encodable(value) for name, value in shown.items()}


def _sentence(record: logging.LogRecord) -> str:
    return str(record.msg).partition("\n")[0]


class JsonLines(OrjsonFormatter):
    """One JSON object for each record."""

    def format(self, record: logging.LogRecord) -> str:
        """The object."""
        return self.serialize_log_record(entry(record))


class TextLines(logging.Formatter):
    """`2026-11-21T20:51:52.123Z info    message  key=value …`; a traceback follows, indented.

    No value can look like the beginning of a line, or of another field.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        shown = entry(record)
        time, level, message = (shown.pop(name) for name in ("time", "level", "message"))
        exception = shown.pop("exception", None)
        fields = " ".join(f"{name}={_value(value)}" for name, value in shown.items())
        line = f"{time} {level:<7} {_visible(message)}" + (f"  {fields}" if fields else "")
        if exception is not None:
            line += _INDENT + _INDENT.join(map(_visible, exception.split("\n")))
        return line


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    return text if _PLAIN.fullmatch(text) else _quoted(text)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=not text.isprintable())


def _visible(text: str) -> str:
    """`text` without characters that a terminal would obey."""
    return text if text.isprintable() else _quoted(text)[1:-1]


def _encodable(value: object) -> object:
    """A file name may hold bytes that are no UTF-8, which Python keeps as lone surrogates."""
    if isinstance(value, str) and not value.isascii():
        return value.encode(errors="backslashreplace").decode()
    return value
