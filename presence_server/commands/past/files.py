"""Where an export goes: to a file that is there when it is whole, or to stdout."""

import codecs
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from presence_server.commands import output
from presence_server.commands.past.showing import printable

Write = Callable[[bytes], object]


def opened(file: Path | None) -> AbstractContextManager[Write]:
    """What to write to, until the end of the `with` block. An error in it leaves no file."""
    if file is None:
        return _on_terminal() if output.is_terminal() else _in_pipe()
    file = Path(os.path.realpath(file))
    return _through(file) if file.exists() and not file.is_file() else _beside(file)


@contextmanager
def _in_pipe() -> Iterator[Write]:
    yield sys.stdout.buffer.write
    sys.stdout.buffer.flush()


@contextmanager
def _on_terminal() -> Iterator[Write]:
    """Lines without anything that a terminal would act on."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    begun = ""

    def write(piece: bytes) -> None:
        nonlocal begun
        *lines, begun = (begun + decoder.decode(piece)).split("\n")
        output.tell(printable(line.rstrip("\r")) for line in lines)

    yield write
    if begun:
        output.tell([printable(begun)])


@contextmanager
def _through(device: Path) -> Iterator[Write]:
    """A pipe or a device, which is not to be replaced."""
    with device.open("wb") as out:
        yield out.write


@contextmanager
def _beside(file: Path) -> Iterator[Write]:
    """A file that takes the place of another one at the end, with its permissions."""
    part = file.with_name(f".export-{os.getpid()}.part")
    with part.open("xb") as out:
        try:
            yield out.write
            out.flush()
            os.fsync(out.fileno())
            if file.exists():
                shutil.copymode(file, part)
            part.replace(file)
        except BaseException:
            part.unlink()
            raise
