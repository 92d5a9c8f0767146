"""The page is honest about its connection."""

import pytest
from playwright.async_api import expect

from tests.demo.stage import Stage, entry
from tests.demo.windows import DemoServer, OpenWindow, own_server

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_disconnecting_is_leaving_and_connecting_is_coming_back(
    open_window: OpenWindow,
) -> None:
    mira, jo = await open_window("Mira"), await open_window("Jo", "budget")
    await mira.page.get_by_role("button", name="Disconnect").click()
    await mira.expect_connection("closed")
    await jo.expect_members("Jo")
    await mira.expect_members("Mira", "Jo")  # as last known
    await expect(mira.page.get_by_test_id("stale-note")).to_be_visible()
    await expect(mira.page.get_by_test_id("banner")).to_contain_text("You have left")
    await jo.go("Launch")
    await mira.expect_page_of("Jo", "Budget")
    await mira.page.get_by_role("button", name="Connect").click()
    await mira.expect_connection("online")
    await mira.expect_page_of("Jo", "Launch")
    await jo.expect_members("Mira", "Jo")
    await expect(mira.page.get_by_test_id("banner")).to_be_hidden()
    await expect(mira.page.get_by_test_id("switch")).to_be_focused()


async def test_a_refusal_says_its_code_and_can_be_tried_again(open_window: OpenWindow) -> None:
    mira, jo = await open_window(), await open_window("Jo")
    await jo.page.evaluate("url => { window.thief = new WebSocket(url) }", mira.dialled[-1])
    await mira.expect_connection("refused")
    banner = mira.page.get_by_test_id("banner")
    await expect(banner).to_contain_text("4409")
    await expect(banner).to_contain_text("taken this one's place")
    await expect(jo.members).to_have_count(2)
    await mira.page.get_by_role("button", name="Connect again").click()
    await mira.expect_connection("online")
    await expect(banner).to_be_hidden()
    await expect(mira.page.get_by_test_id("page-title")).to_be_focused()


@own_server()
async def test_while_the_server_is_gone_it_says_so_and_tries_at_once_when_told(
    open_window: OpenWindow, server: DemoServer
) -> None:
    mira = await open_window("Mira")
    await mira.page.clock.install()
    server.stop()
    await mira.expect_connection("reconnecting")
    banner = mira.page.get_by_test_id("banner")
    await expect(banner).to_contain_text("cannot be reached")
    now = await mira.page.evaluate("Date.now() / 1000")
    await mira.page.clock.pause_at(now + 1)  # by itself it tries no more
    server.start()
    retry = mira.page.get_by_role("button", name="Try now")
    async with mira.page.expect_websocket():
        await retry.evaluate("button => button.click()")  # what waits for frames waits for ever
    await mira.page.clock.resume()
    await mira.expect_connection("online")
    await expect(banner).to_be_hidden()


async def test_nobody_points_at_anything_while_the_connection_is_gone(stage: Stage) -> None:
    dial = await stage.open()
    at = {"anchor": "card-search", "x": 0, "y": 0, "dx": 0, "dy": 0}
    await dial.admit(entry("jo", cursor=at))
    await expect(stage.window.cursor("Jo")).to_be_visible()
    await dial.close(1012)
    again = await stage.next_dial()
    await expect(stage.window.cursor("Jo")).to_have_count(0)
    await again.admit(entry("jo", cursor=at))
    await expect(stage.window.cursor("Jo")).to_be_visible()
