"""One browser and one site for all tests of the page, and windows on it."""

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from tests.history.page.site import Site, serving
from tests.history.page.visits import Open, Visit
from tests.support.browser import shell


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Each window is a context of its own."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(**shell())
        yield browser
        await browser.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_site() -> AsyncIterator[Site]:
    """A start costs more than a test."""
    async with serving() as site:
        yield site


@pytest_asyncio.fixture(loop_scope="session")
async def site(shared_site: Site) -> Site:
    """A site that knows of nothing yet."""
    shared_site.says.clear()
    shared_site.asked.clear()
    return shared_site


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def window(browser: Browser, shared_site: Site) -> AsyncIterator[Visit]:
    """A window that has loaded the page: that costs more than all that is done with it."""
    window = await Visit.create(browser, shared_site.url)
    yield window
    await window.context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def visit(window: Visit, site: Site) -> AsyncIterator[Open]:
    """Opens the page; afterwards no script may have failed, and nothing may have been blocked."""
    assert site.asked == []

    async def open_one(size: str = "1280x900") -> Visit:
        await window.begin(size)
        return window

    yield open_one
    assert window.problems == []
