"""The page keeps the client's side of the contract, also when the server's side is rough.

The page and its tokens come from the real server; the WebSocket ends in the test, which can then
lose events, hang, and close with any code.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Request, WebSocketRoute, expect

from tests.demo.windows import DemoServer, Window

pytestmark = pytest.mark.asyncio(loop_scope="session")

Message = dict[str, Any]
WAIT_S = 10


class Dial:
    """One connection of the page, as its server sees it."""

    def __init__(self, route: WebSocketRoute) -> None:
        self.url = route.url
        self.answers_pings = True
        self._route = route
        self._received: asyncio.Queue[Message] = asyncio.Queue()
        route.on_message(lambda text: self._hear(json.loads(text)))

    def _hear(self, message: Message) -> None:
        self._received.put_nowait(message)
        if message["type"] == "ping" and self.answers_pings:
            self.send("pong")

    def send(self, kind: str, **fields: Any) -> None:
        self._route.send(json.dumps({"type": kind, **fields}))

    async def close(self, code: int, reason: str = "") -> None:
        await self._route.close(code=code, reason=reason)

    async def receive(self, kind: str) -> Message:
        """The next message of this type; others before it are dropped."""
        async with asyncio.timeout(WAIT_S):
            while True:
                message = await self._received.get()
                if message["type"] == kind:
                    return message

    def received_so_far(self, kind: str) -> int:
        count = 0
        while not self._received.empty():
            count += self._received.get_nowait()["type"] == kind
        return count

    async def barrier(self) -> None:
        """Until the page has dealt with all that was sent: it answers a request for its token."""
        self.send("token_refresh_required", expiresIn=60_000)
        await self.receive("token_refresh")

    async def admit(self, *users: Message, seq: int = 1) -> None:
        self.send(
            "welcome",
            version=1,
            userId="me",
            connectionId="c",
            role="commenter",
            observe=False,
            expiresIn=60_000,
            pingInterval=10_000,
        )
        self.send("presence_snapshot", users=list(users), seq=seq)
        await self.receive("presence_update")


class Stage:
    """A window whose every dial ends here."""

    def __init__(self, window: Window, url: str) -> None:
        self.window = window
        self.page = window.page
        self._url = url
        self._dials: asyncio.Queue[Dial] = asyncio.Queue()

    async def open(self) -> Dial:
        await self.page.route_web_socket(
            re.compile("/parties/"), lambda route: self._dials.put_nowait(Dial(route))
        )
        await self.page.goto(f"{self._url}/#/roadmap")
        return await self.next_dial()

    async def next_dial(self) -> Dial:
        async with asyncio.timeout(WAIT_S):
            return await self._dials.get()

    async def pass_time(self, seconds: int, dial: Dial) -> None:
        """Needs the page's clock installed. In steps, so that pings are answered meanwhile."""
        for _ in range(0, seconds, 2):
            await self.page.clock.run_for(2_000)
            await dial.barrier()

    @property
    def quiet(self) -> bool:
        return self._dials.empty()


@pytest_asyncio.fixture(loop_scope="session")
async def stage(browser: Browser, server: DemoServer) -> AsyncIterator[Stage]:
    window = await Window.create(browser, server.url)
    yield Stage(window, server.url)
    await window.close()
    assert window.problems == []


def entry(user_id: str, **more: Any) -> Message:
    return {
        "userId": user_id,
        "userName": user_id.title(),
        "userImage": None,
        "currentPath": "/roadmap",
        "status": "online",
        "role": "commenter",
        "joinedAt": 1,
        **more,
    }


async def test_state_is_sent_on_every_welcome_and_the_connection_keeps_its_id(stage: Stage) -> None:
    first = await stage.open()
    await first.admit(entry("jo"))
    await first.close(1012)
    second = await stage.next_dial()
    assert second.received_so_far("presence_update") == 0  # `open` is not admission
    await second.admit(entry("jo"))
    pk = re.compile(r"_pk=([^&]+)")
    assert pk.findall(first.url) == pk.findall(second.url) != []
    await stage.window.expect_members("Jo")


async def test_a_gap_asks_for_one_resync_and_waits_for_the_snapshot(stage: Stage) -> None:
    dial = await stage.open()
    await dial.admit(entry("jo"), seq=4)
    dial.send("user_joined", **entry("kim"), seq=6)
    dial.send("user_joined", **entry("lee"), seq=7)
    await dial.receive("resync")
    await stage.window.expect_members("Jo")
    dial.send("presence_snapshot", users=[entry("kim"), entry("lee")], seq=7)
    await stage.window.expect_members("Kim", "Lee")
    dial.send("user_left", userId="kim", reason="closed", seq=7)  # heard of already
    dial.send("user_left", userId="lee", reason="closed", seq=8)
    await stage.window.expect_members("Kim")
    assert dial.received_so_far("resync") == 0


async def test_a_later_snapshot_replaces_everybody(stage: Stage) -> None:
    dial = await stage.open()
    await dial.admit(entry("jo"), entry("kim"))
    await stage.window.expect_members("Jo", "Kim")
    dial.send("presence_snapshot", users=[entry("kim")], seq=9)
    await stage.window.expect_members("Kim")


async def test_a_cursor_of_somebody_unknown_or_not_a_point_is_not_drawn(stage: Stage) -> None:
    dial = await stage.open()
    await dial.admit(*(entry(user) for user in ("jo", "kim", "lee")))
    dial.send("cursor_changed", userId="nobody", cursor={"x": 0.1, "y": 0.1})
    dial.send("cursor_changed", userId="kim", cursor={"x": "1; color: red", "y": {}})
    dial.send("cursor_changed", userId="lee", cursor={"x": 1e9, "y": -4})
    dial.send("cursor_changed", userId="jo", cursor={"x": 0.2, "y": 0.2})
    await expect(stage.window.cursor("Jo")).to_be_visible()
    await expect(stage.page.get_by_test_id("cursor")).to_have_count(1)


async def test_nothing_is_said_of_the_pointer_while_alone(stage: Stage) -> None:
    dial = await stage.open()
    await dial.admit()
    await stage.window.point(100, 200)
    await stage.window.point(300, 200)
    await dial.barrier()
    assert dial.received_so_far("cursor_update") == 0
    dial.send("user_joined", **entry("jo"), seq=2)
    cursor = (await dial.receive("cursor_update"))["cursor"]
    assert 0 < cursor["x"] < 1
    assert 0 < cursor["y"] < 1


@pytest.mark.parametrize("code", [1009, 4400, 4403, 4404, 4409, 4410])
async def test_a_final_close_stops_until_the_visitor_says_so(stage: Stage, code: int) -> None:
    dial = await stage.open()
    await dial.admit(entry("jo"))
    await dial.close(code)
    await stage.window.expect_phase("stopped")
    await stage.page.evaluate("window.dispatchEvent(new Event('online'))")
    assert stage.quiet
    await stage.window.expect_members("Jo")
    await stage.page.get_by_role("button", name="Connect again").click()
    again = await stage.next_dial()
    await again.admit(entry("kim"))
    await stage.window.expect_phase("live")
    await stage.window.expect_members("Kim")


async def test_a_third_invalid_token_in_a_row_stops(stage: Stage) -> None:
    dial = await stage.open()
    for _ in range(2):
        await dial.close(4401, "token_invalid")
        dial = await stage.next_dial()
    await dial.close(4401, "token_invalid")
    await stage.window.expect_phase("stopped")


async def test_an_expired_token_is_replaced_at_once(stage: Stage) -> None:
    tokens_asked = 0

    def count(request: Request) -> None:
        nonlocal tokens_asked
        tokens_asked += "/demo/token" in request.url

    stage.page.on("request", count)
    dial = await stage.open()
    await dial.admit(entry("jo"))
    await dial.close(4401, "token_expired")
    again = await stage.next_dial()
    assert tokens_asked == 2
    await again.admit(entry("jo"))
    await stage.window.expect_phase("live")


async def test_a_token_that_runs_out_is_renewed_in_band(stage: Stage) -> None:
    dial = await stage.open()
    await dial.admit(entry("jo"))
    dial.send("token_refresh_required", expiresIn=20_000)
    assert (await dial.receive("token_refresh"))["token"]
    await stage.window.expect_phase("live")


async def test_a_server_gone_silent_is_left_for_a_new_connection(stage: Stage) -> None:
    await stage.page.clock.install()
    dial = await stage.open()
    dial.answers_pings = False
    await dial.admit(entry("jo"))
    await stage.page.clock.run_for(10_500)
    await dial.receive("ping")
    await stage.page.clock.run_for(5_500)
    again = await stage.next_dial()
    await again.admit(entry("jo"))
    await stage.window.expect_phase("live")
    await stage.page.clock.run_for(10_500)
    await again.receive("ping")
    await stage.page.clock.run_for(6_000)
    await stage.window.expect_phase("live")


async def test_a_leader_may_blip_but_not_stay_away(stage: Stage) -> None:
    await stage.page.clock.install()
    bar = stage.page.get_by_test_id("follow-bar")
    dial = await stage.open()
    await dial.admit(entry("jo"))
    await stage.window.follow("Jo")
    assert (await dial.receive("presence_update"))["following"] == "jo"
    dial.send("user_left", userId="jo", reason="timeout", seq=2)
    await expect(bar).to_contain_text("waiting")
    await stage.pass_time(4, dial)
    dial.send("user_joined", **entry("jo", currentPath="/budget"), seq=3)
    await stage.window.expect_page("Budget")
    await expect(bar).not_to_contain_text("waiting")
    dial.send("user_left", userId="jo", reason="closed", seq=4)
    await expect(bar).to_contain_text("waiting")
    await stage.pass_time(8, dial)
    await expect(bar).to_contain_text("waiting")
    await stage.pass_time(4, dial)
    await expect(bar).to_be_hidden()
    await expect(stage.page.get_by_test_id("news")).to_contain_text("no longer following")


async def test_following_survives_a_lost_connection_of_ones_own(stage: Stage) -> None:
    dial = await stage.open()
    await dial.admit(entry("jo"))
    await stage.window.follow("Jo")
    await dial.close(1012)
    again = await stage.next_dial()
    await again.admit(entry("jo", currentPath="/launch"))
    await stage.window.expect_page("Launch")
    await expect(stage.page.get_by_test_id("follow-bar")).to_contain_text("Following Jo")


async def test_a_leader_on_a_page_we_do_not_have_is_said_so(stage: Stage) -> None:
    dial = await stage.open()
    await dial.admit(entry("jo", currentPath="javascript:alert(1)"))
    await stage.window.follow("Jo")
    await expect(stage.page.get_by_test_id("follow-bar")).to_contain_text("you do not have")
    await stage.window.expect_page("Roadmap")


async def test_only_pictures_from_the_web_are_asked_for(stage: Stage) -> None:
    asked: list[str] = []
    await stage.page.route(re.compile(r"^https?://pictures\.test/"), lambda route: route.abort())
    stage.page.on("request", lambda request: asked.append(request.url))
    dial = await stage.open()
    asked.clear()
    await dial.admit(
        entry("a", userImage="javascript:alert(1)"),
        entry("b", userImage="data:text/html,<script>alert(1)</script>"),
        entry("c", userImage="data:image/svg+xml,<svg onload='alert(1)'/>"),
        entry("d", userImage="/demo/token?user=a"),
        entry("e", userImage='https://pictures.test/a.png" onerror="alert(1)'),
        entry("f", userImage={"toString": 1}),
    )
    await stage.window.expect_members("A", "B", "C", "D", "E", "F")
    await expect(stage.page.locator("#roster img")).to_have_count(0)  # the one failed: initials
    assert [url for url in asked if "/demo/token" not in url] == [
        "https://pictures.test/a.png%22%20onerror=%22alert(1)"
    ]
    assert "ERR_FAILED" in stage.window.problems.pop()
    await expect(stage.window.member("E").locator(".initials")).to_be_visible()


async def test_user_ids_with_a_meaning_in_javascript_are_just_ids(stage: Stage) -> None:
    dial = await stage.open()
    ids = ("__proto__", "constructor", "toString")
    await dial.admit(*(entry(user, userName=f"Is {user}") for user in ids))
    await stage.window.expect_members(*(f"Is {user}" for user in ids))
    dial.send("user_left", userId="__proto__", reason="closed", seq=2)
    await stage.window.expect_members("Is constructor", "Is toString")


async def test_a_crowd_is_counted_but_not_all_listed(stage: Stage) -> None:
    dial = await stage.open()
    await dial.admit(*(entry(f"user {number}") for number in range(1000)))
    await expect(stage.page.get_by_test_id("count")).to_have_text("1000")
    await expect(stage.window.members).to_have_count(100)
    await expect(stage.page.get_by_text("and 900 more")).to_be_visible()


CHASE = """async () => {
  const { startFollow, look } = await import("/follow.js");
  const people = ["ann", "bob", "cid"].map((userId, at) => ({
    userId, userName: userId, path: ["/roadmap", "/design", "/budget"][at],
  }));
  const leaders = { ann: "bob", bob: "cid", cid: "ann" };
  const entries = () => new Map(people.map((person) => [person.userId, {
    ...person, currentPath: person.path, following: leaders[person.userId],
  }]));
  let members = entries();
  // All three press the button before any of them hears of another.
  for (const person of people) {
    const leader = members.get(leaders[person.userId]);
    const blind = new Map([[leader.userId, { ...leader, following: undefined }]]);
    const { follow, goTo } = look(startFollow(leader), blind, person);
    person.follow = follow;
    if (goTo) person.path = goTo;
  }
  let moves = 0;
  for (let round = 0; round < 50; round += 1) {
    members = entries(); // what everybody hears at the same time
    for (const person of people) {
      const { follow, goTo } = look(person.follow, members, person);
      person.follow = follow;
      if (goTo) { person.path = goTo; moves += 1; }
    }
  }
  return [new Set(people.map((person) => person.path)).size, moves];
}"""


async def test_a_circle_that_starts_in_one_instant_settles_on_one_page(stage: Stage) -> None:
    await stage.open()
    pages, moves = await stage.page.evaluate(CHASE)
    assert pages == 1
    assert moves <= 4
