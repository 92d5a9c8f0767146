"""How long to wait after a failure."""

from presence_server.core.backoff import delay_s


def test_it_is_twice_as_long_each_time_up_to_the_most() -> None:
    assert [delay_s(failures, 1.0, 300.0, 1.0) for failures in (1, 2, 3, 9, 10, 10_000)] == [
        *(1.0, 2.0, 4.0, 256.0),
        *(300.0, 300.0),
    ]


def test_chance_halves_it_at_most() -> None:
    assert [delay_s(3, 0.5, 10.0, chance) for chance in (0.0, 0.5, 1.0)] == [1.0, 1.5, 2.0]
    assert delay_s(10, 0.5, 10.0, 0.0) == 5.0
