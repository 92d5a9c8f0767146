"""Sessions, and the timeline of one."""

import itertools

import pytest
from playwright.async_api import Locator, expect

from presence_server.history.api.answers import Activity, Participant
from tests.history.page import rows
from tests.history.page.site import Asked, Site, Told
from tests.history.page.visits import Open, Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")

PEOPLE = [
    rows.participant("sam", 120, 30, joins=2),
    rows.participant("jo", 60, None, role="operator", joins=2),
    rows.participant(rows.GUEST, 90, 45, left_because="timeout"),
    rows.participant(None, 100, 80),
]
TRAIL = [
    rows.line(10, "refused", "eve", "room_full"),
    rows.line(20, "removed", "jo"),
    rows.line(25, "erased", None, "resource"),
    rows.line(26, "erased", None, "user"),
    rows.line(30, "left", "sam", "closed"),
    rows.line(40, "role", "jo", "operator"),
    rows.line(45, "left", rows.GUEST, "timeout"),
    rows.line(48, "joined", "jo", "commenter"),
    rows.line(54, "left", "jo", "closed"),
    rows.line(60, "joined", "jo", "commenter"),
    rows.line(75, "joined", "sam", "commenter"),
    rows.line(80, "left", None, "closed"),
    rows.line(90, "joined", rows.GUEST, "viewer"),
    rows.line(90, "left", "sam", "closed"),
    rows.line(100, "joined", None, "commenter"),
    rows.line(120, "joined", "sam", "commenter"),
    rows.line(120, "opened"),
]
LASTED = {1: "1 min", 120: "2 h", 60 * 24 * 3: "3 d"}
TEXTS = """texts => texts.map(text => text.getBoundingClientRect())
    .map(({ left, right }) => [left, right])"""
ENDS = "lines => lines.map(line => ['x1', 'x2'].map(end => parseFloat(line.getAttribute(end))))"


def tell(site: Site, people: list[Participant], trail: list[Activity], **more: object) -> None:
    site.says.update(
        session=rows.one_session(users=len(people), **more),
        participants=rows.page(Participant, people),
        activity=rows.page(Activity, trail),
    )


async def look(visit: Open, size: str = "1280x900") -> Visit:
    return await (await visit(size)).look(view="session", session="1")


def lane(mira: Visit, who: str) -> Locator:
    return mira.page.get_by_test_id("lane").filter(has_text=who)


async def test_sessions_are_listed_and_one_can_be_opened(visit: Open, site: Site) -> None:
    tell(site, PEOPLE, TRAIL)
    site.says["sessions"] = lambda asked: rows.sessions(3, None if "cursor" in asked else "more")
    mira = await (await visit()).look()
    await mira.page.get_by_role("link", name="Sessions").click()
    lines = mira.panel("sessions").get_by_test_id("session-row")
    await expect(lines).to_have_count(3)
    await expect(lines.nth(0)).to_contain_text("22 Nov, 09:002 here now2 h")
    await expect(lines.nth(1)).to_contain_text("21 Nov, 11:00empty5 h")
    await expect(lines.nth(2)).to_contain_text("20 Nov, 11:00closed5 h")
    await mira.page.get_by_role("button", name="Show more").click()
    await expect(lines).to_have_count(6)
    await lines.first.get_by_role("link").click()
    await expect(mira.page.get_by_role("heading", level=1)).to_have_text("Session 3")
    await mira.page.get_by_role("link", name="← Sessions").click()
    await expect(lines.first).to_be_visible()


async def test_each_participant_has_a_lane_with_when_they_were_there(
    visit: Open, site: Site
) -> None:
    tell(site, PEOPLE, TRAIL)
    mira = await look(visit)
    await expect(mira.page.get_by_test_id("lane")).to_have_count(4)
    spans = {
        who: await lane(mira, who).get_by_test_id("bar").evaluate_all(ENDS)
        for who in ("sam", "jo", "guest", "erased")
    }
    assert spans == {
        "sam": [[0, 25], [37.5, 75]],
        "jo": [[50, 55], [60, 100]],
        "guest": [[25, 62.5]],
        "erased": [[pytest.approx(16.667), pytest.approx(33.333)]],
    }
    await expect(lane(mira, "sam")).to_contain_text("From 09:00:00 until 09:30:00, 30 min.")
    await expect(lane(mira, "jo")).to_contain_text("From 10:12:00 still there, 48 min.")
    await expect(lane(mira, "guest")).to_contain_text("until 10:15:00, connection lost")
    await expect(lane(mira, "jo")).to_contain_text("operator")


async def test_the_trail_is_marked_in_the_lanes_and_told_beside_them(
    visit: Open, site: Site
) -> None:
    tell(site, PEOPLE, TRAIL)
    mira = await look(visit)
    marks = mira.page.get_by_test_id("mark").locator("title")
    told = [text.split(",")[0] for text in await marks.all_text_contents()]
    assert told == [
        "eve was refused (room full)",
        "A resource was deleted",
        "A user was erased",
        "The session opened",
        "jo is now operator",
        "jo was removed by an operator",
    ]
    lines = mira.page.get_by_test_id("trail-line")
    await expect(lines).to_have_count(17)
    await expect(lines.nth(0)).to_have_text("10:50:00eve was refused (room full)")
    await expect(lines.nth(6)).to_have_text("10:15:00guest 3fa2… left (connection lost)")
    await expect(lines.nth(11)).to_have_text("09:40:00erased left")
    await expect(lines.nth(16)).to_have_text("09:00:00The session opened")


async def test_a_participant_can_be_picked_out_of_the_trail(visit: Open, site: Site) -> None:
    tell(site, PEOPLE, TRAIL)
    mira = await look(visit)
    button = lane(mira, "jo").get_by_role("button")
    await button.press("Enter")
    await expect(button).to_have_attribute("aria-pressed", "true")
    await expect(mira.page.get_by_test_id("trail-line")).to_have_count(5)
    await button.press("Enter")
    await expect(mira.page.get_by_test_id("trail-line")).to_have_count(17)


async def test_what_the_trail_no_longer_tells_is_drawn_as_not_known(
    visit: Open, site: Site
) -> None:
    tell(site, [rows.participant("sam", 120, 30, joins=3)], [])
    mira = await look(visit)
    await expect(lane(mira, "sam")).to_contain_text("with breaks that are not known")
    await expect(lane(mira, "sam").locator(".bar.rough")).to_have_count(1)
    await expect(mira.page.get_by_text("nothing is still kept")).to_be_visible()


async def test_two_hundred_participants_scroll_in_their_box(visit: Open, site: Site) -> None:
    people, trail = rows.crowd(200)
    tell(site, people, trail)

    def activity(asked: Asked) -> Told:
        at = int(asked.get("cursor", "0"))
        rest = trail[at + 100 :]
        return rows.page(Activity, trail[at : at + 100], str(at + 100) if rest else None)

    site.says["activity"] = activity
    mira = await look(visit, "390x844")
    await expect(mira.page.get_by_test_id("lane")).to_have_count(200)
    box = mira.page.get_by_role("region", name="Participants")
    height = await box.evaluate("box => [box.clientHeight < 700, box.scrollHeight > 5000]")
    assert height == [True, True]
    await expect(mira.page.locator(".track .mark.role path").first).to_be_visible()
    await expect(mira.page.get_by_test_id("trail-line")).to_have_count(100)
    more = mira.page.get_by_role("button", name=f"Show more of {len(trail)} lines")
    await more.click()
    await expect(mira.page.get_by_test_id("trail-line")).to_have_count(200)
    assert not await mira.scrolls_sideways()


async def test_times_beside_the_lanes_never_collide(visit: Open, site: Site) -> None:
    mira = await look(visit)
    for minutes, width in itertools.product((1, 120, 60 * 24 * 3), (1280, 390)):
        await mira.page.set_viewport_size({"width": width, "height": 800})
        opened = rows.NOW - minutes * rows.MINUTE
        tell(site, [rows.participant("sam", minutes, None)], [], opened_at=opened)
        await mira.page.get_by_role("button", name="Refresh").click()
        await expect(mira.panel("session")).to_contain_text(f"Lasted{LASTED[minutes]}")
        labels = mira.page.locator(".axis text")
        await expect(labels.nth(1)).to_be_attached()
        spans = await labels.evaluate_all(TEXTS)
        assert all(after[0] > before[1] for before, after in itertools.pairwise(spans))
        assert not await mira.scrolls_sideways()
