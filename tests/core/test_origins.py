"""Which pages may connect."""

import pytest

from presence_server.core.origins import is_allowed

ALLOWED = ("https://app.example", "https://*.apps.example", "http://localhost:3000")


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "https://app.example",
        "HTTPS://APP.EXAMPLE",
        "https://one.apps.example",
        "https://a.b.apps.example",
        "http://localhost:3000",
    ],
)
def test_an_origin_that_is_listed_may_connect(origin: str | None) -> None:
    assert is_allowed(origin, ALLOWED)


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "http://app.example",
        "https://app.example:8443",
        "https://app.example.evil.example",
        "https://evil-app.example",
        "https://apps.example",
        "https://.apps.example",
        "https://evil.example/.apps.example",
        "https://evil.example#.apps.example",
        "https://user@x.apps.example",
        "https://one.apps.example:8443",
        "http://localhost:3001",
        "http://localhost",
    ],
)
def test_an_origin_that_only_looks_alike_may_not(origin: str) -> None:
    assert not is_allowed(origin, ALLOWED)


def test_a_star_allows_every_origin() -> None:
    assert is_allowed("null", ("*",))
