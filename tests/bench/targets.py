"""What must be reached, and whether it was."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from tests.bench.figures import OURS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bench.figures import Figures


@dataclass(frozen=True, slots=True)
class Target:
    """A bound for a figure, or for its ratio to a reference's (of several, to the best)."""

    what: str
    at_least: float | None = None
    at_most: float | None = None
    against: tuple[str, ...] = ()
    inverted: bool = False  # the figure is so many for each CPU second, the bound is for the cost

    def holds(self, value: float) -> bool:
        """Compare with the bound."""
        if self.at_least is not None:
            return value >= self.at_least
        return self.at_most is None or value <= self.at_most

    @property
    def less_is_better(self) -> bool:
        """Say which of several references is the best."""
        return (self.at_most is not None) is not self.inverted


@dataclass(frozen=True, slots=True)
class Judgement:
    """A target beside what was measured, by repetition."""

    target: Target
    ours: list[float]
    values: list[float]  # what the bound is for
    best: str = ""  # the reference, of several the one that was the best most often
    reference: tuple[float, ...] = ()

    @property
    def reached(self) -> bool:
        """Say whether the median holds."""
        return bool(self.values) and self.target.holds(median(self.values))

    @property
    def times(self) -> int:
        """Count the repetitions that hold."""
        return sum(map(self.target.holds, self.values))


def _cost(what: str, against: str, at_most: float) -> Target:
    return Target(what, at_most=at_most, against=(against,), inverted=True)


def _speed(what: str, against: str, at_least: float) -> Target:
    return Target(what, at_least=at_least, against=(against,))


ALONE, SOME_LARGE = "fan-out: 1,000 members, 1 in flight", "fan-out: 1,000 members, 8 in flight"
SOME, MANY = "fan-out: 500 members, 8 in flight", "fan-out: 500 members, 128 in flight"
STORM, CURSORS = "storm: 200 × 60/s", "cursors: 200 × 200/s"
ROOMS = "many rooms: 200 of 10, 1 update/s each, each delivery"
LATENCY = "latency: 500 members, 10,000 deliveries/s, each delivery"
QUIET = "latency: 100 rooms of 10, 1 update/s each, each delivery"
RUSH = "rush: 5,000 join one room in 5 s"
JOIN = "join: 1,000 users into one room, each"
ACCEPT = "accept: 2,000 connections into 200 rooms, by CPU"
IDLE = "idle: memory per connection, 18,000 in 1,800 rooms"


def _storm(what: str) -> Iterator[Target]:
    yield Target(f"{what}, not delivered", at_most=0)
    yield Target(f"{what}, p99", at_most=20)
    yield Target(f"{what}, each delivery", at_most=1, against=("c-turn",))
    yield Target(f"{what}, a quiet room beside it, p99", at_most=10)
    yield Target(f"{what}, memory, end ÷ first quarter", at_most=1.1)


TARGETS = (
    _cost(ALONE, "c-event", 1.2),
    _speed(ALONE, "ws", 1.5),
    *(
        _speed(what, key, at_least)
        for what in (SOME_LARGE, SOME)
        for key, at_least in (("c-turn", 0.8), ("bun", 1), ("ws", 10), ("workerd", 15))
    ),
    _speed(MANY, "c-turn", 0.8),
    _speed(MANY, "bun", 2.5),
    *_storm(STORM),
    *_storm(CURSORS),
    Target(ROOMS, at_most=1.3, against=("c-turn",)),
    Target(ROOMS, at_most=1.3, against=("c-event",)),
    Target(f"{LATENCY}, p50", at_most=1.3, against=("c-event", "c-turn")),
    Target(f"{LATENCY}, p99", at_most=10),
    Target(f"{QUIET}, p95", at_most=1),
    Target(JOIN, at_most=0.4),
    Target(f"{RUSH}, ping elsewhere, max", at_most=100),
    Target(ACCEPT, at_least=4000),
    Target(IDLE, at_most=8),
)


def judged(figures: Figures) -> Iterator[Judgement]:
    """Judge every target whose figure was measured."""
    for target in TARGETS:
        if figures.of(target.what, OURS):
            yield judge(target, figures)


def judge(target: Target, figures: Figures) -> Judgement:
    """Compare what was measured next to each other, repetition by repetition."""
    ours = figures.by_turn(target.what, OURS)
    if not target.against:
        return Judgement(target, [*ours.values()], [*ours.values()])
    best = _best(target, figures)
    both = [(ours[turn], best[turn][0]) for turn in ours if turn in best]
    ratios = [b / a if target.inverted else a / b for a, b in both]
    names = Counter(key for _, key in best.values()).most_common(1)
    name = names[0][0] if names else " or ".join(target.against)
    return Judgement(target, [*ours.values()], ratios, name, tuple(b for _, b in both))


def _best(target: Target, figures: Figures) -> dict[int, tuple[float, str]]:
    """Give the best of the references in each repetition, and which it is."""
    choose = min if target.less_is_better else max
    values = {key: figures.by_turn(target.what, key) for key in target.against}
    turns = dict.fromkeys(turn for by_turn in values.values() for turn in by_turn)
    return {
        turn: choose((values[key][turn], key) for key in target.against if turn in values[key])
        for turn in turns
    }


KNOWN = {
    (SOME_LARGE, "c-event"): 180_000.0,
    (SOME, "c-event"): 250_000.0,
    (MANY, "c-event"): 260_000.0,
    (IDLE, "c-event"): 0.9,
    (ACCEPT, "c-event"): 1e6 / 60,
    (JOIN, "c-event"): 2.2,
    (SOME_LARGE, "c-turn"): 1.6e6,
    (SOME, "c-turn"): 1.7e6,
    (MANY, "c-turn"): 17.3e6,
    (IDLE, "c-turn"): 0.9,
    (ACCEPT, "c-turn"): 1e6 / 52,
    (JOIN, "c-turn"): 0.18,
}
"""What the floors gave on the machine for which the targets were set."""
FAR_OFF = 0.25


def strange(figures: Figures) -> Iterator[tuple[str, str]]:
    """Give all remarks of this kind."""
    for what, key in KNOWN:
        if remark := strangeness(what, key, figures):
            yield what, remark


def strangeness(what: str, key: str, figures: Figures) -> str:
    """Say if a floor is far from what it gave elsewhere: this machine is another one, then."""
    known, values = KNOWN.get((what, key)), list(figures.by_turn(what, key).values())
    if not known or not values:
        return ""
    part = median(values) / known
    return (
        ""
        if abs(part - 1) <= FAR_OFF
        else f"(\\*) {key} gave {part:.2g} × what it did where the targets were set"
    )
