"""Who looks at something in a real room is seen on the page of the real server."""

import re
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect
from websockets.frames import Frame, Opcode

from tests.history.page.visits import Visit
from tests.support.peer import HOST
from tests.support.server import ADMIN_KEY, ROOM, SECRET, START_S, Server, eventually, token

pytestmark = pytest.mark.asyncio(loop_scope="session")

GOODBYE = Frame(Opcode.CLOSE, struct.pack("!H", 1000))
FACTS = 6
"""Two tabs opened, three moves, one end."""
PLAN = {"resourceType": "doc", "resourceId": "plan"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server in whose room sam saw two versions and left, and a guest looks at one."""
    keys = {"PRESENCE_JWT_SECRET": SECRET, "PRESENCE_ADMIN_KEY": ADMIN_KEY}
    history = {"PRESENCE_HISTORY": f"sqlite:///{tmp_path}/presence.db"}
    patience = {"PRESENCE_PING_INTERVAL": "120"}  # nobody answers for the guest
    with Server(variables=keys | history | patience) as running:
        sam, guest = running.enter("sam"), running.enter("jo", anon=True)
        sam.update("/plan/1", **PLAN, versionId="v1")
        sam.update("/plan/2", **PLAN, versionId="v2")
        guest.update("/plan/2", **PLAN, versionId="v2")
        sam.send_frame(GOODBYE)
        eventually(lambda: is_noted(running), START_S)
        yield running


def is_noted(server: Server) -> bool:
    """Whether all of it is in the database."""
    facts = server.metric("presence_history_facts_total")
    return facts == FACTS and server.metric("presence_history_waiting") == 0


async def test_what_happened_in_a_room_is_on_the_page(browser: Browser, server: Server) -> None:
    url = f"http://{HOST}:{server.admin_port}/history"
    mira = await Visit.create(browser, url)
    await mira.knock(room=ROOM)
    await mira.page.get_by_label("Admin key or token").fill(token("op", scope="history.read"))
    await mira.page.get_by_role("button", name="Open").click()
    await mira.settled()
    await expect(mira.page.get_by_test_id("reading")).to_contain_text("3 views")
    await expect(mira.page.get_by_test_id("fresh")).to_contain_text("behind")
    await mira.panel("top").get_by_role("link", name="plan").click()
    await mira.settled()
    await expect(mira.panel("totals")).to_contain_text("Views3Unique2")
    lines = mira.panel("matrix").get_by_test_id("matrix-row")
    await expect(lines.filter(has_text="sam")).to_have_text("sam11")
    await expect(lines.filter(has_text="guest")).to_have_text(
        re.compile("^guest [0-9a-f]{4}…(1·|·1)$")
    )
    await expect(mira.panel("views").get_by_text("looking now")).to_have_count(1)
    await mira.page.get_by_role("link", name="Sessions", exact=True).click()
    await mira.panel("sessions").get_by_role("link").click()
    await mira.settled()
    await expect(mira.panel("session")).to_contain_text("1 here now")
    sam = mira.page.get_by_test_id("lane").filter(has_text="sam")
    await expect(sam.get_by_test_id("bar")).to_have_count(1)
    await expect(mira.page.get_by_text("sam left")).to_be_visible()
    await mira.context.close()
    assert mira.problems == []
