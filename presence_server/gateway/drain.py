"""The end of all connections: closed with 1012, spread over time, and nobody is told of the others.

Clients without jitter come back as they went: unmodified partysocket dials 3 s after its close.
What spreads the closes is what spreads the herd, in a room as across rooms.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from presence_server.core.close_codes import Close
from presence_server.core.seats import Seat
from presence_server.gateway.ports import Scheduler
from presence_server.gateway.rooms import LiveRoom, dismiss

MAX_SLICE: Final = 20
"""Who of one room is closed in one turn of the loop."""


class _Slice(NamedTuple):
    live: LiveRoom
    seats: Sequence[Seat]


def drain(rooms: Sequence[LiveRoom], spread_s: float, scheduler: Scheduler) -> None:
    """Close all connections of `rooms` within `spread_s`, room after room.

    A room falls silent with its first close: none of its members hears that another left.
    """
    total = sum(live.room.connections for live in rooms)
    closed = 0
    for piece in _slices(rooms):
        scheduler.call_later(spread_s * closed / total, _close, piece)
        closed += len(piece.seats)


def _slices(rooms: Sequence[LiveRoom]) -> Iterator[_Slice]:
    for live in rooms:
        seats = live.room.seats()
        for at in range(0, len(seats), MAX_SLICE):
            yield _Slice(live, seats[at : at + MAX_SLICE])


def _close(piece: _Slice) -> None:
    piece.live.silence()
    dismiss(piece.seats, Close.RESTART, "server is restarting")
