"""Measure our server and others on this machine, judge it, and exit with 1 if it lost anything."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from dataclasses import replace
from pathlib import Path
from subprocess import CalledProcessError
from typing import TYPE_CHECKING

from tests.bench import machine
from tests.bench.chart import chart
from tests.bench.figures import OURS, Figures
from tests.bench.generator import Loss
from tests.bench.references import REFERENCES
from tests.bench.report import report
from tests.bench.rows import ALL, NAMES, ROWS, Row
from tests.bench.server import DEFAULT_COMMAND
from tests.bench.sizes import FULL, QUICK
from tests.bench.stage import Bench

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tests.bench.references import Reference
    from tests.bench.sizes import Sizes

NONE = "none"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for."""
    options = _parser().parse_args(arguments)
    machine.raise_file_limit()
    rows = [
        row for row in ROWS if row.name in (options.only or ()) or not (options.only or row.is_part)
    ]
    sizes = QUICK if options.quick else FULL
    command = shlex.split(options.server) if options.server else DEFAULT_COMMAND
    figures = Figures()
    benches = [Bench(command, sizes), *_others(_chosen(options.against, rows), sizes, figures)]
    measure(figures, benches, rows, options.repeat)
    names = {bench.key: bench.name for bench in benches} | {OURS: benches[0].server_name}
    title = f"{benches[0].server_name} on {machine.describe()}"
    text = f"{title}\n\n{report(figures, names)}"
    print(text, end="")
    if options.write:
        options.write.write_text(text)
    if options.chart:
        options.chart.write_text(chart(figures, names))
    return 1 if figures.failures else 0


def measure(figures: Figures, benches: Sequence[Bench], rows: Sequence[Row], repeat: int) -> None:
    """Measure row by row and in it server by server, so that a machine's moods hit all alike."""
    steps = [*_steps(benches, rows)] * repeat
    for number, (row, bench) in enumerate(steps):
        print(f"{number + 1} of {len(steps)}: {row.name}, {bench.name} … ", end="", file=sys.stderr)
        began = time.monotonic()
        _measure_one(figures, row, bench, turn=number * repeat // len(steps))
        print(f"{time.monotonic() - began:.1f} s", file=sys.stderr)


def _steps(benches: Sequence[Bench], rows: Iterable[Row]) -> Iterator[tuple[Row, Bench]]:
    for row in rows:
        for bench in benches:
            if bench.is_ours or bench.key in row.against:
                yield row, bench


def _measure_one(figures: Figures, row: Row, bench: Bench, turn: int) -> None:
    """Add the figures; what ours loses is a failure, what another does is told."""
    try:
        for figure in row.run(bench):
            figures.all.append(replace(figure, key=bench.key, turn=turn))
    except (Loss, RuntimeError, OSError) as trouble:
        notes = getattr(trouble, "__notes__", ())
        print(f"{row.name}, {bench.name}: {trouble}", *notes, sep="\n", file=sys.stderr)
        if not bench.is_ours:
            figures.troubles[row.name, bench.key] = str(trouble)
        elif isinstance(trouble, Loss):
            figures.failures.append(f"{row.name}: {trouble}")
        else:
            raise


def _chosen(against: Sequence[str] | None, rows: Iterable[Row]) -> dict[str, Reference]:
    """Find the references that are asked for, or all that a row is to be compared with."""
    wanted = against or {key for row in rows for key in row.against}
    return {key: reference for key, reference in REFERENCES.items() if key in wanted}


def _others(chosen: Mapping[str, Reference], sizes: Sizes, figures: Figures) -> Iterator[Bench]:
    """Make them ready; one that can't be had on this machine is told, and left out."""
    for key, reference in chosen.items():
        try:
            yield Bench(reference.command(), sizes, key, reference.name)
        except (RuntimeError, OSError, CalledProcessError) as trouble:
            figures.troubles["all", key] = str(trouble)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description=__doc__,
        epilog="Measured apart (see README.md): tests.bench.history, .many, .restart, .tls.",
    )
    parser.add_argument("--only", action="append", choices=NAMES, help="this row (repeatable)")
    parser.add_argument(
        "--against",
        action="append",
        choices=[*ALL, NONE],
        help="this reference (repeatable), or none",
    )
    parser.add_argument("--repeat", type=int, default=1, help="print the median and the spread")
    parser.add_argument("--quick", action="store_true", help="shorter and smaller, so noisier")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the tables there too")
    parser.add_argument("--chart", type=Path, metavar="FILE", help="draw the main figures (SVG)")
    parser.add_argument("--server", metavar="CMD", help="another server as ours; see README.md")
    return parser


if __name__ == "__main__":
    sys.exit(main())
