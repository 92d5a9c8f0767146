"""What differs between two things that were measured in turn, and how sure that is."""

from __future__ import annotations

from math import comb
from random import Random
from statistics import fmean, median
from typing import TYPE_CHECKING, Final, NamedTuple

from tests.bench.figures import number

if TYPE_CHECKING:
    from collections.abc import Sequence

SURE: Final = 0.95
RESAMPLES: Final = 4_000


class Interval(NamedTuple):
    """An estimate, and where the truth lies with 95 % certainty."""

    middle: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{number(self.middle)} ({number(self.low)} to {number(self.high)})"


def of_median(differences: Sequence[float]) -> Interval:
    """From the sign test: nothing is supposed of how the differences are spread.

    So many lie below their true median as of so many coins fall heads; fewer than six say nothing.
    """
    ordered, count = sorted(differences), len(differences)
    outside, rank = 0.0, 0
    while rank < count and (outside := outside + comb(count, rank) / 2**count) <= (1 - SURE) / 2:
        rank += 1
    if rank == 0:
        return Interval(median(ordered), float("-inf"), float("inf"))
    return Interval(median(ordered), ordered[rank - 1], ordered[-rank])


def of_mean(differences: Sequence[float], seed: int = 1) -> Interval:
    """By bootstrap: what is rare and large counts here, which a median does not see."""
    draw = Random(seed).choices
    means = sorted(fmean(draw(differences, k=len(differences))) for _ in range(RESAMPLES))
    beyond = int(RESAMPLES * (1 - SURE) / 2)
    return Interval(fmean(differences), means[beyond], means[-beyond - 1])
