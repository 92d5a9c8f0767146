"""Nobody looks in without a credential, which stays in the tab, and failures are in plain words."""

import pytest
from playwright.async_api import expect

from tests.history.page import rows
from tests.history.page.site import KEY, ROOM, Site, refusal
from tests.history.page.visits import Open, Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")

AT_THE_DOOR = [
    (401, "token_expired", "has expired"),
    (403, "forbidden", "for other rooms"),
    (403, "removed", "removed from the room"),
    (404, "history_off", "PRESENCE_HISTORY"),
    (400, "bad_room", "no such room"),
]
IN_THE_PANEL = [
    (400, "bad_days", "The server says: no"),
    (503, "query_timeout", "longer than two seconds"),
    (503, "busy", "Too many ask at once"),
    (503, "history_unavailable", "Live rooms go on"),
    (500, "error", "did not work"),
]


async def enter(visit: Visit, room: str, credential: str) -> None:
    await visit.page.get_by_label("Room").fill(room)
    await visit.page.get_by_label("Admin key or token").fill(credential)
    await visit.page.get_by_role("button", name="Open").click()


def tell(site: Site) -> None:
    site.says.update(days=rows.days(30, [1]), top=rows.top([rows.resource("doc", "plan", 1)]))


async def test_a_room_and_a_credential_open_the_page(visit: Open, site: Site) -> None:
    tell(site)
    mira = await visit()
    await mira.knock()
    await enter(mira, ROOM, KEY)
    await mira.settled()
    await expect(mira.page.get_by_test_id("room")).to_have_text(ROOM)
    await expect(mira.panel("top")).to_contain_text("plan")
    await expect(mira.page.get_by_test_id("fresh")).to_have_text("as of 11:00:00 (0.8 s behind)")
    assert {asked["room"] for _, asked in site.asked} == {ROOM}


async def test_the_credential_is_in_this_tab_only(visit: Open, site: Site) -> None:
    tell(site)
    mira = await visit()
    sent: list[str] = []
    mira.page.on("request", lambda request: sent.append(request.url))
    await mira.knock()
    await enter(mira, ROOM, KEY)
    await mira.settled()
    await mira.page.reload()
    await mira.settled()
    kept = await mira.page.evaluate(
        "[location.href, JSON.stringify(localStorage), document.cookie]"
    )
    assert not [text for text in [*sent, *kept] if "admin" in text and "key" in text]
    other = await mira.context.new_page()
    await other.goto(mira.page.url)
    await expect(other.get_by_test_id("door")).to_be_visible()
    await expect(other.get_by_label("Room")).to_have_value(ROOM)
    await other.close()
    await mira.page.get_by_role("button", name="Leave").click()
    assert await mira.page.evaluate("JSON.stringify(sessionStorage)") == "{}"


async def test_a_wrong_credential_is_said_and_can_be_mended(visit: Open, site: Site) -> None:
    tell(site)
    mira = await visit()
    await mira.knock(room=ROOM, days="7")
    await enter(mira, ROOM, "no such key")
    await expect(mira.page.get_by_role("alert")).to_contain_text("was not accepted")
    await expect(mira.page.get_by_label("Admin key or token")).to_be_focused()
    await enter(mira, ROOM, KEY)
    await mira.settled()
    assert ("days", {"room": ROOM, "days": "7"}) in site.asked  # what the link asked for


async def test_what_no_panel_can_mend_is_said_at_the_door(visit: Open, site: Site) -> None:
    mira = await visit()
    await mira.knock()
    for status, code, words in AT_THE_DOOR:
        site.says.update(days=refusal(status, code), top=refusal(status, code))
        await enter(mira, ROOM, KEY)
        await expect(mira.page.get_by_role("alert")).to_contain_text(words)
        await expect(mira.page.get_by_test_id("door")).to_be_visible()


async def test_a_panel_that_fails_leaves_the_others_and_can_try_again(
    visit: Open, site: Site
) -> None:
    tell(site)
    mira = await (await visit()).look()
    for status, code, words in IN_THE_PANEL:
        site.says["days"] = refusal(status, code)
        await mira.page.get_by_role("button", name="Refresh").click()
        await expect(mira.panel("days").get_by_role("alert")).to_contain_text(words)
        await expect(mira.panel("top")).to_contain_text("plan")
    tell(site)
    await mira.panel("days").get_by_role("button", name="Try again").click()
    await expect(mira.panel("days")).to_contain_text("1 view")
    await expect(mira.page.get_by_role("alert")).to_have_count(0)


async def test_a_server_that_is_gone_is_said(visit: Open, site: Site) -> None:
    tell(site)
    mira = await (await visit()).look()
    await mira.context.set_offline(True)
    await mira.page.get_by_role("button", name="Refresh").click()
    await expect(mira.panel("top")).to_contain_text("cannot be reached")
    await mira.context.set_offline(False)
    mira.problems.clear()  # the browser's own words of it


async def test_how_late_the_answers_are_is_shown(visit: Open, site: Site) -> None:
    late = {"as_of": rows.NOW - 200_000, "lag_ms": 200_000}
    site.says.update(days=rows.days(30, [1]), top=rows.top([]).model_copy(update=late))
    mira = await (await visit()).look()
    fresh = mira.page.get_by_test_id("fresh")  # of the two the older: all of it can be trusted
    await expect(fresh).to_have_text("as of 10:56:40 (3 min 20 s behind)")
    await expect(fresh.locator("time")).to_have_attribute("title", "2026-11-22 09:56:40 UTC")
    await expect(fresh).to_have_attribute("data-late", "")
