"""How long it waits if it is asked to."""

import pytest

from presence_server.webhook.backoff import retry_after_s

NOW = 1_445_412_000.0  # Wed, 21 Oct 2015 07:20:00 GMT


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 0.0),
        ("7", 7.0),
        ("0", 0.0),
        ("86400", 300.0),
        ("9" * 5_000, 300.0),
        ("-5", 0.0),
        ("1.5", 0.0),
        ("٣", 0.0),
        ("Wed, 21 Oct 2015 07:21:00 GMT", 60.0),
        ("Wed, 21 Oct 2015 07:21:00 -0000", 60.0),
        ("Wed, 21 Oct 2015 07:19:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 300.0),
        ("Wed, 99 Oct 2015 07:21:00 GMT", 0.0),
        ("soon", 0.0),
        ("", 0.0),
    ],
)
def test_it_waits_as_long_as_it_is_asked_to_if_that_makes_sense(
    header: str | None, seconds: float
) -> None:
    assert retry_after_s(header, NOW) == seconds
