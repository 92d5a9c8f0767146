"""An asyncio client for presence-server: who is here, and what are they looking at."""

from presence_client.changes import Change, Changed, CursorMoved, Entry, Joined, Left, Reset
from presence_client.client import Ended, PresenceClient, Refused, Status
from presence_client.close_codes import Closing
from presence_client.dial import TokenSource
from presence_client.store import PresenceStore
from presence_client.timing import Timing

__all__ = [
    "Change",
    "Changed",
    "Closing",
    "CursorMoved",
    "Ended",
    "Entry",
    "Joined",
    "Left",
    "PresenceClient",
    "PresenceStore",
    "Refused",
    "Reset",
    "Status",
    "Timing",
    "TokenSource",
]
