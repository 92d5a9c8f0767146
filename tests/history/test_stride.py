"""Steps that last about as long as they may, whatever the machine does."""

from presence_server.history.store.stride import AIM_S, Stride

MOST = 500


def after(row_s: float, steps: int, stride: Stride) -> list[float]:
    """How long steps last on a machine on which a row takes so long."""
    lasted = []
    for _ in range(steps):
        lasted.append(stride.rows * row_s)
        stride.took(lasted[-1], is_whole=True)
    return lasted


def test_steps_come_to_last_about_as_long_as_they_are_to() -> None:
    for row_s in (0.000_2, 0.000_4, 0.002):
        assert all(AIM_S / 2 < lasted <= AIM_S for lasted in after(row_s, 40, Stride(MOST))[-10:])


def test_a_machine_that_is_ten_times_slower_is_followed_within_four_steps() -> None:
    stride = Stride(MOST)
    after(0.000_2, 40, stride)
    assert after(0.002, 5, stride)[-1] <= AIM_S


def test_a_step_is_never_empty_and_never_larger_than_it_may_be() -> None:
    stride = Stride(MOST)
    after(10.0, 40, stride)
    assert stride.rows == 8
    after(0.0, 40, stride)
    assert stride.rows == MOST
    small = Stride(4)
    after(10.0, 40, small)
    assert small.rows == 4


def test_a_step_that_had_little_to_do_says_nothing_of_a_larger_one() -> None:
    stride = Stride(MOST)
    before = stride.rows
    stride.took(0.000_1, is_whole=False)
    assert stride.rows == before
