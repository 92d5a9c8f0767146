"""Measure the server on this machine and print a table; exit with 1 if anything got lost."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench import machine, report
from tests.bench.generator import Loss
from tests.bench.scenarios import FULL, QUICK, SCENARIOS, Bench
from tests.bench.server import DEFAULT_COMMAND

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for."""
    options = _parser().parse_args(arguments)
    machine.raise_file_limit()
    bench = Bench(
        command=shlex.split(options.server) if options.server else DEFAULT_COMMAND,
        sizes=QUICK if options.quick else FULL,
    )
    figures, failures = measure(bench, options.only or list(SCENARIOS), options.repeat)
    text = "\n".join(
        [f"{bench.server_name} on {machine.describe()}", "", report.table(figures, failures)]
    )
    print(text, end="")
    if options.write:
        options.write.write_text(text)
    return 1 if failures else 0


def measure(
    bench: Bench, names: Sequence[str], repeat: int
) -> tuple[list[report.Figure], list[str]]:
    """Run scenarios; one that lost something fails, the others still run."""
    figures: list[report.Figure] = []
    failures: list[str] = []
    for turn in range(repeat):
        for name in names:
            print(f"{name} ({turn + 1} of {repeat}) …", file=sys.stderr, flush=True)
            try:
                figures.extend(SCENARIOS[name](bench))
            except Loss as loss:
                failures.append(f"{name}: {loss}")
                print(
                    "LOST", failures[-1], *getattr(loss, "__notes__", ()), sep="\n", file=sys.stderr
                )
    return figures, failures


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", action="append", choices=SCENARIOS, help="this one (repeatable)")
    parser.add_argument("--repeat", type=int, default=1, help="print the median and the spread")
    parser.add_argument("--quick", action="store_true", help="shorter and smaller, so noisier")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the table there too")
    parser.add_argument("--server", metavar="CMD", help="another server; see README.md")
    return parser


if __name__ == "__main__":
    sys.exit(main())
