"""Tables keyed by what strangers choose: bounded, tried with a million distinct keys."""

from presence_server.gateway.addresses import FREE_FAILURES, Addresses
from presence_server.gateway.attempts import MAX_ADDRESSES, WINDOW_S, Attempts
from tests.support.world import OPTIONS

MILLION = 1_000_000
LIMITED = OPTIONS._replace(address_connections=5, address_attempts=5)


def address(number: int) -> str:
    """One of 16 million addresses."""
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def test_a_million_addresses_leave_no_more_than_ten_thousand() -> None:
    attempts = Attempts()
    for number in range(MILLION):
        assert attempts.count(address(number), number / 100_000) == 1
    assert len(attempts) == MAX_ADDRESSES
    assert attempts.count(address(MILLION - 1), 10.0) == 2, "the latest are remembered"


def test_one_that_keeps_trying_is_not_forgotten_for_others_that_come() -> None:
    attempts = Attempts()
    for number in range(MAX_ADDRESSES * 3):
        attempts.count(address(number), 0.0)
        if number % 1_000 == 0:
            attempts.count("the-same", 0.0)
    assert attempts.count("the-same", 0.0) == 31
    assert attempts.count("the-same", WINDOW_S) == 1


def test_connections_that_come_and_go_leave_nothing() -> None:
    addresses = Addresses()
    for number in range(MILLION // 5):
        connection = object()
        addresses.arrive(connection, address(number), None, LIMITED, 0.0)
        addresses.leave(connection)
        addresses.leave(connection)
    assert len(addresses) == 0
    assert not addresses._open.of


def test_failures_of_very_many_addresses_leave_a_bounded_table() -> None:
    addresses = Addresses()
    for number in range(MILLION // 5):
        assert not addresses.is_failing(object(), address(number), 0.0)
    assert len(addresses._failures) == MAX_ADDRESSES
    tries = [addresses.is_failing(object(), "203.0.113.9", 0.0) for _ in range(FREE_FAILURES + 1)]
    assert tries == [False] * FREE_FAILURES + [True]
