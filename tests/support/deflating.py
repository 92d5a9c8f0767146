"""A client on a bare socket that offers compression, and compresses what it says."""

from collections.abc import Mapping

from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Frame

from tests.support.peer import Peer

OFFER = {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"}


class DeflatingPeer(Peer):
    """A `Peer` with compression, if the server agrees to it."""

    def __init__(self, port: int, target: str, headers: Mapping[str, str] = OFFER) -> None:
        super().__init__(port, target, headers, None)
        self._ws.available_extensions = [ClientPerMessageDeflateFactory()]

    @property
    def is_deflated(self) -> bool:
        """Whether the server agreed."""
        return bool(self._ws.extensions)

    def send_frame(self, frame: Frame) -> None:
        """Send any frame, compressed if that was agreed on."""
        self.send_bytes(frame.serialize(mask=True, extensions=self._ws.extensions))
