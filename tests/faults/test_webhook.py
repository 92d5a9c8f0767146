"""Whatever the webhook's target does, nobody in a room notices; well again, it knows the truth."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.support.peer import Peer, pump
from tests.support.server import ROOM, Server, eventually
from tests.webhook import target
from tests.webhook.target import Target

SECRET = "a secret for webhooks, long enough"
FAULT_S = 1.0
RECOVERY_S = 30.0


def become(behaviour: target.Behaviour) -> Callable[[Target], None]:
    """A target that behaves like that."""
    return lambda hook: hook.become(behaviour)


def slow(handler: target._Handler) -> None:
    """Take it after a while."""
    time.sleep(0.4)
    target.take(handler)


FAULTS: dict[str, Callable[[Target], None]] = {
    "hangs": become(target.hang),
    "drips": become(target.drip),
    "drips a body": become(target.drip_a_body),
    "is slow": become(slow),
    "refuses connections": Target.close,
    "answers 500": become(target.answer(500, body=b"Internal Server Error")),
    "answers garbage": become(target.say(b"\x00\xff\x16\x03 garbage" * 1_000)),
    "hangs up": become(target.hang_up),
}


@contextmanager
def serving(hook: Target, *flags: str) -> Iterator[Server]:
    """A server that posts to a target."""
    settings = ("--webhook-url", hook.url, "--webhook-secret", SECRET, "--webhook-debounce", "0.2")
    with Server(*settings, *flags) as server:
        yield server


def talk(ann: Peer, bob: Peer, label: str) -> None:
    """Each sees where the other is."""
    ann.update(f"/{label}/ann")
    bob.update(f"/{label}/bob")
    both = [ann, bob]
    pump(both, lambda: ann.sees("bob", f"/{label}/bob") and bob.sees("ann", f"/{label}/ann"))


@pytest.mark.parametrize("fault", FAULTS)
def test_nobody_in_a_room_notices(fault: str) -> None:
    with Target() as hook, serving(hook) as server:
        ann, bob = server.enter("ann"), server.enter("bob")
        eventually(lambda: hook.receiver.rooms == {ROOM: {"ann", "bob"}})
        FAULTS[fault](hook)
        cid, turn, until = server.enter("cid"), 0, time.monotonic() + FAULT_S
        while time.monotonic() < until:
            talk(ann, bob, str(turn))
            turn += 1
        dan = server.enter("dan")
        cid.drop()
        pump(
            [ann, bob, dan], lambda: all(set(p.users) == {"ann", "bob", "dan"} for p in (ann, bob))
        )
        if fault == "refuses connections":
            hook.open()
        hook.become(target.take)
        eventually(lambda: hook.receiver.rooms == {ROOM: {"ann", "bob", "dan"}}, RECOVERY_S)
        assert [user for user, _ in ann.left()] == ["cid"]
        assert [peer.closed for peer in (ann, bob, dan)] == [None] * 3
        assert SECRET not in server.stderr


def test_at_the_end_everybody_is_told_to_have_left_without_delay() -> None:
    with Target() as hook, serving(hook, "--webhook-debounce", "1") as server:
        peers = [server.enter(name, room=f"presence-{name}") for name in ("ann", "bob")]
        eventually(lambda: len(hook.receiver.rooms) == 2)
        cid = server.enter("cid")
        server.terminate()
        pump([*peers, cid], lambda: all(peer.is_gone for peer in [*peers, cid]))
        assert server.wait() == 0
        assert hook.receiver.rooms == {}
        left = [event for event in hook.receiver.events if event["type"] == "user_left"]
        assert [event["reason"] for event in left if event["userId"] != "cid"] == ["closed"] * 2
        assert "not posted" not in server.stderr


@pytest.mark.parametrize("fault", ["hangs", "drips", "refuses connections", "answers 500"])
def test_a_target_that_does_not_answer_does_not_hold_up_the_end(fault: str) -> None:
    with Target() as hook, serving(hook, "--drain-seconds", "0") as server:
        ann = server.enter("ann")
        eventually(lambda: hook.receiver.rooms == {ROOM: {"ann"}})
        FAULTS[fault](hook)
        server.terminate()
        pump([ann], lambda: ann.is_gone)
        assert server.wait() == 0
        assert "not posted" in server.stderr


def test_after_a_kill_the_next_process_lets_the_target_forget() -> None:
    with Target() as hook, serving(hook) as server:
        server.enter("ann")
        eventually(lambda: hook.receiver.rooms == {ROOM: {"ann"}})
        server.process.kill()
        server.wait()
        server.start()
        eventually(lambda: hook.receiver.rooms == {})
