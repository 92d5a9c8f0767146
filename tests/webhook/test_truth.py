"""Whatever happens, and whatever the target does: in the end it believes what is true."""

from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st

from presence_server.webhook import courier
from presence_server.webhook.courier import Answer, Result
from tests.webhook.story import TAKEN, Outcome, Story

ROOMS = st.sampled_from(["docs", "code"])
USERS = st.sampled_from(["ann", "bob", "cid", "dan"])

CERTAIN = [
    Outcome(Answer(Result.UNREACHABLE)),
    Outcome(Answer(Result.REFUSED, 404)),
    Outcome(Answer(Result.REFUSED, 429, retry_after_s=20.0)),
    Outcome(Answer(Result.REFUSED, 410)),
]
UNSURE = [
    Outcome(Answer(result, status, may_have_arrived=True), is_taken)
    for result, status in ((Result.TIMEOUT, None), (Result.BROKEN, None), (Result.REFUSED, 500))
    for is_taken in (False, True)
]


def steps(outcomes: list[Outcome]) -> st.SearchStrategy[list[tuple[str, tuple[object, ...]]]]:
    """Anything that may happen, in any order."""
    outcome = st.sampled_from(outcomes)
    return st.lists(
        st.one_of(
            st.tuples(st.just("join"), st.tuples(ROOMS, USERS)),
            st.tuples(st.just("leave"), st.tuples(ROOMS, USERS)),
            st.tuples(
                st.just("wait"), st.tuples(st.sampled_from([0.0, 0.1, 2.9, 3.0, 3.0, 400.0]))
            ),
            st.tuples(st.just("answer"), st.tuples(st.just(TAKEN))),
            st.tuples(st.just("answer"), st.tuples(outcome)),
            st.tuples(st.just("fail"), st.tuples(outcome, st.sampled_from([1, 3, 10, 11]))),
        ),
        min_size=15,
        max_size=45,
    )


def fail(story: Story, outcome: Outcome, times: int) -> None:
    """The same thing again and again."""
    for _ in range(times):
        story.go_on(outcome)


def tell(
    story: Story, happened: list[tuple[str, tuple[object, ...]]], batch: int = courier.BATCH
) -> None:
    """Let it all happen, then the target be well; check what it believes."""
    verbs = {"join": story.join, "leave": story.leave, "wait": story.wait, "answer": story.answer}
    story.settle()  # the greeting
    with mock.patch.object(courier, "BATCH", batch):
        for verb, arguments in happened:
            if verb == "fail":
                fail(story, *arguments)  # type: ignore[arg-type]
            else:
                verbs[verb](*arguments)  # type: ignore[operator]
        story.settle()
        assert story.receiver.rooms == story.true
        for room, users in [*story.true.items()]:
            for user in [*users]:
                story.leave(room, user)
        story.settle()
    assert story.receiver.rooms == {}
    assert story.ledger.known == 0
    assert story.courier.pending == 0


@given(steps([TAKEN]), st.sampled_from([0.0, 3.0]))
def test_a_target_that_is_well_knows_the_truth(
    happened: list[tuple[str, tuple[object, ...]]], debounce_s: float
) -> None:
    story = Story(debounce_s)
    tell(story, happened)
    assert story.courier.dropped == 0


@given(steps(CERTAIN), st.sampled_from([0.0, 3.0]), st.sampled_from([2, 10_000]))
def test_what_was_not_taken_and_dropped_is_put_right(
    happened: list[tuple[str, tuple[object, ...]]], debounce_s: float, capacity: int
) -> None:
    story = Story(debounce_s, capacity)
    tell(story, happened, 4)
    assert story.receiver.is_strict


@settings(max_examples=150)
@given(steps(CERTAIN + UNSURE), st.sampled_from([0.0, 3.0]), st.sampled_from([2, 10_000]))
def test_what_may_or_may_not_have_been_taken_is_put_right(
    happened: list[tuple[str, tuple[object, ...]]], debounce_s: float, capacity: int
) -> None:
    tell(Story(debounce_s, capacity), happened, 4)
