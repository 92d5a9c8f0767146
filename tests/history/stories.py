"""Random stories: facts in any order, times that jump to where rules change, cuts anywhere."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from hypothesis import strategies as st

from presence_server.history.facts import (
    MAX_FACTS,
    AnyFact,
    Batch,
    Ended,
    Lost,
    Moved,
    Opened,
    Refused,
    Removed,
    RoomEnded,
)
from presence_server.history.fold.rules import Rules
from presence_server.history.store.taker import Taker
from tests.history.model import Model
from tests.history.model_parts import DAY, FIVE_MINUTES

EPOCH = 20_000 * DAY + 7 * 3_600_000
IDLE_MS = 3_600_000
RULES = Rules(half_life_days=7, session_idle_ms=IDLE_MS, guest_key="day")

ROLES = st.sampled_from(["viewer", "commenter"])
ROOMS = st.sampled_from(["r1", "r2"])
PEOPLE = st.sampled_from([("u1", False), ("u2", False), ("g1", True), ("u1", True)])
TABS = st.integers(1, 4)
PLACES = st.sampled_from(
    [
        (None, None, None),
        ("page", "a", None),
        ("page", "a", "1"),
        ("page", "b", ""),
        ("board", "a", "1"),
        ("page", None, "1"),
    ]
)
DELTAS = st.sampled_from(
    [
        *([0] * 4 + [1, 1_000, 60_000]),
        *(FIVE_MINUTES - 1, FIVE_MINUTES, FIVE_MINUTES + 1),
        *(IDLE_MS - 1, IDLE_MS, IDLE_MS + 1),
        *(DAY - FIVE_MINUTES, DAY - 1, DAY, DAY + 1, 3 * DAY + 5),
    ]
)


class NewRun(NamedTuple):
    """The server starts again."""

    at: int


class Cut(NamedTuple):
    """Whether a batch ends after a fact, how much later, and whether a transaction does."""

    is_batch: bool
    share: int
    is_transaction: bool


Story = list[AnyFact | NewRun]
CUTS = st.lists(
    st.builds(Cut, st.booleans(), st.integers(0, 2), st.booleans()), min_size=1, max_size=8
)


@st.composite
def stories(draw: st.DrawFn, size: int = 30) -> Story:
    """What happens, with its times."""
    story: Story = []
    at = EPOCH
    for _ in range(draw(st.integers(1, size))):
        at += draw(DELTAS)
        kind = draw(st.sampled_from("oommmmmmmmeeeexrzgn"))
        if kind == "g":
            since, at = at, at + draw(DELTAS)
            story.append(Lost(at, "", since, draw(st.integers(1, 9))))
        else:
            story.append(_fact(draw, kind, at))
    return story


def _fact(draw: st.DrawFn, kind: str, at: int) -> AnyFact | NewRun:
    room, (user, is_guest) = draw(ROOMS), draw(PEOPLE)
    match kind:
        case "o":
            return Opened(at, room, user, is_guest, draw(TABS), draw(ROLES))
        case "m":
            place = draw(PLACES)
            is_away = draw(st.integers(0, 5)) == 0
            return Moved(at, room, user, is_guest, draw(TABS), draw(ROLES), *place, is_away)
        case "e":
            reason: Any = draw(st.sampled_from(["closed", "timeout", "server_stopped"]))
            return Ended(at, room, user, is_guest, draw(TABS), reason)
        case "x":
            return Removed(at, room, user, draw(st.sampled_from([is_guest, None])))
        case "r":
            return Refused(at, room, user, is_guest, "room_users")
        case "z":
            return RoomEnded(at, room)
        case _:
            return NewRun(at)


def end_of(story: Story) -> int:
    """When it is over, and what is due next is not due yet."""
    return story[-1].at + 2


def batches(story: Story, cuts: Sequence[Cut]) -> Iterator[list[Batch]]:
    """The story cut into batches, and those into transactions. A run ends with a quiet batch at
    the time of the next, so that it makes no difference when it was last heard of.
    """
    run, number = 1, 0
    facts: list[AnyFact] = []
    waiting: list[Batch] = []
    for place, (what, then) in enumerate(zip(story, [*story[1:], None], strict=True)):
        cut = cuts[place % len(cuts)]
        is_new, is_last = isinstance(what, NewRun), then is None
        if isinstance(what, NewRun):
            at = what.at
        else:
            facts.append(what)
            at = _later(what.at, then, cut.share) if then else end_of(story)
        if is_new or is_last or cut.is_batch or len(facts) == MAX_FACTS:
            number += 1
            waiting.append(Batch(f"run-{run}", number, at, facts))
            facts = []
        if is_new or is_last or cut.is_transaction:
            yield waiting
            waiting = []
        if is_new:
            run, number = run + 1, 0


def _later(at: int, then: AnyFact | NewRun, share: int) -> int:
    next_at = then.since if isinstance(then, Lost) else then.at
    return at + (next_at - at) * share // 2


def play(taker: Taker, story: Story, cuts: Sequence[Cut]) -> None:
    """Have a story taken."""
    for together in batches(story, cuts):
        if together:
            taker.take(together)
    if isinstance(story[-1], NewRun):
        taker.take([Batch("run-last", 1, end_of(story), [])])


def told(story: Story) -> Model:
    """The model, told the story."""
    model = Model(
        RULES.session_idle_ms, RULES.half_life_days, lambda user, at: f"{user}@{at // DAY * DAY}"
    )
    for what in story:
        if isinstance(what, NewRun):
            model.pass_time(what.at)
            model.new_run()
        else:
            model.take(what)
    model.pass_time(end_of(story))
    return model
