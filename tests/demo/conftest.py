"""Starts the real demo server, and a real browser to look at it with."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright, expect

from tests.demo.stage import Stage
from tests.demo.windows import DemoServer, OpenWindow, Window
from tests.support.browser import shell
from tests.support.server import eventually


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One browser for all tests; each window is a context of its own."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(**shell())
        yield browser
        await browser.close()


@pytest.fixture(scope="session")
def shared_server() -> Iterator[DemoServer]:
    with DemoServer() as server:
        yield server


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[DemoServer]:
    """A demo server with nobody in its room: everybody's, or the test's own (`own_server`)."""
    if hasattr(request, "param"):
        with DemoServer(*request.param) as own:
            yield own
        return
    shared: DemoServer = request.getfixturevalue("shared_server")
    yield shared
    eventually(lambda: shared.metric("presence_connections") == 0)


@pytest_asyncio.fixture(loop_scope="session")
async def open_window(browser: Browser, server: DemoServer) -> AsyncIterator[OpenWindow]:
    """Opens windows as separate people; afterwards none of them may have met with an error."""
    windows: list[Window] = []

    async def open_one(
        name: str | None = None, page: str = "roadmap", idle: str | None = None, **more: Any
    ) -> Window:
        window = await Window.create(browser, server.url, **more)
        windows.append(window)
        asked = {"name": name, "idle": idle}
        await window.visit(page, **{key: value for key, value in asked.items() if value})
        if name is not None:
            await expect(window.member(name)).to_be_visible()
        return window

    yield open_one
    problems = [problem for window in windows for problem in window.problems]
    for window in windows:
        await window.close()
    assert problems == []


@pytest_asyncio.fixture(loop_scope="session")
async def stage(browser: Browser, server: DemoServer) -> AsyncIterator[Stage]:
    window = await Window.create(browser, server.url)
    yield Stage(window, server.url)
    await window.close()
    assert window.problems == []
