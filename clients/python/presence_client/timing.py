"""What the client asks of the world, in one place so that tests can own it."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from presence_client.backoff import Uniform


@dataclass(frozen=True)
class Timing:
    """A clock that never jumps, ways to wait on it, and randomness for the jitter."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    timeout: Callable[[float], asyncio.Timeout] = asyncio.timeout
    uniform: Uniform = random.uniform


REAL: Final = Timing()
