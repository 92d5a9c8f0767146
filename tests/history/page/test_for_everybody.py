"""Nothing that others wrote does harm, nothing is too wide, and all text can be read."""

import itertools
from typing import Final, Literal

import pytest
from playwright.async_api import expect

from presence_server.history.api.answers import Activity, Participant, ResourceStatistics, View
from tests.demo.test_for_everybody import FAINT
from tests.history.page import rows
from tests.history.page.site import ROOM, Asked, Site
from tests.history.page.visits import Open

pytestmark = pytest.mark.asyncio(loop_scope="session")

VIEWS = {
    "overview": {},
    "resource": {"view": "resource", "type": "doc", "id": "plan"},
    "sessions": {"view": "sessions"},
    "session": {"view": "session", "session": "1"},
}
Scheme = Literal["light", "dark"]
SCHEMES: Final[tuple[Scheme, ...]] = ("light", "dark")
MARKUP = "main img, main script, main style, main iframe, main [onerror], main [onload]"


def tell(site: Site, ids: list[str]) -> None:
    """A room in which everything has one of these ids."""
    users: dict[str | None, list[int]] = {ref: [*range(len(ids))] for ref in [*ids, rows.GUEST]}
    people = [rows.participant(ref, 100 - place, None) for place, ref in enumerate(ids)]
    trail = [rows.line(100 - place, "joined", ref, "viewer") for place, ref in enumerate(ids)]
    views = [rows.view(ref, ref) for ref in ids]
    trail += [rows.line(9, "refused", ref, "room_full") for ref in ids]
    site.says.update(
        days=lambda asked: rows.busy_days(int(asked["days"])),
        top=rows.top([rows.resource(ref, ref, 9) for ref in ids], is_exact=False),
        resource=lambda asked: statistics(asked, ids),
        matrix=rows.matrix(ids, users),
        views=rows.page(View, views, "more"),
        sessions=rows.sessions(3),
        session=rows.one_session(),
        participants=rows.page(Participant, people),
        activity=rows.page(Activity, trail),
    )


def statistics(asked: Asked, ids: list[str]) -> ResourceStatistics:
    return rows.statistics(asked["type"], asked["id"], 9, ids)


async def test_a_hostile_id_is_text_wherever_it_stands(visit: Open, site: Site) -> None:
    tell(site, [*rows.HOSTILE.values()])
    mira = await visit("390x844")
    resources = [{**VIEWS["resource"], "type": ref, "id": ref} for ref in rows.HOSTILE.values()]
    for route in (*VIEWS.values(), *resources):
        await mira.look(**route)
        assert await mira.page.locator(MARKUP).count() == 0, route
        assert not await mira.scrolls_sideways(), route
        text = await mira.page.locator("body").inner_text()
        assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in text
    # Errors, dialogs and violations of the content policy would be told when the window closes.


async def test_a_link_to_a_hostile_id_leads_there(visit: Open, site: Site) -> None:
    tell(site, [*rows.HOSTILE.values()])
    mira = await (await visit()).look()
    for place, ref in enumerate(rows.HOSTILE.values()):
        line = mira.panel("top").get_by_test_id("top-row").nth(place)
        await line.get_by_role("link").click()
        await expect(mira.page.get_by_role("heading", level=1)).to_be_focused()
        await mira.settled()
        asked = {"room": ROOM, "type": ref, "id": ref}
        assert ("resource", asked) in site.asked
        await mira.page.go_back()


async def test_an_id_that_hides_is_shown(visit: Open, site: Site) -> None:
    tell(site, [rows.HOSTILE["right to left"], "\N{ZERO WIDTH SPACE}"])
    mira = await (await visit()).look()
    lines = mira.panel("top").get_by_test_id("top-row")
    await expect(lines.nth(0)).to_contain_text("⟨202e⟩gnp.evil")
    await expect(lines.nth(1)).to_contain_text("⟨200b⟩")


async def test_text_can_be_read_and_nothing_is_too_wide(visit: Open, site: Site) -> None:
    people, trail = rows.crowd(40)
    tell(site, [f"a-name-of-something-{place}" for place in range(12)])
    site.says["participants"] = rows.page(Participant, people)
    site.says["activity"] = rows.page(Activity, trail)
    mira = await visit()
    for route, scheme, width in itertools.product(VIEWS.values(), SCHEMES, (1280, 390)):
        if (scheme, width) == (SCHEMES[0], 1280):
            await mira.look(**route)
        await mira.page.emulate_media(color_scheme=scheme)
        await mira.page.set_viewport_size({"width": width, "height": 844})
        told = await mira.page.evaluate(FAINT)
        assert told["faint"] == [], (route, scheme, width)
        assert told["count"] > 20
        assert not await mira.scrolls_sideways(), (route, width)


async def test_the_first_tab_stop_skips_to_the_answers(visit: Open, site: Site) -> None:
    tell(site, ["plain"])
    mira = await (await visit()).look()
    await mira.page.reload()
    await mira.settled()
    await mira.page.keyboard.press("Tab")
    skip = mira.page.get_by_role("link", name="Skip to the answers")
    await expect(skip).to_be_focused()
    await mira.page.keyboard.press("Enter")
    await expect(mira.page.locator("main")).to_be_focused()
    assert "room=" in mira.page.url
