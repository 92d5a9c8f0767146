"""The webhook beside real rooms: what of their life it tells."""

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest

from presence_server.webhook.courier import Answer, Post, Result
from presence_server.webhook.webhook import Webhook
from tests.support.world import ROOM, World
from tests.webhook.receiver import Receiver


class Recorder:
    """Takes whatever is posted, or what `answer` says."""

    def __init__(self) -> None:
        self.receiver = Receiver()
        self.answer = Answer(Result.OK, 204)

    async def post(self, post: Post) -> Answer:
        """Take it, a turn of the loop later."""
        await asyncio.sleep(0)
        if self.answer.result is Result.OK:
            self.receiver.take(post.id, post.body)
        return self.answer

    async def close(self) -> None:
        """Nothing to close."""


class Stage:
    """A world whose gateway tells a webhook, without a debounce."""

    def __init__(self) -> None:
        self.recorder = Recorder()
        self.world = World(listeners=[self])
        self.webhook = Webhook(self.recorder, 0.0, self.world.clocks, self.world.metrics)
        self.on_events = self.webhook.on_events

    async def told(self) -> list[tuple[str, str]]:
        """What was told since the last time: of whom, and what."""
        for _ in range(20):
            self.world.settle()
            await asyncio.sleep(0)
        events, self.recorder.receiver.events = self.recorder.receiver.events, []
        return [(event["type"], event.get("userId", "")) for event in events]

    def metric(self, name: str, **labels: str) -> float:
        """The value of one series."""
        return self.world.metrics.registry.get_sample_value(name, labels) or 0.0


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    stage.webhook.start()
    stage.webhook.hurry()
    yield stage
    await stage.webhook.stop(5)


async def test_who_comes_and_goes_is_told(stage: Stage) -> None:
    ann = stage.world.join("ann")
    stage.world.join("bob")
    assert await stage.told() == [
        ("room_occupied", ""),
        ("user_joined", "ann"),
        ("user_joined", "bob"),
    ]
    ann.close()
    assert await stage.told() == [("user_left", "ann")]
    assert stage.recorder.receiver.rooms == {ROOM: {"bob"}}


async def test_observers_are_not_told_of(stage: Stage) -> None:
    eye = stage.world.join("eye", observe=True)
    eye.close()
    assert await stage.told() == []


async def test_a_second_tab_and_a_takeover_are_nothing(stage: Stage) -> None:
    stage.world.join("ann", "tab-1")
    await stage.told()
    stage.world.join("ann", "tab-2").close()
    stage.world.join("ann", "tab-1")
    stage.world.clients[-1].update("/somewhere")
    assert await stage.told() == []


async def test_a_removal_is_told_with_its_reason(stage: Stage) -> None:
    stage.world.join("ann")
    await stage.told()
    stage.world.gateway.rooms.remove_user(ROOM, "ann")
    stage.world.settle()
    await asyncio.sleep(0)
    await stage.told()
    assert stage.recorder.receiver.rooms == {}


async def test_at_the_end_those_who_are_still_there_are_told_to_have_left(stage: Stage) -> None:
    stage.world.join("ann")
    await stage.told()
    await stage.webhook.stop(5)
    assert stage.recorder.receiver.rooms == {}


async def test_trouble_is_counted_and_told_once_without_names(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.recorder.answer = Answer(Result.REFUSED, 410)
    stage.world.join("ann")
    with caplog.at_level(logging.INFO):
        for lines in (1, 1, 2):
            stage.webhook.hurry()
            await stage.told()
            assert len(caplog.messages) == lines
            stage.world.loop.advance(40)
    assert stage.metric("presence_webhook_posts_total", result="refused") >= 2
    assert stage.metric("presence_webhook_dropped_total") >= 2
    assert stage.metric("presence_webhook_waiting") == 0
    assert {record.__dict__["status"] for record in caplog.records} == {410}
    assert "ann" not in caplog.text
    stage.recorder.answer = Answer(Result.OK, 204)
    stage.webhook.hurry()
    await stage.told()
    assert stage.recorder.receiver.rooms == {ROOM: {"ann"}}
    assert stage.metric("presence_webhook_posts_total", result="ok") >= 1
