"""Follow mode, as those who follow and those who are followed see it."""

import asyncio

import pytest
from playwright.async_api import expect

from tests.demo.stage import Stage, entry
from tests.demo.windows import OpenWindow

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_following_goes_where_the_leader_goes(open_window: OpenWindow) -> None:
    mira, jo = await open_window("Mira", "budget"), await open_window("Jo", "notes")
    await jo.follow("Mira")
    await jo.expect_page("Budget")
    await mira.go("Launch")
    await jo.expect_page("Launch")
    await mira.expect_page_of("Jo", "Launch")
    await expect(jo.page.get_by_test_id("follow-bar")).to_contain_text("Following Mira")
    await expect(mira.page.get_by_test_id("followed-by")).to_contain_text("Jo")
    await expect(mira.member("Jo")).to_contain_text("following you")


async def test_a_move_of_ones_own_ends_following(open_window: OpenWindow) -> None:
    mira, jo = await open_window("Mira", "budget"), await open_window("Jo", "notes")
    await jo.follow("Mira")
    await jo.expect_page("Budget")
    await jo.go("Design")
    await expect(jo.page.get_by_test_id("follow-bar")).to_be_hidden()
    await expect(mira.page.get_by_test_id("followed-by")).to_be_hidden()
    await mira.go("Launch")
    await jo.expect_page_of("Mira", "Launch")
    await jo.expect_page("Design")


async def test_unfollow_stays_on_the_page(open_window: OpenWindow) -> None:
    mira, jo = await open_window("Mira", "budget"), await open_window("Jo", "notes")
    await jo.follow("Mira")
    await jo.expect_page("Budget")
    await jo.page.get_by_test_id("unfollow").click()
    await mira.go("Launch")
    await jo.expect_page_of("Mira", "Launch")
    await jo.expect_page("Budget")


async def test_two_who_follow_each_other_do_not_chase_each_other(open_window: OpenWindow) -> None:
    mira, jo = await open_window("Mira", "budget"), await open_window("Jo", "notes")
    await asyncio.gather(mira.follow("Jo"), jo.follow("Mira"))
    await expect(mira.member("Jo")).to_contain_text("following you")
    await expect(jo.member("Mira")).to_contain_text("following you")
    await mira.go("Launch")  # ends Mira's following, and so the circle
    await jo.expect_page("Launch")
    await mira.expect_page("Launch")


async def test_following_outlasts_a_reload_of_the_leader(open_window: OpenWindow) -> None:
    mira, jo = await open_window("Mira", "budget"), await open_window("Jo", "notes")
    await jo.follow("Mira")
    await mira.page.reload()
    await mira.expect_connection("online")
    await mira.go("Launch")
    await jo.expect_page("Launch")


async def test_the_frame_has_the_leaders_colour_and_a_button_to_end_it(
    open_window: OpenWindow,
) -> None:
    mira, jo = await open_window("Mira"), await open_window("Jo")
    frame = jo.page.get_by_test_id("follow-frame")
    await jo.follow("Mira")
    await expect(frame).to_be_visible()
    face = jo.member("Mira").locator(".initials")
    colour = await face.evaluate("face => getComputedStyle(face).backgroundColor")
    await expect(frame).to_have_css("border-top-color", colour)
    box = await frame.bounding_box()
    assert box == {"x": 0, "y": 0, "width": 1280, "height": 800}
    await jo.page.get_by_test_id("unfollow").click()
    await expect(frame).to_be_hidden()
    await expect(mira.page.get_by_test_id("followed-by")).to_be_hidden()


async def test_a_follower_of_a_follower_ends_up_with_the_leader(open_window: OpenWindow) -> None:
    mira, jo = await open_window("Mira", "budget"), await open_window("Jo", "notes")
    sam = await open_window("Sam", "launch")
    await jo.follow("Mira")
    await sam.follow("Jo")
    await mira.go("Design")
    for window in (jo, sam):
        await window.expect_page("Design")
    await mira.expect_groups("Design 3")


async def test_three_who_follow_in_a_circle_settle_on_one_page(open_window: OpenWindow) -> None:
    names = ("Mira", "Jo", "Sam")
    windows = [
        await open_window(name, page)
        for name, page in zip(names, ("budget", "notes", "launch"), strict=True)
    ]
    await asyncio.gather(
        *(window.follow(name) for window, name in zip(windows, ("Jo", "Sam", "Mira"), strict=True))
    )
    for window in windows:
        await expect(window.page.get_by_test_id("group")).to_have_count(1)
        await expect(window.page.get_by_test_id("follow-bar")).to_be_visible()


async def test_a_leader_may_blip_but_not_stay_away(stage: Stage) -> None:
    await stage.page.clock.install()
    bar = stage.page.get_by_test_id("follow-bar")
    dial = await stage.open()
    await dial.admit(entry("jo"))
    await stage.window.follow("Jo")
    assert (await dial.receive("presence_update"))["following"] == "jo"
    dial.send("user_left", userId="jo", reason="timeout", seq=2)
    await expect(bar).to_contain_text("Waiting for Jo")
    await stage.pass_time(4, dial)
    dial.send("user_joined", **entry("jo", currentPath="/budget"), seq=3)
    await stage.window.expect_page("Budget")
    await expect(bar).not_to_contain_text("Waiting for Jo")
    dial.send("user_left", userId="jo", reason="closed", seq=4)
    await expect(bar).to_contain_text("Waiting for Jo")
    await stage.pass_time(8, dial)
    await expect(bar).to_contain_text("Waiting for Jo")
    await stage.pass_time(4, dial)
    await expect(bar).to_be_hidden()
    lost = stage.page.get_by_test_id("lost")
    await expect(lost).to_contain_text("Jo left")
    await lost.get_by_role("button", name="OK").click()
    await expect(lost).to_be_hidden()


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


async def test_following_waits_visibly_while_there_is_no_connection(stage: Stage) -> None:
    dial = await stage.open()
    await dial.admit(entry("jo"))
    await stage.window.follow("Jo")
    frame = stage.page.get_by_test_id("follow-frame")
    await expect(frame).to_have_attribute("data-live", "true")
    await dial.close(1012)
    again = await stage.next_dial()
    await expect(frame).to_have_attribute("data-live", "false")
    await expect(stage.page.get_by_test_id("follow-bar")).to_contain_text("paused")
    await again.admit(entry("jo"))
    await expect(frame).to_have_attribute("data-live", "true")
