"""An asyncio client for presence-server: who is here, and what are they looking at."""

from presence_client.changes import (
    Change,
    Changed,
    Counted,
    CursorMoved,
    Entry,
    Joined,
    Left,
    Reset,
)
from presence_client.client import Ended, PresenceClient, Refused
from presence_client.close_codes import Closing
from presence_client.dial import NoToken, TokenSource
from presence_client.standing import Standing, Status
from presence_client.store import PresenceStore
from presence_client.timing import Timing

__version__ = "0.1.0"

__all__ = [
    "Change",
    "Changed",
    "Closing",
    "Counted",
    "CursorMoved",
    "Ended",
    "Entry",
    "Joined",
    "Left",
    "NoToken",
    "PresenceClient",
    "PresenceStore",
    "Refused",
    "Reset",
    "Standing",
    "Status",
    "Timing",
    "TokenSource",
]
