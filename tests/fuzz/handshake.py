"""Any bytes to a fresh connection, in any pieces, beside a bystander.

An input is what is sent: 0x1E ends a piece, 0x1D ends one and lets four seconds pass. Where there
are several pieces in one moment, the same bytes are also sent in one, and must come to the same.
"""

import re
from typing import Final

from tests.fuzz.invariants import Seen, check
from tests.fuzz.reading import Broken
from tests.fuzz.script import expand
from tests.fuzz.stage import Stage

PIECE: Final = b"\x1e"
LATER: Final = b"\x1d"
LATER_S: Final = 4.0
MAX_PIECES: Final = 200
MAX_LINE: Final = 8_000
MAX_LINES: Final = 128
END: Final = b"\r\n\r\n"

_SPLIT: Final = re.compile(rb"([\x1d\x1e])")


def play(data: bytes, *, thorough: bool = False) -> None:
    """Send it, and see that everything holds.

    Raises:
        Broken: if it does not.

    """
    data = expand(data)
    seen = _send(data, thorough=thorough)
    if PIECE in data and LATER not in data:
        whole = data.translate(None, PIECE)
        _compare(seen, _send(whole, thorough=thorough))


def _send(data: bytes, *, thorough: bool) -> Seen:
    stage = Stage()
    peer = stage.peer()
    for number, piece in enumerate(_SPLIT.split(data, MAX_PIECES)):
        if number % 2 == 0:
            peer.send(piece.translate(None, PIECE + LATER))  # beyond the last cut none counts
        elif piece == LATER:
            stage.wait(LATER_S)
    return check(stage, thorough=thorough)[0]


def _compare(in_pieces: Seen, whole: Seen) -> None:
    """How the bytes were cut must not show: not in the answer, nor in the Close, nor in the map.

    But what comes with a request and is no WebSocket ends the connection before it is answered; and
    the library, which reads all requests but plain ones, takes no long lines.
    """
    head, end, _ = bytes(whole.peer.sent).partition(END)
    lines = head.split(b"\r\n")
    is_large = len(lines) > MAX_LINES or max(map(len, lines)) > MAX_LINE
    if is_large or (end and whole.reading.status is None):
        return
    results = [
        (seen.reading.status, seen.reading.close, seen.members) for seen in (in_pieces, whole)
    ]
    if results[0] != results[1]:
        raise Broken("pieces_do_not_matter", results)
