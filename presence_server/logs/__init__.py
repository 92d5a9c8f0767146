"""What is logged: constant sentences and their fields, on stderr, one line for each.

A line is made where it is said (`lines`), lines alike are counted instead (`throttle`), and a
thread writes (`outlet`). Nothing here waits for whoever reads stderr.
"""

import logging
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

from presence_server.logs import crashes
from presence_server.logs.lines import OURS, JsonLines, TextLines
from presence_server.logs.outlet import Count, Kind, Outlet
from presence_server.logs.throttle import Throttle

if TYPE_CHECKING:  # slow to load, and one process of the two has none
    from presence_server.metrics import Metrics

MOST_ALIKE: Final = 5
WINDOW_S: Final = 10
"""So many lines that are alike are written within so many seconds."""

_FORMATTERS: Final[dict[str, Callable[[], logging.Formatter]]] = {
    "text": TextLines,
    "json": JsonLines,
}


class Wishes(Protocol):
    """How to log: the settings, or a part of them."""

    @property
    def log_level(self) -> str:
        """What is logged: that, and what is worse."""

    @property
    def log_format(self) -> str:
        """`text` or `json`."""


class Log:
    """The log of this process, which follows the settings. Close it at the end."""

    def __init__(self, settings: Wishes, metrics: "Metrics | None", descriptor: int) -> None:
        throttle: Throttle[Kind] = Throttle(MOST_ALIKE, WINDOW_S)
        dropped, repeats = _counts(metrics)
        self._outlet = Outlet(descriptor, TextLines(), throttle, dropped, repeats)
        logging.getLogger().addHandler(self._outlet)
        self.follow(settings)

    def follow(self, settings: Wishes) -> None:
        """Log as these settings say."""
        level = logging.getLevelName(settings.log_level.upper())
        logging.getLogger(OURS).setLevel(level)
        # A library says at lower levels what it reads and sends: tokens too.
        logging.getLogger().setLevel(max(level, logging.WARNING))
        self._outlet.setFormatter(_FORMATTERS[settings.log_format]())

    def close(self) -> None:
        """Write what waits, if that can be done within a second."""
        logging.getLogger().removeHandler(self._outlet)
        self._outlet.close()


def _counts(metrics: "Metrics | None") -> tuple[Count, Count]:
    """Where lines are counted that were dropped, and those that others said before."""
    if metrics is None:
        return (lambda _: None, lambda _: None)
    return (metrics.log_dropped.inc, metrics.log_repeats.inc)


def configure(settings: Wishes, metrics: "Metrics | None" = None) -> Log | None:
    """Have all that is logged in this process go to stderr; None where there is no stderr.

    What is still waiting at the end of the process is written then.
    """
    try:
        descriptor = sys.stderr.fileno()
    except (AttributeError, OSError):  # it is closed: 2 may be somebody's socket by now
        return None
    log = Log(settings, metrics, descriptor)
    crashes.install()
    return log
