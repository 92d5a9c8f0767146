"""Keys that an issuer publishes: who waits for them, how often they are fetched, when they go."""

import base64
import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from presence_server.gateway.jwks import Outcome
from presence_server.gateway.keys import published_keys
from tests.support.issuer import Issuer, SigningKey, key_set
from tests.support.world import ROOM, Client, World

REFUSED = (4401, "token_invalid")
NO_KEYS = (4429, "the issuer's keys can't be had")
OLD, NEW, LATER = SigningKey("old"), SigningKey("new"), SigningKey("later")


def started(*keys: SigningKey) -> tuple[World, Issuer]:
    """A world whose issuer has published `keys`, so long ago that it may be asked again."""
    world = World()
    issuer = Issuer(world)
    issuer.publish(*keys)
    world.loop.advance(60)
    return world, issuer


def waits(client: Client) -> bool:
    """Whether a client is neither in nor refused."""
    is_upgraded = client.response is not None and client.response.status_code == 101
    return is_upgraded and client.types() == [] and client.closed is None


def under(header: dict[str, Any], token: str) -> str:
    """A token with its header replaced."""
    encoded = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    return encoded + "." + token.partition(".")[2]


# Waiting for a key


def test_a_client_with_a_new_key_waits_for_it_and_comes_in() -> None:
    world, issuer = started(OLD)
    witness = issuer.join("witness", OLD)
    ann = issuer.join("ann", NEW)
    assert waits(ann)
    assert set(witness.users) == {"witness"}
    issuer.publish(OLD, NEW)
    world.settle()
    assert ann.types() == ["welcome", "presence_snapshot"]
    assert set(witness.users) == set(ann.users) == {"witness", "ann"}
    assert len(issuer.fetched_at) == 2


def test_what_it_says_while_it_waits_is_heard_when_it_is_in() -> None:
    world, issuer = started(OLD)
    witness = issuer.join("witness", OLD)
    ann = issuer.join("ann", NEW)
    ann.update("/first")
    ann.send_frame(Frame(Opcode.TEXT, b'{"type":"status_update",', fin=False))
    ann.send_frame(Frame(Opcode.CONT, b'"status":"away"}'))
    ann.update("/second")
    ann.point({"x": 1})
    world.settle()
    assert waits(ann)
    issuer.publish(OLD, NEW)
    world.settle()
    entry = witness.users["ann"]
    assert (entry["currentPath"], entry["status"]) == ("/second", "away")
    assert entry["cursor"] == {"x": 1}


@pytest.mark.parametrize("size", [0, 1, 3])
def test_what_came_in_one_read_with_the_request_is_heard_too(size: int) -> None:
    world, issuer = started(OLD)
    token = issuer.token("ann", NEW)
    ann = world.dial(f"/parties/presence/{ROOM}?token={token}")
    ann.transport.pause_reading()
    world.loop.turn()
    ann.update("/first")
    ann.update("/second")
    rest, kept = bytes(ann.transport._incoming), len(ann.transport._incoming) - size
    del ann.transport._incoming[kept:]
    ann.transport.resume_reading()
    ann.send_raw(rest[kept:])
    world.settle()
    assert waits(ann)
    issuer.publish(NEW)
    world.settle()
    assert ann.users["ann"]["currentPath"] == "/second"


def test_a_flood_from_one_that_waits_stays_in_its_kernel() -> None:
    world, issuer = started(OLD)
    ann = issuer.join("ann", NEW)
    for number in range(5_000):
        ann.update(f"/page/{number}")
    assert waits(ann)
    assert len(ann.transport._incoming) > 250_000
    issuer.publish(NEW)
    world.loop.advance(60)
    assert ann.users["ann"]["currentPath"] == "/page/4999"


def test_one_that_pings_its_way_past_that_is_told_to_come_back_later() -> None:
    world, issuer = started(OLD)
    ann = issuer.join("ann", NEW)
    for number in range(5_000):
        ann.update(f"/page/{number}")
        ann.connection.resume_writing()  # as after pongs that it was slow to read
        world.loop.advance(0.0009)
    world.settle()
    assert ann.closed == (4429, "too much before the welcome")


def test_a_key_that_does_not_come_refuses_once_and_for_all() -> None:
    world, issuer = started(OLD)
    witness = issuer.join("witness", OLD)
    ann = issuer.join("ann", NEW)
    ann.update("/never")
    issuer.publish(OLD)
    world.settle()
    assert ann.closed == REFUSED
    assert set(witness.users) == {"witness"}
    assert world.metrics.refused.labels("token_invalid")._value.get() == 1


def test_the_log_says_whether_the_key_is_unknown_or_another(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world, issuer = started(OLD)
    options = world.gateway.context.options
    world.gateway.reconfigure(options._replace(log_connections="refused"))
    with caplog.at_level("INFO"):
        waiting = issuer.join("ann", NEW)
        issuer.publish(OLD)
        world.settle()
        others = [issuer.join("bob", SigningKey(kid)) for kid in (None, OLD.kid)]
    assert [peer.closed for peer in (waiting, *others)] == [REFUSED] * 3
    told = [it.__dict__["because"] for it in caplog.records]
    assert told == ["kid", "signature", "signature"]


def test_an_endpoint_that_fails_sends_those_who_wait_away_for_now_and_nobody_else() -> None:
    world, issuer = started(OLD)
    ann = issuer.join("ann", NEW)
    issuer.fail()
    world.settle()
    assert ann.closed == NO_KEYS, "after three times token_invalid a client would stop for good"
    refused = "presence_connections_refused_total"
    assert world.metrics.registry.get_sample_value(refused, {"reason": "keys"}) == 1
    assert issuer.join("bob", OLD).types() == ["welcome", "presence_snapshot"]


def test_a_token_that_names_no_key_waits_for_the_first_answer() -> None:
    world = World()
    issuer, nameless = Issuer(world), SigningKey(None)
    ann, bob = issuer.join("ann", nameless), issuer.join("bob", SigningKey(None))
    assert waits(ann)
    issuer.publish(nameless)
    world.settle()
    assert ann.types() == ["welcome", "presence_snapshot"]
    assert bob.closed == REFUSED
    assert issuer.join("cy", SigningKey(None)).closed == REFUSED, "there are keys, and none fits"


def test_an_issuer_that_is_down_from_the_start_makes_nobody_stop_for_good() -> None:
    world = World()
    issuer = Issuer(world)
    for kid in (None, "new", None):
        client = issuer.join("ann", SigningKey(kid))
        for _ in range(11):
            if issuer.pending:
                issuer.fail()
            world.loop.advance(1)
        assert client.closed == NO_KEYS


def test_an_endpoint_that_hangs_holds_a_client_for_a_deadline_at_most() -> None:
    world, issuer = started(OLD)
    ann = issuer.join("ann", NEW)
    world.loop.advance(4.9)
    assert waits(ann)
    world.loop.advance(0.2)
    assert ann.closed == NO_KEYS
    bob = issuer.join("bob", NEW)
    world.loop.advance(5.1)
    assert bob.closed == NO_KEYS
    assert len(issuer.fetched_at) == 2, "one at a time: the thread of the first hangs still"


def test_what_a_hanging_endpoint_says_at_last_counts() -> None:
    world, issuer = started(OLD)
    issuer.join("ann", NEW)
    world.loop.advance(30)
    issuer.publish(OLD, NEW)
    assert issuer.join("bob", NEW).types() == ["welcome", "presence_snapshot"]


def test_one_that_comes_during_a_fetch_gets_the_next_if_that_one_does_not_help() -> None:
    world, issuer = started(OLD)
    early = issuer.join("early", NEW)
    world.loop.advance(1)
    late = issuer.join("late", LATER)
    issuer.publish(OLD, NEW)
    world.settle()
    assert early.types() == ["welcome", "presence_snapshot"]
    assert waits(late)
    world.loop.advance(4)
    issuer.publish(OLD, NEW, LATER)
    world.settle()
    assert late.types() == ["welcome", "presence_snapshot"]


def test_a_token_that_no_fetch_can_help_does_not_wait() -> None:
    world, issuer = started(OLD)
    fetches = len(issuer.fetched_at)
    bad = [
        issuer.token("ann", SigningKey("old")),  # the kid of another key
        issuer.token("ann", SigningKey(None)),
        issuer.token("ann", SigningKey("x" * 300)),
        under({"alg": "HS256", "kid": "new"}, issuer.token("ann", NEW)),
        under({"alg": "none", "kid": "new"}, issuer.token("ann", NEW)),
        under({"alg": ["ES256"], "kid": "new"}, issuer.token("ann", NEW)),
        under({"alg": "ES256", "kid": "new", "crit": ["x"], "x": 1}, issuer.token("ann", NEW)),
        under({"alg": "ES256", "kid": 7}, issuer.token("ann", NEW)),
    ]
    for token in bad:
        client = world.dial(f"/parties/presence/{ROOM}?token={token}")
        world.settle()
        assert client.closed == REFUSED
    assert len(issuer.fetched_at) == fetches


@pytest.mark.parametrize("way", ["closes", "vanishes"])
def test_one_that_goes_while_it_waits_is_never_seen(way: str) -> None:
    world, issuer = started(OLD)
    witness = issuer.join("witness", OLD)
    ann = issuer.join("ann", NEW)
    ann.update("/never")
    if way == "closes":
        ann.close()
    else:
        ann.vanish()
    world.settle()
    assert len(world.gateway) == 1
    assert not issuer.jwks._waiters
    issuer.publish(OLD, NEW)
    world.settle()
    assert witness.types() == ["welcome", "presence_snapshot"]
    assert len(world.gateway) == 1


def test_a_drain_cuts_those_who_wait() -> None:
    world, issuer = started(OLD)
    ann = issuer.join("ann", NEW)
    emptied: list[bool] = []
    world.gateway.drain(0.0, lambda: emptied.append(True))
    world.settle()
    assert ann.is_gone
    assert emptied
    issuer.publish(OLD, NEW)
    assert world.users() == {}


def test_a_thousand_who_wait_come_in_together() -> None:
    world, issuer = started(OLD)
    crowd = [issuer.dial(f"user-{number}", NEW) for number in range(1_000)]
    world.settle()
    assert all(waits(client) for client in crowd)
    issuer.publish(OLD, NEW)
    world.loop.advance(5)
    assert all(len(client.users) == 1_000 for client in crowd)
    assert len(issuer.fetched_at) == 2


@given(st.data())
def test_everybody_is_in_or_refused_within_eleven_seconds(data: st.DataObject) -> None:
    world = World()
    issuer = Issuer(world)
    keys = [SigningKey(str(number)) for number in range(3)]
    since: dict[Client, float] = {}
    for number in range(data.draw(st.integers(1, 12))):
        step = data.draw(st.sampled_from(("join", "publish", "fail", "pass")))
        if step == "join":
            client = issuer.join(f"user-{number}", data.draw(st.sampled_from(keys)))
            since[client] = world.loop.now
        elif step == "pass":
            world.loop.advance(data.draw(st.sampled_from((0.5, 3.0, 6.0))))
        elif issuer.pending and step == "fail":
            issuer.fail()
        elif issuer.pending:
            issuer.publish(*data.draw(st.lists(st.sampled_from(keys), min_size=1)))
        world.settle()
        for client, came in since.items():
            assert not waits(client) or world.loop.now - came < 11
    world.loop.advance(11)
    assert not any(waits(client) for client in since)
    assert {client.closed for client in since} <= {None, REFUSED, NO_KEYS}


# Refreshes in band


def refresh(client: Client, token: str) -> None:
    client.send({"type": "token_refresh", "token": token})
    client.world.settle()


def test_a_refresh_with_a_new_key_waits_for_it() -> None:
    world, issuer = started(OLD)
    ann = issuer.join("ann", OLD, ttl=60)
    ann.take()
    refresh(ann, issuer.token("ann", NEW, ttl=600))
    assert ann.take() == []
    issuer.publish(OLD, NEW)
    world.settle()
    assert [m["type"] for m in ann.take()] == ["token_refreshed"]
    world.loop.advance(120)
    assert ann.closed is None


def test_only_the_latest_refresh_that_waits_is_answered() -> None:
    world, issuer = started(OLD)
    ann = issuer.join("ann", OLD, ttl=3_600)
    ann.take()
    refresh(ann, issuer.token("ann", NEW, ttl=100))
    refresh(ann, issuer.token("ann", NEW, ttl=200))
    issuer.publish(OLD, NEW)
    world.settle()
    (answer,) = ann.take()
    assert answer["type"] == "token_refreshed"
    assert answer["expiresIn"] > 190_000
    refresh(ann, issuer.token("ann", LATER, ttl=100))
    refresh(ann, issuer.token("ann", OLD, ttl=300))
    world.loop.advance(5)
    issuer.publish(OLD, NEW, LATER)
    world.settle()
    assert [m["type"] for m in ann.take()] == ["token_refreshed"]
    world.loop.advance(150)
    assert ann.closed is None


def test_a_refresh_whose_key_does_not_come_leaves_the_old_token_in_force() -> None:
    world, issuer = started(OLD)
    ann = issuer.join("ann", OLD, ttl=60)
    refresh(ann, issuer.token("ann", NEW))
    issuer.fail()
    world.settle()
    assert ann.errors() == [("token_invalid", "token_refresh")]
    world.loop.advance(55)
    assert ann.closed is None
    world.loop.advance(12)
    assert ann.closed == (4401, "token_expired")


def test_a_token_that_ends_while_another_waits_ends_the_connection() -> None:
    world, issuer = started(OLD)
    ann = issuer.join("ann", OLD, ttl=3)
    world.loop.advance(7)
    refresh(ann, issuer.token("ann", NEW))
    world.loop.advance(1.2)
    assert ann.closed == (4401, "token_expired")
    issuer.publish(OLD, NEW)
    world.settle()
    assert ann.types()[-1] == "token_refresh_required"
    assert world.users() == {}


# How often, and what stays


def test_a_thousand_unknown_keys_cause_one_fetch_in_five_seconds() -> None:
    world, issuer = started(OLD)
    began, fetches = world.loop.now, len(issuer.fetched_at)
    crowd: list[Client] = []
    for number in range(1_000):
        key = SigningKey(f"guess-{number}")
        crowd.append(issuer.join(f"user-{number}", key))
        world.loop.advance(0.04)
        if issuer.pending:
            issuer.publish(OLD)
    for _ in range(11):
        world.loop.advance(1)
        if issuer.pending:
            issuer.publish(OLD)
    world.settle()
    assert {client.closed for client in crowd} == {REFUSED}
    asked = issuer.fetched_at[fetches:]
    assert all(later - sooner >= 5 for sooner, later in pairwise(asked))
    assert len(asked) <= (world.loop.now - began) / 5 + 1


def test_keys_are_fetched_every_five_minutes_and_sooner_after_a_failure() -> None:
    world = World()
    issuer = Issuer(world)
    issuer.publish(OLD)
    assert 270 <= pause(issuer) <= 330
    issuer.publish(OLD)
    assert 270 <= pause(issuer) <= 330
    pauses = []
    for _ in range(9):
        issuer.fail()
        pauses.append(pause(issuer))
    assert 4 < pauses[0] < 6
    assert all(sooner < later for sooner, later in pairwise(pauses[:7]))
    assert all(270 <= seconds <= 330 for seconds in pauses[7:])


def pause(issuer: Issuer) -> float:
    """Let time pass until the next fetch; how long that took."""
    since = issuer.world.loop.now
    while not issuer.pending:
        issuer.world.loop.advance(0.1)
    return issuer.fetched_at[-1] - since


def test_a_key_that_a_good_answer_no_longer_lists_is_gone_but_nobody_is_dropped() -> None:
    world, issuer = started(OLD)
    inside = issuer.join("inside", OLD)
    world.loop.advance(331)
    issuer.publish(NEW)
    assert issuer.join("ann", NEW).types() == ["welcome", "presence_snapshot"]
    bob = issuer.join("bob", OLD)
    assert waits(bob), "it may be back"
    world.loop.advance(5)
    issuer.publish(NEW)
    world.settle()
    assert bob.closed == REFUSED
    assert inside.closed is None


def test_keys_are_kept_while_the_endpoint_fails() -> None:
    world, issuer = started(OLD)
    for _ in range(20):
        world.loop.advance(400)
        if issuer.pending:
            issuer.fail()
        assert issuer.join("ann", OLD).types()[0] == "welcome"


def test_keys_and_fetches_are_counted() -> None:
    world, issuer = started(OLD, NEW)
    assert world.metrics.jwks_fetches.labels("ok")._value.get() == 1
    issuer.jwks.refresh()
    world.loop.advance(0)
    issuer.fail()
    assert world.metrics.jwks_fetches.labels("failed")._value.get() == 1


def test_the_configured_secret_counts_beside_the_issuer() -> None:
    world, issuer = started(OLD)
    assert world.join("ann").types() == ["welcome", "presence_snapshot"]
    assert issuer.join("bob", OLD).types() == ["welcome", "presence_snapshot"]


def test_no_more_than_thirty_two_keys_count() -> None:
    world, _ = started(*(SigningKey(str(number)) for number in range(40)))
    verifier = world.gateway.context.verifier
    assert len(verifier) == 32  # type: ignore[arg-type]


def test_nobody_waits_for_a_source_that_is_stopped() -> None:
    world, issuer = started(OLD)
    ann = issuer.join("ann", NEW)
    successor = Issuer(world)
    issuer.jwks.stop()
    world.settle()
    assert ann.closed == REFUSED
    issuer.publish(NEW)
    successor.publish(LATER)
    assert waits(issuer.join("bob", NEW))


# What the log is told


def test_trouble_is_told_once_and_so_is_its_end(caplog: pytest.LogCaptureFixture) -> None:
    world, issuer = started(OLD)

    def answer(outcome: Outcome) -> None:
        while not issuer.pending:
            world.loop.advance(1)
        issuer.pending.pop()(outcome)
        world.loop.turn()

    with caplog.at_level("INFO"):
        answer("the endpoint answers 500")
        answer("the endpoint answers 500")
        answer("the endpoint hangs up")
        answer(published_keys(key_set(OLD)))
        answer(published_keys(key_set(OLD)))
    told = [(it.getMessage(), it.__dict__.get("reason")) for it in caplog.records]
    assert told == [
        ("no keys from the issuer's JWK Set", "the endpoint answers 500"),
        ("no keys from the issuer's JWK Set", "the endpoint hangs up"),
        ("keys from the issuer's JWK Set again", None),
    ]
    assert caplog.records[-1].__dict__["keys"] == 1
