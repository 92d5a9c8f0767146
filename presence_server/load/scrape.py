"""The server's own figures, from its `/metrics`. Pure: text to figures."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from prometheus_client.parser import text_string_to_metric_families

_LAG: Final = "presence_loop_lag_seconds_bucket"


class Scrape(NamedTuple):
    """What a scrape said, and when."""

    at: float
    cpu_s: float
    resident_bytes: int
    lags: Mapping[float, float]
    """How often the loop was late by no more than so many seconds."""

    def cpu_since(self, before: "Scrape") -> float:
        """Cores in use since then."""
        return (self.cpu_s - before.cpu_s) / max(self.at - before.at, 1e-9)

    def lag_since(self, before: "Scrape", percent: float) -> float:
        """A bound that the loop's lag since then kept in so many per cent of its beats.

        It is a bound of the histogram's buckets; infinite beyond the last of them.
        """
        counts = {bound: count - before.lags.get(bound, 0) for bound, count in self.lags.items()}
        wanted = max(counts.values(), default=0) * percent / 100
        return min((bound for bound, count in counts.items() if count >= wanted), default=0.0)


class NoMetrics(ValueError):
    """A text that is not a presence server's metrics."""


def read_metrics(text: str, at: float) -> Scrape:
    """The figures of a scrape.

    Raises:
        NoMetrics: if they are not in it.

    """
    values: dict[str, float] = {}
    lags: dict[float, float] = {}
    try:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == _LAG:
                    lags[float(sample.labels["le"])] = sample.value
                elif not sample.labels:
                    values[sample.name] = sample.value
        cpu, resident = values["process_cpu_seconds_total"], values["process_resident_memory_bytes"]
    except (ValueError, KeyError):
        raise NoMetrics("these are no metrics of a presence server") from None
    return Scrape(at, cpu, int(resident), lags)
