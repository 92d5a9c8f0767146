"""What a visitor is promised: open it in two windows, and each sees the other."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import expect

from tests.demo.windows import DemoServer, OpenWindow, Window, own_server

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOSTILE_NAMES = {
    "image": "<img src=x onerror=alert(1)>",
    "script": "<script>alert(1)</script>",
    "attribute": '"><svg/onload=alert(1)>',
    "256 bytes of foxes": "\N{FOX FACE}" * 64,
    "one long word": "W" * 256,
    "stacked marks": "Z" + "\N{COMBINING LONG STROKE OVERLAY}\N{COMBINING ACUTE ACCENT}" * 60,
}


async def test_two_windows_see_each_others_name_and_page(open_window: OpenWindow) -> None:
    mira = await open_window("Mira", "budget")
    jo = await open_window("Jo", "notes")
    for window in (mira, jo):
        await window.expect_members("Mira", "Jo")
        await window.expect_page_of("Mira", "Budget")
        await window.expect_page_of("Jo", "Notes")
    await expect(mira.members.first).to_contain_text("(you)")
    await expect(mira.members.first).to_contain_text("Mira")
    await expect(jo.members.first).to_contain_text("Jo")


@own_server("--compression")
async def test_two_windows_see_each_other_through_compression(
    open_window: OpenWindow, server: DemoServer
) -> None:
    mira, jo = await open_window("Mira"), await open_window("Jo")
    agreed = await mira.page.evaluate(
        """url => new Promise(done => {
            const socket = new WebSocket(url);
            socket.onopen = () => done(socket.extensions);
        })""",
        server.url.replace("http", "ws") + "/parties/presence/anywhere",
    )
    assert "permessage-deflate" in agreed
    for page in ["Launch", "Budget", "Notes"] * 3:
        await jo.go(page)
        await mira.expect_page_of("Jo", page)
    sam = await open_window("Sam")
    for window in (mira, jo, sam):
        await window.expect_members("Mira", "Jo", "Sam")
    await jo.go("Launch")
    await sam.expect_page_of("Jo", "Launch")


async def test_a_page_change_is_seen(open_window: OpenWindow) -> None:
    mira, jo = await open_window("Mira"), await open_window("Jo")
    await jo.go("Launch")
    await mira.expect_page_of("Jo", "Launch")
    await jo.page.go_back()
    await mira.expect_page_of("Jo", "Roadmap")


async def test_a_new_name_is_seen_without_a_leave(open_window: OpenWindow) -> None:
    mira, jo = await open_window("Mira"), await open_window("Jo")
    await mira.expect_members("Mira", "Jo")
    await jo.rename("Joanna")
    await mira.expect_members("Mira", "Joanna")
    await expect(mira.page.get_by_test_id("news")).not_to_contain_text("left")


async def test_a_reload_is_the_same_person_under_the_same_name(open_window: OpenWindow) -> None:
    mira, jo = await open_window("Mira"), await open_window("Jo", "design")
    await jo.page.reload()
    await jo.expect_connection("online")
    await jo.expect_members("Mira", "Jo")
    await mira.expect_members("Mira", "Jo")
    await mira.expect_page_of("Jo", "Design")


async def test_a_cursor_is_seen_moving_and_leaving(open_window: OpenWindow) -> None:
    mira, jo = await open_window("Mira"), await open_window("Jo")
    await jo.expect_members("Mira", "Jo")
    await jo.point(100, 200)
    cursor = mira.cursor("Jo")
    await expect(cursor).to_be_visible()
    before = await cursor.get_attribute("style")
    assert before is not None
    await jo.point(300, 400)
    await expect(cursor).not_to_have_attribute("style", before)
    await expect(jo.page.get_by_test_id("cursor")).to_have_count(0)  # one's own is the real one
    await jo.page.mouse.move(5, 5)
    await expect(cursor).to_have_count(0)


async def test_a_cursor_is_seen_on_its_own_page_only(open_window: OpenWindow) -> None:
    mira, jo = await open_window("Mira", "design"), await open_window("Jo", "roadmap")
    await jo.point(100, 200)  # nobody there to see it: shown to who arrives later
    await mira.go("Roadmap")
    await expect(mira.cursor("Jo")).to_be_visible()
    await mira.go("Design")
    await expect(mira.cursor("Jo")).to_have_count(0)


async def test_away_after_idle_and_back_on_input(open_window: OpenWindow) -> None:
    mira = await open_window("Mira")
    jo = await open_window("Jo", idle="1")
    await mira.expect_status_of("Jo", "away")
    await mira.expect_members("Mira", "Jo")  # away is never a leave
    async with restless(jo):
        await mira.expect_status_of("Jo", "online")
    await mira.expect_status_of("Jo", "away")


@contextlib.asynccontextmanager
async def restless(window: Window) -> AsyncIterator[None]:
    """Keeps the pointer moving, for a status that lasts only as long as that."""

    async def move() -> None:
        for step in itertools.count():
            await window.page.mouse.move(400 + step % 50, 300)
            await asyncio.sleep(0.1)

    moving = asyncio.create_task(move())
    yield
    moving.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await moving


async def test_closing_a_window_removes_its_member(open_window: OpenWindow) -> None:
    mira, jo = await open_window("Mira"), await open_window("Jo")
    news = mira.page.get_by_test_id("news")
    await expect(news).to_contain_text("\u2068Jo\u2069 joined")
    await jo.close()
    await mira.expect_members("Mira")
    await expect(news).to_contain_text("\u2068Jo\u2069 left")


@pytest.mark.parametrize("name", HOSTILE_NAMES.values(), ids=HOSTILE_NAMES.keys())
async def test_a_hostile_name_is_text_and_runs_nothing(open_window: OpenWindow, name: str) -> None:
    mira = await open_window("Mira", size="390x844")
    jo = await open_window(name)
    await jo.point(100, 200)
    await expect(mira.member(name)).to_be_visible()
    await expect(mira.cursor(name)).to_be_visible()
    await mira.follow(name)
    await expect(mira.page.get_by_test_id("leader")).to_have_text(name)
    await expect(jo.page.get_by_test_id("followed-by")).to_be_visible()
    assert await mira.page.locator("#roster img, #roster script, #roster svg").count() == 0
    assert await mira.scrolls_sideways() is False
    assert await jo.scrolls_sideways() is False
    # Errors, dialogs and violations of the content policy would be told when the window closes.


async def test_a_name_that_turns_text_around_is_shown_straight(open_window: OpenWindow) -> None:
    mira = await open_window("Mira")
    jo = await open_window()
    await jo.page.get_by_test_id("name").fill("\N{RIGHT-TO-LEFT OVERRIDE}oJ \N{ZERO WIDTH SPACE}")
    await jo.page.keyboard.press("Enter")
    await expect(mira.members.nth(1).get_by_test_id("member-name")).to_contain_text("oJ")
    shown = await mira.members.nth(1).inner_text()
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in shown


async def test_a_name_nobody_can_see_is_given_one(open_window: OpenWindow) -> None:
    mira, jo = await open_window("Mira"), await open_window()
    await jo.page.get_by_test_id("name").fill("\N{ZERO WIDTH SPACE}\N{HANGUL FILLER}")
    await jo.page.keyboard.press("Enter")
    await mira.expect_members("Mira", "Unnamed")


@pytest.mark.parametrize("size", ["390x844", "1280x800"])
async def test_nothing_scrolls_sideways(open_window: OpenWindow, size: str) -> None:
    mira = await open_window("Mira", size=size)
    await open_window("W" * 60)
    await mira.expect_members("Mira", "W" * 60)
    for title in ("Roadmap", "Design", "Budget", "Notes", "Launch"):
        await mira.go(title)
        await mira.expect_page(title)
        assert await mira.scrolls_sideways() is False, title


@own_server()
async def test_the_page_survives_a_server_restart(
    open_window: OpenWindow, server: DemoServer
) -> None:
    mira = await open_window("Mira", "budget")
    jo = await open_window("Jo", "notes")
    await mira.expect_members("Mira", "Jo")
    server.stop()
    await mira.expect_connection("reconnecting")
    await expect(mira.page.get_by_test_id("stale-note")).to_be_visible()
    await mira.expect_members("Mira", "Jo")  # as last known
    await jo.go("Launch")
    server.start()
    for window in (mira, jo):
        await window.expect_connection("online", timeout_s=40)
        await expect(window.page.get_by_test_id("stale-note")).to_be_hidden()
    for window in (mira, jo):
        await window.expect_members("Mira", "Jo")
        await window.expect_page_of("Mira", "Budget")
        await window.expect_page_of("Jo", "Launch")


@own_server()
async def test_who_left_during_a_restart_is_no_ghost(
    open_window: OpenWindow, server: DemoServer
) -> None:
    mira, jo = await open_window("Mira"), await open_window("Jo")
    await mira.expect_members("Mira", "Jo")
    server.stop()
    await mira.expect_connection("reconnecting")
    await jo.close()
    server.start()
    await mira.expect_connection("online", timeout_s=40)
    await mira.expect_members("Mira")
