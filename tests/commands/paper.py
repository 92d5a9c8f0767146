"""What is left on a terminal, however its cursor went."""

import re
from typing import Final

from tests.clients.python_watch import COLOUR, HIDE, SHOW

PIECE: Final = re.compile(r"\x1b\[\d*[A-Z]|[\r\n]|[^\x1b\r\n]+|.", re.DOTALL)


def left(written: str, columns: int) -> list[str]:
    """The lines that are left, without blanks at their ends; fails where one would be wrapped.

    It knows what a bar needs, and fails at anything else. All that is written is one cell wide.
    """
    lines, row, column = [""], 0, 0
    for piece in PIECE.findall(COLOUR.sub("", written).replace(HIDE, "").replace(SHOW, "")):
        if piece == "\r":
            column = 0
        elif piece == "\n":
            row += 1
            lines += [""] * (row == len(lines))
        elif piece == "\x1b[2K":
            lines[row] = ""
        elif piece.startswith("\x1b[") and piece.endswith("A"):
            row -= int(piece[2:-1] or 1)
            assert row >= 0
        else:
            assert piece.isprintable(), piece
            line = lines[row].ljust(column)
            lines[row] = line[:column] + piece + line[column + len(piece) :]
            column += len(piece)
            assert column <= columns, lines[row]
    return [line.rstrip() for line in lines]
