"""What a scrape of /metrics says, and what happened between two of them. Pure."""

from collections.abc import Iterator, Mapping
from math import inf
from typing import Final, NamedTuple

from prometheus_client.parser import text_string_to_metric_families

Labels = tuple[tuple[str, str], ...]
_MOST: Final = 1e20
"""Nothing counts or measures more."""


class Reading(NamedTuple):
    """The series of one scrape, by name and labels; `at` is monotonic seconds."""

    at: float
    series: Mapping[str, Mapping[Labels, float]]

    def value(self, name: str) -> float:
        """A series without labels; 0 if there is none."""
        return self.series.get(name, {}).get((), 0.0)

    def label(self, name: str, label: str) -> str:
        """A label of the first series of a name."""
        for labels in self.series.get(name, {}):
            return dict(labels).get(label, "")
        return ""


def read(text: str, at: float) -> Reading:
    """A scrape, in Prometheus' text format; what is no number, or infinite, is left out.

    Raises:
        ValueError: if it is none, or has a bucket without a bound.

    """
    series: dict[str, dict[Labels, float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name.endswith("_bucket"):
                _check_bound(sample.labels.get("le", ""))
            labels, value = tuple(sorted(sample.labels.items())), float(sample.value)
            if abs(value) < _MOST:
                series.setdefault(sample.name, {})[labels] = value
    return Reading(at, series)


def _check_bound(le: str) -> None:
    if not -_MOST < (bound := float(le)) < _MOST and bound != inf:
        raise ValueError(f"a bucket's bound is {le!r}")


class Between(NamedTuple):
    """What happened between two scrapes of one server; of two if it was started anew meanwhile."""

    before: Reading
    after: Reading

    @property
    def seconds(self) -> float:
        """How long that was."""
        return max(self.after.at - self.before.at, 1e-9)

    def rate(self, name: str) -> float:
        """How much a counter rose in a second, all its series together."""
        return sum(rise for _, rise in self._rises(name)) / self.seconds

    def rates(self, name: str, label: str) -> dict[str, float]:
        """How much each series rose in a second, by label; those that did, the most first."""
        rises = [(dict(labels).get(label, ""), rise) for labels, rise in self._rises(name)]
        ordered = sorted(rises, key=lambda one: (-one[1], one[0]))
        return {value: rise / self.seconds for value, rise in ordered if rise > 0}

    def quantile(self, name: str, q: float) -> float | None:
        """What `q` of the values of a histogram were not above, between its bounds by proportion.

        None if there were no values; the last bound if, and only if, it is no less than that: how
        much more nobody knows.
        """
        buckets = sorted(
            (float(dict(labels)["le"]), rise) for labels, rise in self._rises(f"{name}_bucket")
        )
        total = buckets[-1][1] if buckets else 0.0
        if total <= 0:
            return None
        lower, below = 0.0, 0.0
        for bound, count in buckets:
            if count >= q * total:
                if bound == inf:
                    break
                return lower + (bound - lower) * (q * total - below) / ((count - below) or 1)
            lower, below = bound, count
        return lower

    def _rises(self, name: str) -> Iterator[tuple[Labels, float]]:
        """A counter that fell began anew at 0."""
        before = self.before.series.get(name, {})
        for labels, value in self.after.series.get(name, {}).items():
            rise = value - before.get(labels, 0.0)
            yield labels, value if rise < 0 else rise
