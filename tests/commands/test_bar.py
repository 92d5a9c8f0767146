"""The bar of a bench on a terminal."""

import io
import sys

import pytest

from presence_server.commands.bar import Bar


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_step_is_drawn_once_and_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with Bar() as bar:
        bar.show("connecting", 3, 4, "3 of 4")
        bar.show("loading", 1, 4, "1 of 4 s")
    assert terminal.getvalue().count("connecting") == 1
    assert terminal.getvalue().count("loading") == 2, "the last is drawn again when it goes away"


def test_where_nobody_looks_nothing_is_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    with Bar() as bar:
        bar.show("connecting", 3, 4, "3 of 4")
    assert capsys.readouterr().err == ""
