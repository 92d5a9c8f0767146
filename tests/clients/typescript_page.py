"""Pages of an application, served to a real browser, with a real presence server behind them."""

import contextlib
import functools
import http.server
import threading
from collections.abc import AsyncIterator, Iterator
from http import HTTPStatus
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright

from tests.support.browser import chromium as flags
from tests.support.peer import HOST
from tests.support.server import token


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, and at `/presence-token` a token for whoever the request says it is from."""

    def do_GET(self) -> None:
        """As a single-page application wants it: a path without a file is the page."""
        if self.path == "/presence-token":
            self.give(token(self.headers["X-User"], name=self.headers["X-User"].title()))
        else:
            if not Path(self.translate_path(self.path)).is_file():
                self.path = "/"
            super().do_GET()

    def give(self, text: str) -> None:
        """Answer with a text."""
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve a folder on the loopback; its address."""
    handler = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer((HOST, 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://{HOST}:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@contextlib.asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Debian's Chromium."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(**flags())
        yield browser
        await browser.close()


@contextlib.asynccontextmanager
async def visit(browser: Browser, address: str, user: str) -> AsyncIterator[Page]:
    """Open a page as a user, in a browser of their own. It must meet with no error or warning."""
    context = await browser.new_context(extra_http_headers={"X-User": user})
    page = await context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "console",
        lambda entry: problems.append(entry.text) if entry.type in {"error", "warning"} else None,
    )
    try:
        await page.goto(address)
        yield page
        assert problems == []
    finally:
        await context.close()
