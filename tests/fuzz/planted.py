"""A harness with a bug in it, to see that a fuzzer finds one: `test_fuzz.py` runs it."""

from presence_server.core import codec
from presence_server.core.errors import BadMessage


class Planted(Exception):
    """The bug."""


def play(data: bytes) -> None:
    """Decode one message.

    Raises:
        Planted: if it says that somebody is away, which nothing else may take for a bug.

    """
    try:
        command = codec.decode(data)
    except (UnicodeDecodeError, BadMessage):
        return
    if isinstance(command, codec.Mark) and command.status == "away":
        raise Planted
