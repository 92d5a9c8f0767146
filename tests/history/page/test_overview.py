"""Views per day and the leaderboard, as they are looked at, pointed at and typed at."""

import itertools
import re

import pytest
from playwright.async_api import expect

from tests.history.page import rows
from tests.history.page.site import ROOM, Asked, Site, Told
from tests.history.page.visits import Open

pytestmark = pytest.mark.asyncio(loop_scope="session")

BARS = "path => path.getAttribute('d').split('M').length - 1"
TEXTS = """texts => texts.map(text => text.getBoundingClientRect())
    .map(({ left, right }) => [left, right])"""
FITS = """() => {
  const plot = document.querySelector("[data-testid=plot]");
  return plot.querySelector("svg").getAttribute("width") === String(plot.clientWidth);
}"""
TOUCH = """(plot, type) => {
  const { left, right, top } = plot.getBoundingClientRect();
  const at = { clientX: right - 30, clientY: top + 20, pointerType: "touch", bubbles: true };
  plot.dispatchEvent(new PointerEvent(type, at));
}"""
EDGES = "plot => [plot.getBoundingClientRect().left, plot.getBoundingClientRect().right]"
WIDTHS = "bars => bars.map(bar => bar.getAttribute('width'))"


def tell(site: Site, views: list[int]) -> None:
    def days(asked: Asked) -> Told:
        return rows.days(int(asked["days"]), views)

    site.says["days"] = days
    site.says["top"] = rows.top([])


async def test_each_day_says_its_numbers_to_the_pointer(visit: Open, site: Site) -> None:
    tell(site, [3, 0, 1, 4])
    mira = await (await visit()).look(days="7")
    reading, plot = mira.page.get_by_test_id("reading"), mira.page.get_by_test_id("plot")
    await expect(reading).to_contain_text("7 days8 viewsunique, by day16 opens12 min active")
    assert await plot.locator(".views-bar").evaluate(BARS) == 3
    box = await plot.bounding_box()
    assert box is not None
    await plot.hover(position={"x": box["width"] - 30, "y": 20})
    await expect(reading).to_contain_text("Sun, 22 Nov 20264 views2 unique8 opens6 min active")
    await plot.hover(position={"x": 50, "y": 20})
    await expect(reading).to_contain_text("Mon, 16 Nov 20260 views0 unique")
    await mira.page.mouse.move(0, 0)
    await expect(reading).to_contain_text("7 days")


async def test_the_days_can_be_gone_through_by_keys(visit: Open, site: Site) -> None:
    tell(site, [3, 0, 1, 4])
    mira = await (await visit()).look(days="30")
    reading, plot = mira.page.get_by_test_id("reading"), mira.page.get_by_role("slider", name="Day")
    await mira.panel("days").get_by_role("link").last.focus()
    await mira.page.keyboard.press("Tab")
    await expect(plot).to_be_focused()
    for key, told in [
        ("ArrowLeft", "Sat, 21 Nov 2026: 1 view, 1 unique"),
        ("ArrowLeft", "Fri, 20 Nov 2026: 0 views, 0 unique"),
        ("Home", "Sat, 24 Oct 2026: 0 views, 0 unique"),
        ("ArrowLeft", "Sat, 24 Oct 2026: 0 views, 0 unique"),
        ("End", "Sun, 22 Nov 2026: 4 views, 2 unique"),
    ]:
        await mira.page.keyboard.press(key)
        await expect(plot).to_have_attribute("aria-valuetext", told)
        await expect(reading).to_contain_text(told.split(":", 1)[0])
    await mira.page.keyboard.press("Escape")
    await expect(reading).to_contain_text("30 days")


async def test_a_day_that_a_finger_chose_stays(visit: Open, site: Site) -> None:
    tell(site, [3, 0, 1, 4])
    mira = await (await visit("390x844")).look(days="7")
    reading, plot = mira.page.get_by_test_id("reading"), mira.page.get_by_test_id("plot")
    for kind in ("pointerdown", "pointerleave"):
        await plot.evaluate(TOUCH, kind)
    await expect(reading).to_contain_text("Sun, 22 Nov 20264 views")
    for kind in ("pointerdown", "pointercancel", "pointerleave"):
        await plot.evaluate(TOUCH, kind)
    await expect(reading).to_contain_text("7 days")


async def test_labels_never_collide(visit: Open, site: Site) -> None:
    tell(site, [87_654_321] * 400)
    mira = await (await visit()).look(days="7")
    plot = mira.page.get_by_test_id("plot")
    for days, width in itertools.product(("7", "30", "90", "400"), (1280, 390, 320)):
        await mira.page.set_viewport_size({"width": width, "height": 800})
        await mira.panel("days").get_by_role("link", name=f"{days} days").click()
        await expect(mira.page.get_by_test_id("reading")).to_contain_text(f"{days} days")
        await mira.page.wait_for_function(FITS)
        left, right = await plot.evaluate(EDGES)
        spans = await plot.locator("text.day").evaluate_all(TEXTS)
        counts = await plot.locator("text.count").evaluate_all(TEXTS)
        assert len(spans) >= 2
        assert all(after[0] - before[1] > 4 for before, after in itertools.pairwise(spans)), days
        assert left <= min(start for start, _ in [*counts, *spans])
        assert max(end for _, end in spans) <= right
        assert not await mira.scrolls_sideways()


async def test_a_single_view_among_thousands_can_be_seen(visit: Open, site: Site) -> None:
    tell(site, [1, 90_000] * 200)
    mira = await (await visit("390x844")).look(days="400")
    bars = mira.page.get_by_test_id("plot").locator(".views-bar")
    assert await bars.evaluate(BARS) == 400
    assert re.search("h0|v-?0", str(await bars.get_attribute("d"))) is None


async def test_the_days_can_be_read_as_a_table(visit: Open, site: Site) -> None:
    tell(site, [3, 0])
    mira = await (await visit()).look(days="7")
    await mira.page.get_by_text("As a table").click()
    lines = mira.page.get_by_role("region", name="Days").get_by_role("row")
    await expect(lines).to_have_count(8)
    await expect(lines.nth(1)).to_have_text("Sun, 22 Nov 202600")
    await expect(lines.nth(2)).to_have_text("Sat, 21 Nov 202632")


async def test_a_window_is_in_the_address_and_back_goes_back(visit: Open, site: Site) -> None:
    tell(site, [1])
    mira = await (await visit()).look()
    wide = mira.panel("days").get_by_role("link", name="400 days")
    await wide.click()
    await expect(mira.page.get_by_test_id("reading")).to_contain_text("400 days")
    await expect(wide).to_be_focused()
    await expect(wide).to_have_attribute("aria-current", "true")
    assert "days=400" in mira.page.url
    assert [question for question, _ in site.asked].count("top") == 1  # nothing else is asked again
    await mira.page.go_back()
    await expect(mira.page.get_by_test_id("reading")).to_contain_text("30 days")


async def test_what_was_not_asked_again_leads_on_from_here(visit: Open, site: Site) -> None:
    tell(site, [1])
    site.says["top"] = rows.top([rows.resource("doc", f"d-{place}", 40) for place in range(10)])
    mira = await (await visit()).look()
    top = mira.panel("top")
    await mira.panel("days").get_by_role("link", name="400 days").click()
    await expect(mira.page.get_by_test_id("reading")).to_contain_text("400 days")
    await top.get_by_role("link", name="Show up to 100").click()
    await mira.settled()
    assert "days=400" in mira.page.url
    await expect(mira.page.get_by_test_id("reading")).to_contain_text("400 days")
    await mira.panel("days").get_by_role("link", name="7 days").click()
    await top.get_by_test_id("top-row").first.get_by_role("link").click()
    await expect(mira.page.get_by_role("heading", level=1)).to_have_text("doc d-0")
    assert "days=7" in mira.page.url


async def test_nothing_yet_is_said(visit: Open, site: Site) -> None:
    tell(site, [])
    mira = await (await visit()).look()
    await expect(mira.panel("days")).to_contain_text("No views in these 30 days.")
    await expect(mira.panel("top")).to_contain_text("No views yet.")
    site.says.clear()  # a room that history has never seen
    await mira.page.get_by_role("button", name="Refresh").click()
    await expect(mira.panel("top")).to_contain_text("history knows nothing of this room")
    await expect(mira.page.get_by_role("alert")).to_have_count(0)


async def test_the_leaderboard_orders_filters_and_opens(visit: Open, site: Site) -> None:
    tell(site, [1])
    site.says["days"] = rows.days(30, [1])
    board = [rows.resource("doc", "plan", 40), rows.resource("board", "ideas", 10)]
    site.says["top"] = lambda asked: rows.top(board, by=asked["by"])
    mira = await (await visit()).look()
    top = mira.panel("top")
    lines = top.get_by_test_id("top-row")
    await expect(lines.first).to_contain_text("doc plan")
    await expect(lines.first).to_contain_text("4020")
    assert await lines.locator(".share rect").evaluate_all(WIDTHS) == ["100.00%", "25.00%"]
    await top.get_by_role("link", name="7 days").click()
    await top.get_by_role("link", name="Unique").click()
    await top.get_by_label("Only this type").fill("doc")
    await top.get_by_label("Only this type").press("Enter")
    await mira.settled()
    asked = {"room": ROOM, "by": "uniques", "days": "7", "type": "doc", "limit": "10"}
    await expect(top.get_by_role("link", name="7 days")).to_have_attribute("aria-current", "true")
    assert site.asked[-1] == ("top", asked)
    await top.get_by_role("link", name="Trend").click()
    await expect(top.get_by_role("link", name="7 days")).to_be_hidden()  # a window of its own
    await lines.first.get_by_role("link").click()
    await expect(mira.page.get_by_role("heading", level=1)).to_have_text("doc plan")
    await expect(mira.page.get_by_role("heading", level=1)).to_be_focused()
    assert ("resource", {"room": ROOM, "type": "doc", "id": "plan"}) in site.asked


async def test_uniques_that_are_not_exact_say_so(visit: Open, site: Site) -> None:
    tell(site, [1])
    site.says["top"] = rows.top([rows.resource("doc", "plan", 40)], is_exact=False)
    mira = await (await visit()).look()
    about = mira.panel("top").get_by_text("about 20")
    await expect(about).to_have_attribute("title", re.compile("a guest gets a new pseudonym"))
    await expect(mira.panel("top")).to_contain_text("Uniques are not exact")  # there is no hover
