"""What two scrapes say of the time between them."""

import pytest

from presence_server.commands.text import duration
from presence_server.load.readings import Between, read

BUCKETS = 'lag_bucket{{le="0.001"}} {}\nlag_bucket{{le="0.01"}} {}\nlag_bucket{{le="+Inf"}} {}\n'
HEAD = "# TYPE lag histogram\n"


def between(before: str, after: str, seconds: float = 2.0) -> Between:
    """Two scrapes, some seconds apart."""
    return Between(read(before, 10.0), read(after, 10.0 + seconds))


def test_a_rate_is_the_rise_of_all_series_in_a_second() -> None:
    name = "# TYPE closes counter\ncloses_total"
    found = between(
        f'{name}{{code="1000"}} 5\ncloses_total{{code="4429"}} 1\n',
        f'{name}{{code="1000"}} 9\ncloses_total{{code="4429"}} 1\ncloses_total{{code="1001"}} 6\n',
    )
    assert found.rate("closes_total") == 5
    assert found.rates("closes_total", "code") == {"1001": 3, "1000": 2}
    assert found.rate("unknown_total") == 0
    assert found.rates("unknown_total", "code") == {}


def test_a_server_that_was_started_anew_began_at_nothing() -> None:
    name = "# TYPE got counter\ngot_total"
    assert between(f"{name} 1000\n", f"{name} 6\n").rate("got_total") == 3


@pytest.mark.parametrize(
    ("q", "seconds"), [(0.5, 0.001), (0.25, 0.0005), (0.75, 0.0055), (0.999, 0.01)]
)
def test_a_quantile_is_found_between_bounds_by_proportion(q: float, seconds: float) -> None:
    found = between(HEAD + BUCKETS.format(7, 7, 7), HEAD + BUCKETS.format(11, 15, 15))
    assert found.quantile("lag", q) == pytest.approx(seconds, rel=0.01)


def test_a_quantile_of_nothing_is_none_and_one_beyond_all_bounds_the_last() -> None:
    same = HEAD + BUCKETS.format(7, 7, 7)
    assert between(same, same).quantile("lag", 0.5) is None
    assert between(same, HEAD + BUCKETS.format(7, 7, 9)).quantile("lag", 0.5) == 0.01
    assert between(same, same).quantile("unknown", 0.5) is None


def test_only_a_quantile_beyond_all_bounds_is_said_to_be_over_the_last() -> None:
    same = HEAD + BUCKETS.format(7, 7, 7)
    for beyond, says in ((0, "9.9 ms"), (2, "over 0.01 s")):
        found = between(same, HEAD + BUCKETS.format(7, 105, 105 + beyond)).quantile("lag", 0.99)
        assert duration(found, 0.01) == says


def test_what_is_no_scrape_is_refused() -> None:
    with pytest.raises(ValueError, match="float"):
        read("<html>{{{", 0.0)
