"""Whether the generator knows that it was the limit."""

import asyncio
import os
import subprocess
import time
from collections.abc import Iterator

import pytest

from presence_server.load.gauge import BEAT_S, Gauge


@pytest.fixture
def rival() -> Iterator[None]:
    """Another process that wants the only core there is for both."""
    cores = os.sched_getaffinity(0)
    process = subprocess.Popen(["/bin/sh", "-c", "while :; do :; done"])
    try:
        os.sched_setaffinity(0, {min(cores)})
        os.sched_setaffinity(process.pid, {min(cores)})
        yield
    finally:
        os.sched_setaffinity(0, cores)
        process.kill()
        process.wait()


@pytest.mark.usefixtures("rival")
async def test_a_generator_that_is_busy_or_waits_for_a_core_knows_it() -> None:
    gauge = Gauge(asyncio.get_running_loop())
    end = time.monotonic() + 0.4
    while time.monotonic() < end:
        pass
    await asyncio.sleep(BEAT_S)
    gauge.stop()
    assert gauge.cpu + gauge.waited > 0.85
    assert gauge.waited > 0.1
    assert gauge.lag.longest > 0.3
