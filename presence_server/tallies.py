"""Counters and histograms that cost an addition each: only one thread counts, and a scrape reads.

Those of prometheus-client take a lock and two calls every time, which the hot path would feel.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector


class Tally(Collector):
    """A counter: add to `value`."""

    def __init__(self, name: str, says: str, registry: CollectorRegistry) -> None:
        self.value = 0
        self._name = name
        self._says = says
        registry.register(self)

    def collect(self) -> Iterator[CounterMetricFamily]:
        """What a scrape sees."""
        yield CounterMetricFamily(self._name, self._says, self.value)


class Tallies(Collector):
    """A counter with one label: add to `counts` under any of the label values given."""

    def __init__(
        self, name: str, says: str, label: str, values: Iterable[str], registry: CollectorRegistry
    ) -> None:
        self.counts = dict.fromkeys(values, 0)
        self._name = name
        self._says = says
        self._label = label
        registry.register(self)

    def collect(self) -> Iterator[CounterMetricFamily]:
        """What a scrape sees."""
        family = CounterMetricFamily(self._name, self._says, labels=[self._label])
        for value, count in self.counts.items():
            family.add_metric([value], count)
        yield family


class Spread(Collector):
    """A histogram; a value on a bound counts below it."""

    def __init__(
        self, name: str, says: str, bounds: Iterable[float], registry: CollectorRegistry
    ) -> None:
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self._sum = 0.0
        self._name = name
        self._says = says
        registry.register(self)

    def observe(self, value: float) -> None:
        """Count one value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """What a scrape sees: for each bound, how many values were not above it."""
        labels = [*(str(float(bound)) for bound in self._bounds), "+Inf"]
        buckets = [*zip(labels, accumulate(self._counts), strict=True)]
        yield HistogramMetricFamily(self._name, self._says, buckets=buckets, sum_value=self._sum)
