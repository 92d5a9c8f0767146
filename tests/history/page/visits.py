"""A window on the page, as its visitor sees it."""

from collections.abc import Awaitable, Callable
from typing import Self
from urllib.parse import urlencode

from playwright.async_api import Browser, BrowserContext, Locator, Page, expect

from tests.history.page.rows import NOW
from tests.history.page.site import KEY, ROOM

LOADED_MS = 20_000
HELD = "key => sessionStorage.setItem('presence-history.credential', key)"


class Visit:
    """One visitor in Berlin, on 22 November 2026."""

    def __init__(self, context: BrowserContext, page: Page, url: str) -> None:
        self.context = context
        self.page = page
        self.url = url
        self.problems: list[str] = []
        page.on("console", lambda entry: self._note(entry.type, entry.text))
        page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        page.on("dialog", lambda dialog: self.problems.append(f"dialog: {dialog.message}"))

    @classmethod
    async def create(cls, browser: Browser, url: str) -> Self:
        """An empty window."""
        context = await browser.new_context(locale="en-GB", timezone_id="Europe/Berlin")
        page = await context.new_page()
        await page.clock.set_fixed_time(NOW / 1000)
        return cls(context, page, url)

    def _note(self, kind: str, text: str) -> None:
        is_answer = "the server responded with a status of" in text  # the browser's own words
        if kind in {"error", "warning"} and not is_answer:
            self.problems.append(f"{kind}: {text}")

    async def knock(self, **route: str) -> None:
        """Open the page without a credential."""
        await self.page.goto(f"{self.url}#{urlencode(route)}")

    async def look(self, **route: str) -> Self:
        """Open it as somebody who has given the admin key already."""
        await self.page.evaluate(HELD, KEY)
        await self.knock(**{"room": ROOM, **route})
        await self.settled()
        return self

    async def begin(self, size: str) -> None:
        """Be before the door, as if nothing had been."""
        width, height = (int(side) for side in size.split("x"))
        await self.page.set_viewport_size({"width": width, "height": height})
        await self.page.emulate_media(color_scheme="light")
        await self.page.goto(f"{self.url}#")
        await self.page.evaluate("sessionStorage.clear()")
        self.problems.clear()

    async def settled(self) -> None:
        """Until nothing loads any more."""
        await expect(self.page.locator(".view")).to_be_visible()
        await expect(self.page.locator("[aria-busy]")).to_have_count(0, timeout=LOADED_MS)

    def panel(self, name: str) -> Locator:
        """One of the boxes."""
        return self.page.get_by_test_id(name)

    async def scrolls_sideways(self) -> bool:
        """Whether the page is wider than its window."""
        root = "document.documentElement"
        return bool(await self.page.evaluate(f"{root}.scrollWidth > window.innerWidth"))


Open = Callable[..., Awaitable[Visit]]
