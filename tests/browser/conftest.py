"""A real browser, the real server, and a network between them that can be broken."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.browser.site import Site
from tests.browser.visitor import Visitor
from tests.browser.wire import Wire
from tests.support.browser import chromium
from tests.support.server import Server

ROOMS: Final = count()

Open = Callable[..., Visitor]


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """Its loop runs for as long as it does, and no other may meanwhile: not for all tests."""
    with sync_playwright() as playwright:
        yield playwright


def launch(playwright: Playwright) -> Browser:
    """Debian's Chromium; you must close it."""
    return playwright.chromium.launch(**chromium())


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    browser = launch(playwright)
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def one_server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture
def server(one_server: Server) -> Server:
    """The server, with a room where nobody has been yet."""
    one_server.room = f"presence-{next(ROOMS)}"
    return one_server


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as site:
        yield site


@pytest.fixture
def open_page(browser: Browser, server: Server, site: Site) -> Iterator[Open]:
    """Opens pages as separate people, each over a wire of its own; none may meet with an error."""
    site.claims = {"room": "presence-*"}
    visitors: list[Visitor] = []
    with ExitStack() as stack:

        def open_one(user: str, at: str = "/start", *, visit: bool = True, **more: Any) -> Visitor:
            wire = stack.enter_context(Wire(server.port))
            within = more.get("browser", browser)
            visitor = Visitor(within, site, wire, user=user, room=server.room, at=at)
            visitors.append(visitor)
            return visitor.visit() if visit else visitor

        yield open_one
        for visitor in visitors:
            if visitor.context.browser and visitor.context.browser.is_connected():
                visitor.context.close()
    assert [visitor.problems for visitor in visitors if visitor.problems] == []
