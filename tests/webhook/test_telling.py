"""What is told, in what order, and when."""

import itertools
import json

from presence_server.webhook.courier import TRIES, Answer, Result
from tests.webhook.story import TAKEN, Outcome, Story

LOST = Outcome(Answer(Result.UNREACHABLE))
UNSURE = Outcome(Answer(Result.TIMEOUT, may_have_arrived=True))


def begun(debounce_s: float = 3.0, capacity: int = 10_000) -> Story:
    """A story whose target has been greeted."""
    story = Story(debounce_s, capacity)
    story.settle()
    return story


def give_up(story: Story, outcome: Outcome) -> None:
    """Have the batch dropped that is on its way, or next."""
    for _ in range(TRIES):
        story.go_on(outcome)


def test_a_new_process_says_so_at_once() -> None:
    story = Story()
    story.send()
    assert story.post is not None
    assert json.loads(story.post.body) == {"boot": "boot-1", "sentAt": story.now_ms, "events": []}


def test_a_room_is_occupied_before_its_first_user_and_vacated_after_its_last() -> None:
    story = begun()
    story.join("docs", "ann")
    story.join("docs", "bob")
    story.settle()
    assert story.take() == [
        ("room_occupied", 2),
        ("user_joined", "ann", 1),
        ("user_joined", "bob", 2),
    ]
    story.leave("docs", "ann")
    story.leave("docs", "bob")
    story.settle()
    assert story.take() == [
        ("user_left", "ann", 1),
        ("user_left", "bob", 0),
        ("room_vacated", 0),
    ]


def test_an_event_says_when_it_happened_and_why() -> None:
    story = begun()
    story.join("docs", "ann")
    at = story.now_ms
    story.settle()
    story.leave("docs", "ann")
    left_at = story.now_ms
    story.settle()
    event = {"room": "docs", "userId": "ann"}
    assert story.receiver.events[1] == {**event, "type": "user_joined", "members": 1, "at": at}
    assert story.receiver.events[2] == {
        **event,
        "type": "user_left",
        "members": 0,
        "at": left_at,
        "reason": "closed",
    }


def test_a_change_is_told_when_it_has_lasted() -> None:
    story = begun()
    story.join("docs", "ann")
    story.wait(2.9)
    assert story.post is None
    story.wait(0.1)
    assert story.post is not None


def test_a_leave_and_a_return_within_the_debounce_is_nothing() -> None:
    story = begun()
    story.join("docs", "ann")
    story.settle()
    story.take()
    story.leave("docs", "ann")
    story.wait(2.9)
    story.join("docs", "ann")
    story.settle()
    assert story.take() == []


def test_a_room_whose_last_user_goes_as_another_comes_is_never_vacant() -> None:
    story = begun()
    story.join("docs", "ann")
    story.settle()
    story.take()
    story.leave("docs", "ann")
    story.wait(2.0)
    story.join("docs", "bob")
    story.settle()
    assert story.take() == [("user_left", "ann", 0), ("user_joined", "bob", 1)]


def test_a_room_of_people_who_never_stay_is_occupied_all_the_same() -> None:
    story = begun()
    for number in range(4):
        story.join("docs", f"user-{number}")
        story.wait(1.0)
        story.leave("docs", f"user-{number - 1}")
    assert story.post is not None
    story.answer(TAKEN)
    assert story.take() == [("room_occupied", 2)]


def test_a_retry_is_the_same_request() -> None:
    story = begun()
    story.join("docs", "ann")
    story.go_on(LOST)
    story.join("docs", "bob")
    story.go_on(UNSURE)
    story.settle()
    ids = [post.id for post in story.tries[1:]]
    assert ids[0] == ids[1] == ids[2] != ids[3]
    assert len({post.body for post in story.tries[1:4]}) == 1


def test_it_waits_longer_and_longer_and_then_drops_the_batch() -> None:
    story = begun()
    story.join("docs", "ann")
    story.wait(3.0)
    times = []
    for _ in range(TRIES + 2):
        times.append(story.now)
        story.go_on(LOST)
    waits = [later - sooner for sooner, later in itertools.pairwise(times)]
    assert waits[1:] == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 300.0]
    assert story.courier.dropped == 2
    story.settle()
    assert story.receiver.rooms == {"docs": {"ann"}}


def test_a_target_that_is_gone_is_left_alone_for_five_minutes() -> None:
    story = begun()
    story.join("docs", "ann")
    story.wait(3.0)
    story.answer(Outcome(Answer(Result.REFUSED, 410)))
    assert story.courier.dropped == 2
    assert story.courier.wake_at() == story.now + 300.0


def test_it_waits_as_long_as_it_is_asked_to() -> None:
    story = begun()
    story.join("docs", "ann")
    story.wait(3.0)
    story.answer(Outcome(Answer(Result.REFUSED, 503, retry_after_s=120.0)))
    assert story.courier.wake_at() == story.now + 120.0


def test_a_batch_holds_a_hundred_events() -> None:
    story = begun()
    for number in range(250):
        story.join("docs", f"user-{number}")
    story.settle()
    sizes = [len(json.loads(post.body)["events"]) for post in story.tries[1:]]
    assert sizes == [99, 99, 53]  # a user may need two, if it is the first of a room


def test_of_too_many_events_the_oldest_lose_their_turn_and_are_put_right_later() -> None:
    story = begun(debounce_s=0.0, capacity=100)
    story.join("docs", "first")
    story.wait(0.1)
    for number in range(150):
        story.join("docs", f"user-{number}")
    assert story.courier.waiting == 102
    assert story.courier.dropped == 50
    story.answer(TAKEN)
    story.settle()
    assert story.receiver.rooms == story.true
    assert story.courier.dropped == 50


def test_a_crowd_that_comes_at_once_is_not_dropped_while_the_target_is_well() -> None:
    story = begun()
    for number in range(15_000):
        story.join(f"room-{number % 7}", f"user-{number}")
        story.now += 0.001
        story.go_on() if number % 50 == 0 else None
    story.settle()
    assert story.courier.dropped == 0
    assert story.receiver.rooms == story.true


def test_what_was_dropped_and_is_no_longer_so_is_never_told() -> None:
    story = begun()
    story.join("docs", "ann")
    give_up(story, LOST)
    story.leave("docs", "ann")
    story.settle()
    assert story.take() == []


def test_what_may_have_been_taken_is_told_again() -> None:
    story = begun()
    story.join("docs", "ann")
    give_up(story, Outcome(UNSURE.answer, is_taken=True))
    story.leave("docs", "ann")
    story.settle()
    assert story.receiver.rooms == {}


def crowd_gone(debounce_s: float) -> Story:
    """A story in which a batch of leaves, without the room's, was given up and may have arrived."""
    story = begun(debounce_s)
    for user in [f"user-{number}" for number in range(99)]:
        story.join("docs", user)
    story.settle()
    for user in [*story.true["docs"]]:
        story.leave("docs", user)
    story.wait(debounce_s)
    give_up(story, UNSURE)
    story.take()
    return story


def test_a_leave_that_may_have_been_taken_comes_before_the_room_is_vacated() -> None:
    story = crowd_gone(3.0)
    story.settle()
    assert story.take()[-1] == ("room_vacated", 0)
    assert story.receiver.rooms == {}


def test_and_so_it_does_when_it_was_given_up_again() -> None:
    story = crowd_gone(3.0)
    give_up(story, LOST)
    story.settle()
    assert story.take()[-1] == ("room_vacated", 0)
    assert story.receiver.rooms == {}


def test_it_rests_while_a_room_waits_for_its_users_to_be_told_of() -> None:
    story = crowd_gone(600.0)
    story.wait(300.0)
    assert story.post is None
    assert story.courier.wake_at() > story.now


def test_only_the_batch_in_doubt_is_told_again() -> None:
    story = begun()
    story.join("docs", "ann")
    story.go_on(UNSURE)
    story.settle()
    story.join("docs", "bob")
    give_up(story, LOST)
    story.leave("docs", "bob")
    story.take()
    story.settle()
    assert story.take() == []


def test_after_a_success_it_waits_a_second_again() -> None:
    story = begun()
    story.join("docs", "ann")
    for outcome in (LOST, LOST, LOST, TAKEN):
        story.go_on(outcome)
    story.join("docs", "bob")
    story.wait(3.0)
    story.answer(LOST)
    assert story.courier.wake_at() == story.now + 1.0


def test_those_who_lost_their_turn_and_those_who_did_not_share_a_batch() -> None:
    story = begun(debounce_s=0.0, capacity=100)
    for number in range(250):
        story.join("docs", f"user-{number}")
    story.wait(0.1)
    assert story.post is not None
    users = {event.get("userId") for event in json.loads(story.post.body)["events"]}
    assert {"user-0", "user-150"} <= users


def test_at_the_end_nothing_is_held_back_and_each_batch_is_tried_once() -> None:
    story = begun()
    story.join("docs", "ann")
    story.settle()
    story.leave("docs", "ann")
    story.courier.finish()
    story.send()
    story.answer(LOST)
    assert story.courier.is_over
    assert story.courier.pending == 2


def test_at_the_end_it_is_over_when_all_is_told() -> None:
    story = begun()
    story.join("docs", "ann")
    story.settle()
    story.end()
    story.courier.finish()
    story.send()
    story.answer(TAKEN)
    story.send()
    assert story.courier.is_over
    assert story.receiver.rooms == {}
