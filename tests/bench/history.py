"""Measure history on this machine, and exit with 1 if something is not reached.

    .venv/bin/python -m tests.bench.history [--only PART] [--store postgresql] [--quick]

Everything is on the loopback, in a folder (or a PostgreSQL cluster) that goes with it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import make_url

from tests.bench.history_broadcast import LOADS, Load, broadcast
from tests.bench.history_care import care
from tests.bench.history_export import export
from tests.bench.history_hot_path import hot_path
from tests.bench.history_ledger import Plan
from tests.bench.history_reads import by_database, by_http, cold, drawn
from tests.bench.history_rows import fill, midnight_ms
from tests.bench.history_stage import recording
from tests.bench.history_storm import opening, steady
from tests.bench.machine import describe, raise_file_limit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.bench.history_stage import Line

LARGE: Final = "presence-001"
FILLED: Final = ("reads", "cold", "http", "export", "broadcast", "asked", "care")
"""Parts that need a filled database."""
NEW: Final = ("opening", "steady")
"""Those that need an empty one."""
PARTS: Final = ("hot", *FILLED, *NEW)
QUICK: Final = (Load(60, 100, 200, 6, rooms=4),)
PYTHON_CLIENT: Final = Path(__file__).parents[2] / "clients" / "python"


class Bench:
    """What is measured; `new` gives the address of an empty database."""

    def __init__(self, new: Callable[[], str], filled: str, given: argparse.Namespace) -> None:
        self._new = new
        self._filled = filled
        self._given = given

    def part(self, name: str) -> Iterator[Line]:
        """The lines of one part."""
        is_quick, filled = self._given.quick, self._filled
        if name == "hot":
            yield from hot_path(20_000 if is_quick else 500_000)
        elif name == "reads":
            yield from by_database(filled, drawn(filled, 40 if is_quick else 400))
        elif name == "cold":
            yield from cold(filled, drawn(filled, 5 if is_quick else 60))
        elif name == "http":
            with recording(filled) as server:
                yield from by_http(server, drawn(filled, 20 if is_quick else 400))
        elif name == "export":
            yield from export(filled, LARGE)
        elif name == "broadcast":
            yield from broadcast(filled, QUICK if is_quick else LOADS)
        elif name == "asked":
            yield from broadcast(filled, QUICK if is_quick else LOADS[:1], is_asked=True)
        elif name == "care":
            yield from care(filled, 100 if is_quick else 600, 3 if is_quick else 60)
        elif name == "opening":
            yield from opening(self._new(), 50 if is_quick else 1_000)
        else:
            seconds = 3.0 if is_quick else self._given.seconds
            yield from steady(self._new(), 100 if is_quick else 600, seconds)


@contextmanager
def store(kind: str) -> Iterator[Callable[[], str]]:
    """What gives addresses of empty databases."""
    if kind == "postgresql":
        sys.path.append(str(PYTHON_CLIENT))  # what tests/support needs
        from tests.support.postgres import Postgres

        with Postgres(durable=True) as cluster:
            yield cluster.new_database
    else:
        numbers = count(1)
        with tempfile.TemporaryDirectory(prefix="presence-bench-") as folder:
            yield lambda: f"sqlite:///{folder}/presence-{next(numbers)}.db"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a table, as it comes; returns 1 if something is not reached."""
    given = _parser().parse_args(arguments)
    raise_file_limit()
    kind = make_url(given.database).get_backend_name() if given.database else given.store
    possible = [part for part in PARTS if part != "cold" or kind == "sqlite"]
    parts = [part for part in possible if part in (given.only or PARTS)]
    print(f"{describe()}; {kind}; {time.strftime('%Y-%m-%d')}\n")
    print(
        "| measured | figure | target | reached | |\n| --- | ---: | --- | --- | --- |", flush=True
    )
    is_reached = True
    with ExitStack() as stack:
        filled = given.database or ""
        is_filled_here = not filled and set(parts) & set(FILLED)
        needs_new = is_filled_here or set(parts) & set(NEW)
        new = stack.enter_context(store(kind)) if needs_new else str
        if is_filled_here:
            fill(filled := new(), Plan(views=given.views, share=given.share), midnight_ms())
        bench = Bench(new, filled, given)
        for part in parts:
            for line in bench.part(part):
                print(line, flush=True)
                is_reached &= line.is_reached
    return 0 if is_reached else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.history", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--only", action="append", choices=PARTS, help="this part (repeatable)")
    parser.add_argument("--store", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--database", metavar="ADDRESS", help="that history_rows filled")
    parser.add_argument("--views", type=int, default=Plan().views, help="to fill one with")
    parser.add_argument("--share", type=float, default=Plan().share, help="of these, of one room")
    parser.add_argument("--seconds", type=float, default=600, help="how long views go on")
    parser.add_argument("--quick", action="store_true", help="so small that it says nothing")
    return parser


if __name__ == "__main__":
    sys.exit(main())
