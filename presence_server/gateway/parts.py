"""Messages that come in other shapes than one plain text frame."""

from typing import Final, Protocol

from websockets.frames import Frame, Opcode
from websockets.typing import BytesLike

from presence_server.core.close_codes import Close
from presence_server.core.errors import BadMessage, ErrorCode
from presence_server.gateway.session import Session

MAX_FRAGMENTS: Final = 64


class Link(Protocol):
    """The connection that they come on."""

    def close(self, code: Close, reason: str) -> None:
        """Send a Close."""


class Parts:
    """Puts together what comes in several frames (RFC 6455 §5.4), and refuses what is no text."""

    __slots__ = ("_fragments",)

    def __init__(self) -> None:
        self._fragments: list[BytesLike] | None = None

    def take(self, frame: Frame, session: Session, link: Link, now: float) -> None:
        """Take a frame that is no control frame."""
        opcode = frame.opcode
        if opcode is Opcode.TEXT and frame.fin:
            session.handle(frame.data)
        elif opcode is Opcode.TEXT:
            self._fragments = [frame.data]
        elif opcode is Opcode.CONT and self._fragments is not None:
            self._add(self._fragments, frame, session, link)
        elif opcode is Opcode.BINARY:
            session.complain(BadMessage(ErrorCode.UNSUPPORTED_DATA, "messages are text"), now)

    def _add(self, fragments: list[BytesLike], frame: Frame, session: Session, link: Link) -> None:
        fragments.append(frame.data)
        if frame.fin:
            self._fragments = None
            session.handle(b"".join(fragments))
        elif len(fragments) >= MAX_FRAGMENTS:
            link.close(Close.TOO_BIG, "too many fragments")
