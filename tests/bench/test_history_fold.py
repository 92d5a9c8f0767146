"""The measure of folding: what it draws is folded, and every line is printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from presence_server.history.facts import Ended, Moved, Opened
from tests.bench import history_fold

if TYPE_CHECKING:
    import pytest


def test_in_the_mix_only_open_tabs_move_and_end() -> None:
    open_: set[tuple[str, int]] = set()
    for fact in history_fold.mixed(3_000):
        assert isinstance(fact, Opened | Moved | Ended)
        if isinstance(fact, Opened):
            open_.add((fact.room, fact.tab))
        else:
            assert (fact.room, fact.tab) in open_
        if isinstance(fact, Ended):
            open_.remove((fact.room, fact.tab))


def test_folding_and_ending_are_measured(capsys: pytest.CaptureFixture[str]) -> None:
    history_fold.main(["--quick"])
    said = capsys.readouterr().out
    for what in ("a mix, folded beside", "nobody saw before, folded beside", "200 open tabs end"):
        assert what in said
