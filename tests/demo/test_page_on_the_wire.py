"""The page keeps the client's side of the contract, also when the server's side is rough.

The page and its tokens come from the real server; the WebSocket ends in the test.
"""

import re

import pytest
from playwright.async_api import Request, expect

from tests.demo.stage import Stage, entry, pointer

pytestmark = pytest.mark.asyncio(loop_scope="session")


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
    await dial.admit(*(entry(user) for user in ("jo", "kim", "lee", "ned")))
    dial.send("cursor_changed", userId="nobody", cursor=pointer())
    dial.send("cursor_changed", userId="kim", cursor=pointer(x="1; color: red", y={}))
    dial.send("cursor_changed", userId="lee", cursor=pointer(x=1e9, dy=-1e9))
    dial.send("cursor_changed", userId="ned", cursor=pointer(anchor='"], body, [x="'))
    dial.send("cursor_changed", userId="jo", cursor=pointer())
    await expect(stage.window.cursor("Jo")).to_be_visible()
    drawn = stage.page.get_by_test_id("cursor").filter(visible=True)
    await expect(drawn).to_have_count(1)


async def test_nothing_is_said_of_the_pointer_while_alone(stage: Stage) -> None:
    dial = await stage.open()
    await dial.admit(entry("me"))
    await stage.window.point(100, 200)
    await stage.window.point_at("card-search")
    await dial.barrier()
    assert dial.received_so_far("cursor_update") == 0
    dial.send("user_joined", **entry("jo"), seq=2)
    cursor = (await dial.receive("cursor_update"))["cursor"]
    assert cursor == {"anchor": "card-search", "x": 0.5, "y": 0.5, "dx": 0, "dy": 0}


@pytest.mark.parametrize("code", [1009, 4400, 4403, 4404, 4409, 4410])
async def test_a_final_close_stops_until_the_visitor_says_so(stage: Stage, code: int) -> None:
    dial = await stage.open()
    await dial.admit(entry("jo"))
    await dial.close(code)
    await stage.window.expect_connection("refused")
    await stage.page.evaluate("window.dispatchEvent(new Event('online'))")
    assert stage.quiet
    await stage.window.expect_members("Jo")
    await stage.page.get_by_role("button", name="Connect again").click()
    again = await stage.next_dial()
    await again.admit(entry("kim"))
    await stage.window.expect_connection("online")
    await stage.window.expect_members("Kim")


async def test_a_third_invalid_token_in_a_row_stops(stage: Stage) -> None:
    dial = await stage.open()
    for _ in range(2):
        await dial.close(4401, "token_invalid")
        dial = await stage.next_dial()
    await dial.close(4401, "token_invalid")
    await stage.window.expect_connection("refused")


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
    await stage.window.expect_connection("online")


async def test_a_token_that_runs_out_is_renewed_in_band(stage: Stage) -> None:
    dial = await stage.open()
    await dial.admit(entry("jo"))
    dial.send("token_refresh_required", expiresIn=20_000)
    assert (await dial.receive("token_refresh"))["token"]
    await stage.window.expect_connection("online")


async def test_a_server_gone_silent_is_left_for_a_new_connection(stage: Stage) -> None:
    await stage.page.clock.install()
    dial = await stage.open()
    dial.answers_pings = False
    await dial.admit(entry("jo"))
    await stage.page.clock.run_for(20_000)
    again = await stage.next_dial()
    await again.admit(entry("jo"))
    await stage.window.expect_connection("online")
    await stage.pass_time(20, again)
    await stage.window.expect_connection("online")
    assert stage.quiet


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
    assert {url for url in asked if "/demo/token" not in url} == {
        "https://pictures.test/a.png%22%20onerror=%22alert(1)"
    }
    told = stage.window.problems
    told[:] = [problem for problem in told if "ERR_FAILED" not in problem]
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
