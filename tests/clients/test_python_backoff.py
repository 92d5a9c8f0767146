"""When the client dials again, and when it does not."""

import pytest
from presence_client.backoff import Backoff
from presence_client.close_codes import TABLE, Advice, Closing, advice
from presence_client.reconnect import Reconnect

from presence_server.core import close_codes as server

LOST = Closing(1006, "")
INVALID = Closing(4401, "token_invalid")
EXPIRED = Closing(4401, "token_expired")


def highest(_low: float, high: float) -> float:
    return high


def lowest(low: float, _high: float) -> float:
    return low


def test_the_ceiling_grows_by_half_from_one_second_to_thirty() -> None:
    backoff = Backoff(highest)
    assert [backoff.next() for _ in range(4)] == [1, 1.5, 2.25, 3.375]
    later = [backoff.next() for _ in range(7)]
    assert 25 < later[4] < 30
    assert later[5:] == [30, 30]


def test_the_jitter_is_full() -> None:
    backoff = Backoff(lowest)
    assert [backoff.next() for _ in range(7)] == [0] * 7


def test_after_a_reset_it_begins_again() -> None:
    backoff = Backoff(highest)
    backoff.next()
    backoff.next()
    backoff.reset()
    assert backoff.next() == 1


def test_ten_thousand_failures_are_no_trouble() -> None:
    backoff = Backoff(highest)
    assert [backoff.next() for _ in range(10_000)][-1] == 30


def test_a_server_that_restarts_is_left_alone_for_one_to_three_seconds_once() -> None:
    restarting = Closing(1012, "server is restarting")
    assert Reconnect(lowest).after(restarting) == 1
    reconnect = Reconnect(highest)
    assert [reconnect.after(restarting) for _ in range(3)] == [3, 1.5, 2.25]
    reconnect.welcomed()
    assert [reconnect.after(LOST), reconnect.after(restarting)] == [1, 1.5]


@pytest.mark.parametrize("code", [1000, 1001, 1006, 1011, 4408, 4429, 4999])
def test_what_passes_is_tried_again_with_the_backoff(code: int) -> None:
    reconnect = Reconnect(highest)
    assert [reconnect.after(Closing(code, "")) for _ in range(3)] == [1, 1.5, 2.25]


@pytest.mark.parametrize("code", [1009, 4400, 4403, 4404, 4409, 4410])
def test_what_does_not_pass_stops(code: int) -> None:
    assert Reconnect(highest).after(Closing(code, "")) is None


def test_only_a_welcome_resets_the_backoff() -> None:
    reconnect = Reconnect(highest)
    assert [reconnect.after(LOST), reconnect.after(LOST)] == [1, 1.5]
    reconnect.welcomed()
    assert reconnect.after(LOST) == 1


@pytest.mark.parametrize("reason", ["token_missing", "token_expired", "token_invalid"])
def test_a_refused_token_is_replaced_at_once_then_with_the_backoff(reason: str) -> None:
    reconnect = Reconnect(highest)
    assert [reconnect.after(Closing(4401, reason)) for _ in range(2)] == [0, 1]


def test_a_third_invalid_token_in_a_row_stops() -> None:
    reconnect = Reconnect(highest)
    assert [reconnect.after(INVALID) for _ in range(3)] == [0, 1, None]


def test_a_lost_connection_in_between_does_not_break_the_row() -> None:
    reconnect = Reconnect(highest)
    closings = (INVALID, LOST, INVALID, LOST, INVALID)
    assert [reconnect.after(closing) for closing in closings] == [0, 1, 1.5, 2.25, None]


def test_expired_tokens_never_stop_it() -> None:
    reconnect = Reconnect(highest)
    assert [reconnect.after(EXPIRED) for _ in range(4)] == [0, 1, 1.5, 2.25]
    assert reconnect.after(INVALID) == 3.375
    assert [reconnect.after(EXPIRED) for _ in range(20)][-1] == 30
    assert [reconnect.after(INVALID) for _ in range(3)] == [30, 30, None]


def test_a_welcome_ends_the_row_of_refused_tokens() -> None:
    reconnect = Reconnect(highest)
    assert [reconnect.after(INVALID) for _ in range(2)] == [0, 1]
    reconnect.welcomed()
    assert [reconnect.after(INVALID) for _ in range(3)] == [0, 1, None]


def test_an_unknown_code_is_worth_another_try() -> None:
    assert advice(4999) is Advice.RETRY


@pytest.mark.parametrize("code", sorted(set(TABLE) & {int(code) for code in server.TABLE}))
def test_the_server_gives_the_same_advice(code: int) -> None:
    assert advice(code).value == server.TABLE[server.Close(code)].advice.value


def test_every_code_of_the_protocol_is_in_the_table() -> None:
    ours = {int(code) for code in server.TABLE if code >= 4000}
    assert ours <= set(TABLE)
