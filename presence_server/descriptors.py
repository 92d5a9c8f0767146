"""File descriptors: each connection needs one, and so does what has to work when there is none."""

import resource
from typing import Final

RESERVE: Final = 100
"""For listeners, the admin listener's clients, the webhook, files: what is not a client's."""


def raise_limit() -> int:
    """Raise the soft limit of this process as far as it may be; returns it.

    A soft limit of 1,024 is there for programs that use `select` (systemd.exec(5)); this is none.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError):
        return soft
    return hard


def max_sockets(limit: int) -> int:
    """How many clients' sockets a process with this limit may have open."""
    return max(1, limit - min(RESERVE, limit // 2))
