"""The demo server as a subprocess, and a window on it as its visitor sees it."""

import json
from collections.abc import Awaitable, Callable
from typing import Any, Self
from urllib.parse import urlencode

import pytest
from playwright.async_api import Browser, BrowserContext, Locator, Page, WebSocket, expect

from tests.support.peer import HOST
from tests.support.server import Server


class DemoServer(Server):
    """`presence-server demo`."""

    def __init__(self, *flags: str) -> None:
        super().__init__(*flags, command="demo", variables={})

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"


def own_server(*flags: str) -> pytest.MarkDecorator:
    """A test marked so has a demo server of its own, started with these flags."""
    return pytest.mark.parametrize("server", [flags], ids=["own server"], indirect=True)


class Window:
    """One visitor: a browser context, so that nothing is shared with the others."""

    def __init__(self, context: BrowserContext, page: Page, url: str) -> None:
        self.page = page
        self.problems: list[str] = []
        self.dialled: list[str] = []
        self.heard: list[dict[str, Any]] = []
        self._context = context
        self._url = url
        page.on("console", lambda entry: self._note(entry.type, entry.text))
        page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        page.on("websocket", self._listen)
        page.on("dialog", lambda dialog: self.problems.append(f"dialog: {dialog.message}"))

    @classmethod
    async def create(cls, browser: Browser, url: str, size: str = "1280x800", **more: Any) -> Self:
        width, height = (int(side) for side in size.split("x"))
        context = await browser.new_context(viewport={"width": width, "height": height}, **more)
        return cls(context, await context.new_page(), url)

    async def another_tab(self, link: str) -> Self:
        """A tab that a link on this page opens."""
        async with self._context.expect_page() as opened:
            await self.page.get_by_test_id(link).click()
        tab = type(self)(self._context, await opened.value, self._url)
        await tab.expect_connection("online")
        return tab

    def _listen(self, socket: WebSocket) -> None:
        self.dialled.append(socket.url)
        socket.on("framereceived", lambda text: self.heard.append(json.loads(text)))

    def _note(self, kind: str, text: str) -> None:
        expected = ("ERR_CONNECTION_REFUSED", "WebSocket connection to")  # a server that restarts
        if kind in {"error", "warning"} and not any(part in text for part in expected):
            self.problems.append(f"{kind}: {text}")

    async def visit(self, page: str, **query: str) -> None:
        await self.page.goto(f"{self._url}/?{urlencode(query)}#/{page}")
        await self.expect_connection("online")

    async def close(self) -> None:
        await self._context.close()

    async def rename(self, name: str) -> None:
        await self.page.get_by_test_id("name").fill(name)
        await self.page.keyboard.press("Enter")
        await expect(self.member(name)).to_be_visible()

    async def go(self, title: str) -> None:
        await self.page.get_by_role("navigation").get_by_role("link", name=title).click()

    async def point(self, x: int, y: int) -> None:
        await self.page.get_by_test_id("sheet").hover(position={"x": x, "y": y})

    async def point_at(self, anchor: str) -> None:
        """At the middle of it."""
        await self.page.locator(f"[data-anchor={anchor}]").hover()

    async def follow(self, name: str) -> None:
        await self.member(name).get_by_test_id("follow").click()

    @property
    def members(self) -> Locator:
        return self.page.get_by_test_id("member")

    def member(self, name: str) -> Locator:
        label = self.page.get_by_test_id("member-name").get_by_text(name, exact=True)
        return self.members.filter(has=label)

    def cursor(self, name: str) -> Locator:
        return self.page.get_by_test_id("cursor").filter(has_text=name)

    async def expect_connection(self, status: str, timeout_s: float = 15) -> None:
        line = self.page.get_by_test_id("connection")
        await expect(line).to_have_attribute("data-status", status, timeout=timeout_s * 1000)

    async def expect_members(self, *names: str) -> None:
        """Exactly these, in any order."""
        await expect(self.members).to_have_count(len(names))
        for name in names:
            await expect(self.member(name)).to_be_visible()

    async def expect_page(self, title: str) -> None:
        await expect(self.page.get_by_test_id("page-title")).to_have_text(title)

    async def expect_page_of(self, name: str, title: str) -> None:
        await expect(self.member(name).get_by_test_id("member-page")).to_have_text(title)

    async def expect_status_of(self, name: str, status: str) -> None:
        await expect(self.member(name).get_by_test_id("member-status")).to_have_text(status)

    async def expect_groups(self, *groups: str) -> None:
        """The headings in the list of people, each with how many are there."""
        await expect(self.page.get_by_test_id("group")).to_have_text(groups)

    async def scrolls_sideways(self) -> bool:
        root = "document.documentElement"
        return bool(await self.page.evaluate(f"{root}.scrollWidth > window.innerWidth"))


OpenWindow = Callable[..., Awaitable[Window]]
