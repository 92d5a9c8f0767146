"""What is wrong with a token is one word for the log; the fault that a client is told has none."""

from typing import Any, Final, get_args

import pytest

from presence_server.core.claims import Expected, read_claims
from presence_server.core.errors import Because, KeyUnknown, TokenRefused

NOW: Final = 1_800_000_000
EXPECTED: Final = Expected("app", "presence")
GOOD: Final = {"iss": "app", "aud": "presence", "sub": "ann", "room": "r", "exp": NOW + 60}
OF_THE_HEADER: Final = {"form", "algorithm", "kid", "signature"}
OF_THE_PLACE: Final = {"origin"}

WRONG: Final[list[tuple[Because, dict[str, Any]]]] = [
    ("issuer", {"iss": "another"}),
    ("issuer", {"iss": None}),
    ("audience", {"aud": ["another"]}),
    ("audience", {"aud": None}),
    ("exp", {"exp": "soon"}),
    ("iat", {"iat": "now"}),
    ("iat", {"iat": NOW + 6}),
    ("nbf", {"nbf": -1}),
    ("nbf", {"nbf": NOW + 6}),
    ("sub", {"sub": ""}),
    ("room", {"room": "a room"}),
    ("scope", {"scope": 7}),
    ("scope", {"scope": ["a\nb"]}),
    ("role", {"role": "owner"}),
    ("name", {"name": "a\nb"}),
    ("picture", {"picture": ["https://a.example/"]}),
    ("observe", {"observe": 1}),
    ("anon", {"anon": "true"}),
    ("track", {"track": None}),
]


def refused(**claims: Any) -> TokenRefused:
    """How a token with these claims in place of good ones is refused."""
    with pytest.raises(TokenRefused) as refused:
        read_claims({**GOOD, **claims}, NOW, EXPECTED)
    return refused.value


@pytest.mark.parametrize(("because", "claims"), WRONG)
def test_what_is_wrong_has_a_word_of_its_own(because: Because, claims: dict[str, Any]) -> None:
    refusal = refused(**claims)
    assert (refusal.fault, refusal.because) == ("token_invalid", because)
    assert str(refusal) == "token_invalid"


def test_every_word_is_for_a_claim_the_header_or_the_place() -> None:
    of_claims = {because for because, _ in WRONG}
    assert of_claims | OF_THE_HEADER | OF_THE_PLACE == {*get_args(Because)}


def test_one_that_has_merely_ended_needs_no_word() -> None:
    ended = refused(exp=NOW - 5)
    assert (ended.fault, ended.because) == ("token_expired", None)
    assert refused(exp=NOW - 5, role="owner").because == "role"


def test_who_waited_for_a_key_in_vain_is_refused_because_of_it() -> None:
    for kid, because in (("new", "kid"), (None, "signature")):
        refusal = KeyUnknown(kid).refusal()
        assert (refusal.reason, refusal.because) == ("token_invalid", because)


def test_a_time_that_has_come_is_read() -> None:
    for claims in ({"iat": NOW + 5, "nbf": NOW + 5}, {"iat": 0.5, "nbf": 0}):
        assert read_claims({**GOOD, **claims}, NOW, EXPECTED).issued_at == claims["iat"]
