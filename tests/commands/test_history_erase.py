"""`presence-server history erase`: nothing goes without a yes, and then it is said what went."""

import sys
from collections.abc import Iterator

import pytest

from tests.commands.history_fake import ROOM, History, history
from tests.commands.program import Ran, call, complaint
from tests.commands.test_history import Terminal

ANN = ("--user", "ann")
DOCUMENT = ("--resource", "document", "d-1", "--room", ROOM)


@pytest.fixture(scope="module")
def listener() -> Iterator[History]:
    with history() as served:
        yield served


@pytest.fixture
def served(listener: History) -> History:
    listener.asked.clear()
    return listener


def erase(served: History, *words: str) -> Ran:
    return call("history", "erase", *words, "--url", served.url)


def typed(monkeypatch: pytest.MonkeyPatch, keys: str) -> None:
    """Somebody sits there and types this."""
    monkeypatch.setattr(sys, "stdin", Terminal(keys))


def test_a_user_is_erased_everywhere_or_in_one_room(served: History) -> None:
    assert erase(served, *ANN, "--yes") == (0, "erased user ann in all rooms: 2 records\n", "")
    assert served.last() == ("DELETE user", {"user": "ann"})
    ran = erase(served, *ANN, "--room", ROOM, "--yes")
    assert ran.stdout == f"erased user ann in {ROOM}: 2 records\n"
    assert served.last() == ("DELETE user", {"user": "ann", "room": ROOM})
    assert erase(served, *ANN, "--yes", "--json").json()["erased"] == 2
    titles, figures = erase(served, *ANN, "--yes", "--csv").stdout.splitlines()
    assert (titles.split(",")[-1], figures.split(",")[-1]) == ("erased", "2")


def test_a_resource_is_erased(served: History) -> None:
    ran = erase(served, *DOCUMENT, "--yes")
    assert ran == (0, f"erased document d-1 in {ROOM}\n", "")
    assert served.last() == (
        "DELETE resource",
        {"room": ROOM, "type": "document", "id": "d-1"},
    )


def test_where_there_was_nothing_it_says_so(served: History) -> None:
    ran = erase(served, "--user", "nobody", "--yes")
    assert ran == (0, "there was nothing of user nobody in all rooms\n", "")


def test_somebody_is_told_what_goes_and_asked(
    served: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed(monkeypatch, "n\n")
    ran = erase(served, *ANN)
    assert (ran.code, served.asked) == (1, [])
    assert "This erases user ann in all rooms. The counts stay, the id goes." in ran.stderr
    assert ran.stderr.endswith("nothing was erased\n")
    typed(monkeypatch, "\n")
    assert "Its views and counts go." in erase(served, *DOCUMENT).stderr
    assert served.asked == []
    typed(monkeypatch, "y\n")
    assert erase(served, *ANN).code == 0
    assert served.last() == ("DELETE user", {"user": "ann"})


def test_without_anybody_to_ask_it_needs_a_yes(served: History) -> None:
    assert "say --yes" in complaint("history", "erase", *ANN, "--url", served.url, code=2)
    assert served.asked == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "--user or by --resource"),
        ((*ANN, *DOCUMENT), "--user or by --resource"),
        (("--resource", "document", "d-1"), "--resource needs --room"),
    ],
)
def test_what_is_to_go_has_to_be_clear(words: tuple[str, ...], says: str) -> None:
    assert says in complaint("history", "erase", *words, "--yes", code=2)
