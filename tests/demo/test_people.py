"""Who is here: by page, in colours that differ, and one member however many tabs."""

import pytest
from playwright.async_api import expect

from tests.demo.stage import Stage, entry
from tests.demo.windows import OpenWindow, Window

pytestmark = pytest.mark.asyncio(loop_scope="session")

PALETTE_SIZE = 10
COLOURS = "faces => faces.map(face => getComputedStyle(face).backgroundColor)"


async def test_people_are_listed_by_page_ones_own_first(open_window: OpenWindow) -> None:
    mira = await open_window("Mira", "launch")
    jo, sam = await open_window("Jo", "budget"), await open_window("Sam", "budget")
    await mira.expect_groups("Launch 1", "Budget 2")
    await jo.expect_groups("Budget 2", "Launch 1")
    await sam.go("Launch")
    await mira.expect_groups("Launch 2", "Budget 1")
    await expect(mira.members.first).to_contain_text("Mira")


async def test_a_page_link_says_who_is_there(open_window: OpenWindow) -> None:
    mira = await open_window("Mira", "launch")
    jo = await open_window("Jo", "budget")
    link = mira.page.get_by_test_id("page-link").filter(has_text="Budget")
    await expect(link).to_have_accessible_name("Budget (here: \u2068Jo\u2069)")
    await expect(link.locator(".avatar")).to_have_count(1)
    await jo.go("Design")
    await expect(link).to_have_accessible_name("Budget")


async def test_a_reader_keeps_the_focus_when_the_person_goes_to_another_page(
    open_window: OpenWindow,
) -> None:
    mira, jo = await open_window("Mira"), await open_window("Jo")
    button = mira.member("Jo").get_by_test_id("follow")
    await button.focus()
    await jo.go("Launch")
    await mira.expect_groups("Roadmap 1", "Launch 1")
    await expect(button).to_be_focused()


async def test_people_differ_in_colour_as_far_as_the_palette_goes_and_keep_theirs(
    stage: Stage,
) -> None:
    dial = await stage.open()
    people = [entry(f"u{number}", joinedAt=number) for number in range(PALETTE_SIZE)]
    await dial.admit(*people)
    await expect(stage.window.members).to_have_count(PALETTE_SIZE)
    before = await colours(stage.window)
    assert len(set(before)) == PALETTE_SIZE
    dial.send("user_left", userId="u0", reason="closed", seq=2)
    dial.send("user_joined", **entry("later", joinedAt=99), seq=3)
    await expect(stage.window.member("Later")).to_be_visible()
    after = await colours(stage.window)
    assert after == [*before[1:], before[0]]


async def colours(window: Window) -> list[str]:
    faces: list[str] = await window.page.locator("#roster .initials").evaluate_all(COLOURS)
    return faces


async def test_a_second_tab_is_the_same_member_and_closing_it_is_no_leave(
    open_window: OpenWindow,
) -> None:
    mira, jo = await open_window("Mira"), await open_window("Jo")
    tab = await mira.another_tab("as-myself")
    for window in (mira, tab, jo):
        await window.expect_members("Mira", "Jo")
    assert "as=" not in tab.page.url
    await tab.go("Launch")
    await jo.expect_page_of("Mira", "Launch")  # the tab used last stands for her
    await tab.page.close()
    await jo.expect_page_of("Mira", "Roadmap")
    await jo.expect_members("Mira", "Jo")
    assert [message for message in jo.heard if message["type"] == "user_left"] == []
    assert tab.problems == []


async def test_a_new_name_is_the_name_of_all_ones_tabs(open_window: OpenWindow) -> None:
    mira = await open_window("Mira")
    tab = await mira.another_tab("as-myself")
    await tab.rename("Miranda")
    await mira.expect_members("Miranda")
    await expect(mira.page.get_by_test_id("name")).to_have_value("Miranda")


async def test_another_window_is_somebody_else(open_window: OpenWindow) -> None:
    mira = await open_window("Mira")
    await expect(mira.page.get_by_test_id("alone")).to_be_visible()
    other = await mira.another_tab("as-somebody")
    await expect(mira.members).to_have_count(2)
    await expect(mira.page.get_by_test_id("alone")).to_be_hidden()
    await other.page.close()
    await mira.expect_members("Mira")
    await expect(mira.page.get_by_test_id("alone")).to_be_visible()


async def test_who_writes_is_seen_to_write_until_they_pause(open_window: OpenWindow) -> None:
    mira, jo = await open_window("Mira", "notes"), await open_window("Jo", "notes")
    await jo.page.clock.install()
    await jo.page.get_by_test_id("scratch").press_sequentially("Hm")
    await expect(mira.page.get_by_test_id("writers")).to_contain_text("Jo")
    await expect(mira.member("Jo")).to_contain_text("writing")
    await jo.page.clock.run_for(3_500)
    await expect(mira.page.get_by_test_id("writers")).to_be_empty()


async def test_news_goes_away_again(stage: Stage) -> None:
    await stage.page.clock.install()
    news = stage.page.get_by_test_id("news")
    dial = await stage.open()
    await dial.admit(entry("me"))
    await stage.window.expect_members("Me")
    dial.send("user_joined", **entry("jo"), seq=2)
    await stage.window.expect_members("Me", "Jo")
    await stage.page.clock.run_for(1_500)
    await expect(news).to_contain_text("\u2068Jo\u2069 joined")
    await stage.page.clock.run_for(8_500)
    await expect(news).to_be_empty()
