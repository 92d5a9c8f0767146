"""Frames are byte for byte those of the library, which takes five times as long."""

import pytest
from websockets.frames import Frame, Opcode

from presence_server.gateway.frames import text_frame


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 70_000])
def test_a_text_frame_is_what_the_library_makes(size: int) -> None:
    payload = b"x" * size
    assert text_frame(payload) == Frame(Opcode.TEXT, payload).serialize(mask=False)
