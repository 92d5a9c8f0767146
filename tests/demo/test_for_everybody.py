"""The page can be used by keyboard, by ear, on a phone, and in the dark."""

import pytest
from playwright.async_api import Page, expect

from tests.demo.windows import OpenWindow

pytestmark = pytest.mark.asyncio(loop_scope="session")

MOST_TABS = 40

LANDMARKS = r"""
- banner:
  - status: Online
  - button "Disconnect"
- navigation "Pages":
  - list:
    - listitem:
      - link /Roadmap \(here:/
- region "You":
  - textbox "Your name"
- main:
  - heading "Roadmap" [level=1]
- region "Here now 2":
  - heading "Here now 2" [level=2]
  - list:
    - listitem:
      - heading "Roadmap 2" [level=3]
    - listitem:
      - button /Follow .Jo./
- status: /Jo. joined/
"""

# Every piece of text that can be seen, what it stands on, and how well it can be told from it.
FAINT = """() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgb = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = (colour) => rgb(colour).slice(0, 3).map((part) => part / 255)
    .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
  const ground = (element) => {
    const colour = getComputedStyle(element).backgroundColor;
    return rgb(colour)[3] === 255 ? colour : ground(element.parentElement);
  };
  const faint = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let count = 0;
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !element.checkVisibility()) continue;
    if (element.closest(".unseen, noscript")) continue;
    count += 1;
    const [low, high] = [light(getComputedStyle(element).color), light(ground(element))]
      .sort((a, b) => a - b);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < 4.5) faint.push(`${texts.currentNode.data}: ${ratio.toFixed(2)}`);
  }
  return { count, faint };
}"""


async def tab_to(page: Page, name: str) -> None:
    """Presses Tab until the button of this name has the focus."""
    button = page.get_by_role("button", name=name)
    for _ in range(MOST_TABS):
        await page.keyboard.press("Tab")
        if await button.evaluate("button => button === document.activeElement"):
            return
    raise AssertionError(f"Tab does not lead to {name}")


async def test_following_needs_nothing_but_the_keyboard(open_window: OpenWindow) -> None:
    mira, jo = await open_window("Mira", "budget"), await open_window("Jo")
    await jo.expect_members("Mira", "Jo")
    bar = jo.page.get_by_test_id("follow-bar")
    follow = jo.member("Mira").get_by_test_id("follow")
    await tab_to(jo.page, "Follow \u2068Mira\u2069")
    await jo.page.keyboard.press("Enter")
    await jo.expect_page("Budget")
    await expect(follow).to_be_focused()
    await expect(follow).to_have_attribute("aria-pressed", "true")
    await expect(jo.page.get_by_test_id("follow-status")).to_have_text("Following \u2068Mira\u2069")
    await mira.go("Launch")
    await jo.expect_page("Launch")
    await expect(follow).to_be_focused()
    await tab_to(jo.page, "Unfollow")
    await jo.page.keyboard.press("Enter")
    await expect(bar).to_be_hidden()
    await expect(jo.page.get_by_test_id("page-title")).to_be_focused()
    await tab_to(jo.page, "Follow \u2068Mira\u2069")
    await jo.page.keyboard.press("Enter")
    await expect(bar).to_be_visible()
    await jo.page.keyboard.press("Escape")
    await expect(bar).to_be_hidden()
    await expect(follow).to_be_focused()


async def test_going_to_a_page_leads_to_its_heading(open_window: OpenWindow) -> None:
    mira = await open_window("Mira")
    await mira.page.keyboard.press("Shift+Tab")
    await mira.page.get_by_role("link", name="Notes").focus()
    await mira.page.keyboard.press("Enter")
    await expect(mira.page.get_by_test_id("page-title")).to_be_focused()
    await expect(mira.page).to_have_title("Notes · Presence demo")


async def test_the_first_tab_stop_skips_to_the_page(open_window: OpenWindow) -> None:
    mira = await open_window()
    await mira.page.keyboard.press("Tab")
    skip = mira.page.get_by_role("button", name="Skip to the page")
    await expect(skip).to_be_focused()
    await expect(skip).to_be_in_viewport()
    await mira.page.keyboard.press("Enter")
    await expect(mira.page.get_by_test_id("page-title")).to_be_focused()


async def test_a_screen_reader_finds_landmarks_headings_and_names(
    open_window: OpenWindow,
) -> None:
    mira = await open_window("Mira")
    await open_window("Jo")
    await expect(mira.page.locator("body")).to_match_aria_snapshot(LANDMARKS)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["1280x800", "390x844"])
async def test_text_can_be_read(open_window: OpenWindow, scheme: str, size: str) -> None:
    mira = await open_window("Mira", color_scheme=scheme, size=size)
    jo, away = await open_window("Jo"), await open_window("Kim", "budget", "1")
    await jo.point_at("card-search")
    await mira.follow("Jo")
    await mira.expect_status_of("Kim", "away")
    await jo.follow("Mira")
    await expect(mira.page.get_by_test_id("news")).to_contain_text("follows you")
    told = await mira.page.evaluate(FAINT)
    assert told["count"] > 40
    assert told["faint"] == []
    await mira.page.get_by_role("button", name="Disconnect").click()
    await mira.expect_connection("closed")
    told = await mira.page.evaluate(FAINT)
    assert told["faint"] == []
    await away.close()


async def test_the_colours_can_be_turned_around_and_stay_so(open_window: OpenWindow) -> None:
    mira = await open_window("Mira", color_scheme="light")
    body = mira.page.locator("body")
    light = await body.evaluate("body => getComputedStyle(body).backgroundColor")
    switch = mira.page.get_by_role("button", name="Dark colours")
    await switch.click()
    await expect(switch).to_have_attribute("aria-pressed", "true")
    await expect(body).not_to_have_css("background-color", light)
    await mira.page.reload()
    await expect(switch).to_have_attribute("aria-pressed", "true")
    await expect(body).not_to_have_css("background-color", light)


async def test_on_a_phone_the_people_are_one_press_away(open_window: OpenWindow) -> None:
    mira = await open_window("Mira", size="390x844")
    await open_window("Jo", "budget")
    await mira.expect_members("Mira", "Jo")
    follow = mira.member("Jo").get_by_test_id("follow")
    await mira.page.evaluate("scrollTo(0, 0)")
    await expect(follow).not_to_be_in_viewport()
    await mira.page.get_by_test_id("people-button").click()
    await expect(follow).to_be_in_viewport()
    await follow.click()
    await mira.expect_page("Budget")
    await expect(mira.page.get_by_test_id("page-title")).to_be_in_viewport()
    await expect(mira.page.get_by_test_id("unfollow")).to_be_in_viewport()
    assert await mira.scrolls_sideways() is False


@pytest.mark.parametrize(
    ("page", "anchor"),
    [("roadmap", "card-guests"), ("design", "swatch-plum"), ("budget", "row-travel")],
)
async def test_a_cursor_points_at_the_same_thing_on_a_phone(
    open_window: OpenWindow, page: str, anchor: str
) -> None:
    mira = await open_window("Mira", page, size="390x844")
    jo = await open_window("Jo", page)
    await jo.expect_members("Mira", "Jo")
    await jo.point_at(anchor)
    await expect(mira.cursor("Jo")).to_be_visible()
    thing = await mira.page.locator(f"[data-anchor={anchor}]").bounding_box()
    tip = await mira.cursor("Jo").bounding_box()
    assert thing is not None
    assert tip is not None
    assert tip["x"] == pytest.approx(thing["x"] + thing["width"] / 2, abs=3)
    assert tip["y"] == pytest.approx(thing["y"] + thing["height"] / 2, abs=3)
