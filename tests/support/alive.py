"""A program: the real server, which says how much of each kind is alive in it at SIGUSR1.

It takes the arguments of `presence-server serve`, and writes to the file that `ALIVE_FILE` names.
`tests.support.counting` starts it and asks.
"""

import gc
import json
import os
import signal
import sys
from collections import Counter
from pathlib import Path
from types import FrameType

import click

from presence_server import app
from presence_server.flags import SettingsCommand
from presence_server.sources import load

FILE = "ALIVE_FILE"
BLOCKS = "blocks"


def write_alive(_signal: int, _frame: FrameType | None) -> None:
    """Count what is alive, after a collection. What was there before the start is left out.

    Not everything is an object that the collector knows: `BLOCKS` counts those others too.
    """
    gc.collect()
    blocks = sys.getallocatedblocks()
    kinds = [type(thing) for thing in gc.get_objects()]
    counted = Counter(f"{kind.__module__}.{kind.__qualname__}" for kind in kinds)
    counted[BLOCKS] = blocks
    file = Path(os.environ[FILE])
    half = file.with_suffix(".half")
    half.write_text(json.dumps(counted))
    half.rename(file)


@click.command(cls=SettingsCommand)
def main(**given: object) -> None:
    """Serve, until told to stop."""
    signal.signal(signal.SIGUSR1, write_alive)
    app.run(load(given), click.echo)


if __name__ == "__main__":
    main()
