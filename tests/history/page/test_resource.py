"""A resource: totals, who saw which version, the latest viewings."""

import pytest
from playwright.async_api import expect

from presence_server.history.api.answers import View
from tests.history.page import rows
from tests.history.page.site import Asked, Site, Told
from tests.history.page.visits import Open, Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")

VERSIONS = ["v2", "v1", None]
USERS: dict[str | None, list[int]] = {"sam": [9, 1, 0], rows.GUEST: [1, 0, 0], None: [0, 2, 1]}
PLACE = """text => {
  const [cell, box] = ["th", "div"].map((name) => text.closest(name).getBoundingClientRect());
  return [cell.x - box.x, cell.y - box.y];
}"""
LATE = """() => {
  AbortSignal.timeout = () => AbortSignal.abort(new DOMException("", "TimeoutError"));
}"""
LATEST = [
    rows.view("sam", "v2", ended_at=None, ended_by=None),
    rows.view(rows.GUEST, None, 2 * rows.HOUR, ended_by="server_lost"),
    rows.view(None, "v1", 3 * rows.HOUR, ended_by="erased"),
]


def tell(site: Site) -> None:
    site.says.update(
        days=rows.days(30, [5]),
        resource=rows.statistics("doc", "plan", 14, VERSIONS, is_exact=False),
        matrix=rows.matrix(VERSIONS, USERS),
        views=rows.page(View, LATEST),
    )


async def look(visit: Open, size: str = "1280x900") -> Visit:
    return await (await visit(size)).look(view="resource", type="doc", id="plan")


async def test_the_totals_and_each_version_are_told(visit: Open, site: Site) -> None:
    tell(site)
    mira = await look(visit)
    for told in ("Views14", "Uniqueabout 7", "Opens28", "Active22 min 10 s", "Trend4.7"):
        await expect(mira.panel("totals")).to_contain_text(told)
    await expect(mira.panel("totals").get_by_test_id("version-row")).to_have_text(
        [f"{name}14728" + "22 min 10 s22 Nov, 10:57" for name in ("v2", "v1", "no version")]
    )
    first = mira.panel("totals").locator("time").first
    await expect(first).to_have_text("13 Oct, 12:00")  # Berlin's, in summer time
    await expect(first).to_have_attribute("title", "2026-10-13 10:00:00 UTC")
    assert (
        "days",
        {"room": "presence-acme", "type": "doc", "id": "plan", "days": "30"},
    ) in site.asked


async def test_the_matrix_says_who_saw_which_version_how_often(visit: Open, site: Site) -> None:
    tell(site)
    mira = await look(visit)
    matrix = mira.panel("matrix")
    await expect(matrix.get_by_role("columnheader")).to_have_text(
        ["User", "v2", "v1", "no version"]
    )
    lines = matrix.get_by_test_id("matrix-row")
    await expect(lines).to_have_text(["sam91·", "guest 3fa2…1··", "erased·21"])
    shades = "cells => cells.map(cell => cell.dataset.shade)"
    assert await lines.first.locator("td").evaluate_all(shades) == ["5", "1", "0"]


async def test_a_large_matrix_scrolls_in_its_own_box_under_its_headers(
    visit: Open, site: Site
) -> None:
    tell(site)
    users: dict[str | None, list[int]] = {f"user-{place}": [place] * 50 for place in range(50)}
    site.says["matrix"] = rows.matrix([f"v{place}" for place in range(50)], users)
    mira = await look(visit, "390x844")
    box = mira.page.get_by_role("region", name="Users and versions")
    await expect(box).to_be_visible()
    await box.evaluate("box => box.scrollTo(1000, 600)")
    corner = await box.get_by_text("User", exact=True).evaluate(PLACE)
    user = await box.get_by_text("user-25", exact=True).evaluate(PLACE)
    assert await box.evaluate("box => [box.scrollLeft > 500, box.scrollTop > 500]") == [True, True]
    assert 0 <= corner[0] == user[0] <= 1
    assert 0 <= corner[1] <= 1
    assert not await mira.scrolls_sideways()
    await expect(mira.panel("matrix")).to_contain_text(
        "the latest 50 versions, the latest 50 users"
    )


async def test_the_latest_viewings_are_told_page_by_page(visit: Open, site: Site) -> None:
    tell(site)

    def views(asked: Asked) -> Told:
        return rows.page(View, LATEST[1:] if "cursor" in asked else LATEST[:1], asked_next(asked))

    site.says["views"] = views
    mira = await look(visit)
    lines = mira.panel("views").get_by_test_id("view-row")
    await expect(lines).to_have_text(["samv222 Nov, 10:004 min2looking now"])
    await mira.panel("views").get_by_role("button", name="Show more").click()
    await expect(lines).to_have_text(
        [
            "samv222 Nov, 10:004 min2looking now",
            "guest 3fa2…no version22 Nov, 09:004 min222 Nov, 09:05 server lost",
            "erasedv122 Nov, 08:004 min222 Nov, 08:05 erased",
        ]
    )
    await expect(mira.panel("views").get_by_role("button")).to_have_count(0)
    assert site.asked[-1][1]["cursor"] == "more"


async def test_a_page_that_does_not_come_can_be_asked_for_again(visit: Open, site: Site) -> None:
    tell(site)
    site.says["views"] = rows.page(View, LATEST, "more")
    mira = await look(visit)
    await mira.page.evaluate(LATE)
    button = mira.panel("views").get_by_role("button", name="Show more")
    await button.click()
    await expect(mira.panel("views")).to_contain_text("cannot be reached")
    await expect(button).to_be_enabled()
    await mira.page.reload()  # the window is that of other tests, too


async def test_a_long_version_leaves_room_for_who_it_was(visit: Open, site: Site) -> None:
    tell(site)
    site.says["views"] = rows.page(View, [rows.view("ann.smith@example.com", "W" * 128)])
    mira = await look(visit)
    (who,) = await mira.panel("views").locator("td.wide bdi").all()
    box = await who.bounding_box()
    assert box is not None
    assert box["height"] < 30  # one line
    assert not await mira.scrolls_sideways()


def asked_next(asked: Asked) -> str | None:
    return None if "cursor" in asked else "more"


async def test_a_resource_that_nobody_has_viewed_is_no_failure(visit: Open, site: Site) -> None:
    site.says.clear()
    mira = await look(visit)
    await expect(mira.page.get_by_test_id("nothing")).to_have_text(["No views yet."] * 4)
    await expect(mira.page.get_by_role("alert")).to_have_count(0)
