"""Keeps of many inputs the few that reach all that they reach together.

`python -m tests.fuzz.distil HARNESS FOLDER… TO` (with `PYTHONPATH=clients/python`) copies into `TO`
what is needed of the first folder, then what the next ones add to that. What is reached is counted
in steps from one line of the server to the next.
"""

import importlib
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, Final

SERVER: Final = str(Path(__file__).parents[2] / "presence_server")

Step = tuple[str, int, int]
Trace = Callable[[FrameType, str, Any], Any]


def steps_of(play: Callable[[bytes], None], data: bytes) -> set[Step]:
    """From which line of the server to which an input has led."""
    steps: set[Step] = set()

    def enter(frame: FrameType, _event: str, _argument: Any) -> Trace | None:
        file = frame.f_code.co_filename
        if not file.startswith(SERVER):
            return None
        before = 0

        def step(frame: FrameType, _event: str, _argument: Any) -> Trace:
            nonlocal before
            steps.add((file, before, frame.f_lineno))
            before = frame.f_lineno
            return step

        return step

    sys.settrace(enter)
    try:
        play(data)
    finally:
        sys.settrace(None)
    return steps


def distil(play: Callable[[bytes], None], folders: Sequence[Path]) -> list[Path]:
    """The files to keep: of each folder those that reach most first, as long as it is something."""
    kept: list[Path] = []
    reached: set[Step] = set()
    for folder in folders:
        left = {path: steps_of(play, path.read_bytes()) for path in sorted(folder.iterdir())}
        while left:
            left = {path: steps - reached for path, steps in left.items() if steps - reached}
            best = max(left, key=lambda path: (len(left[path]), -path.stat().st_size), default=None)
            if best is not None:
                kept.append(best)
                reached |= left.pop(best)
    return kept


def main(name: str, folders: Sequence[Path], to: Path) -> None:
    """Copy what is to be kept."""
    play = importlib.import_module(f"tests.fuzz.{name}").play
    play(b"")  # what happens once is nobody's
    to.mkdir(parents=True, exist_ok=True)
    for path in distil(play, folders):
        shutil.copy(path, to / path.name)


if __name__ == "__main__":
    main(sys.argv[1], [Path(folder) for folder in sys.argv[2:-1]], Path(sys.argv[-1]))
