"""Somebody at the page, as they and the others see it."""

import json
from typing import Any
from urllib.parse import urlencode

from playwright.sync_api import Browser, BrowserContext, Page, WebSocket

from tests.browser.site import Site
from tests.browser.wire import Wire
from tests.protocol.files import faults
from tests.support.peer import HOST

SOON_MS = 20_000


class Visitor:
    """One page in a context of its own, which reaches the server over a wire."""

    def __init__(
        self, browser: Browser, site: Site, wire: Wire, *, user: str, room: str, at: str = "/start"
    ) -> None:
        self.user = user
        self.wire = wire
        self.context: BrowserContext = browser.new_context()
        self.page: Page = self.context.new_page()
        self.problems: list[str] = []
        self.frames = 0
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("websocket", self._listen)
        asked = {"host": f"{HOST}:{wire.port}", "room": room, "user": user, "at": at}
        self.url = f"{site.url}/?{urlencode(asked)}"

    def _listen(self, socket: WebSocket) -> None:
        """Note what either side says that is not as the protocol's schemas have it."""
        socket.on("framesent", lambda frame: self._check("client.json", frame))
        socket.on("framereceived", lambda frame: self._check("server.json", frame))

    def _check(self, schema: str, frame: str | bytes) -> None:
        self.frames += 1
        self.problems += [f"{schema}: {fault}" for fault in faults(schema, json.loads(frame))]

    def visit(self) -> "Visitor":
        """Open the page, and wait until it is in the room."""
        self.page.goto(self.url)
        self.expect_status("online")
        return self

    def do(self, script: str) -> Any:
        """Run a script in the page; its value."""
        return self.page.evaluate(script)

    def wait_for(self, condition: str) -> None:
        """Wait until a script says so."""
        self.page.wait_for_function(condition, timeout=SOON_MS)

    def expect_status(self, status: str) -> None:
        """Wait until the client says that this is how things stand."""
        self.wait_for(f"window.presence?.getSnapshot().status === '{status}'")

    def go(self, path: str) -> None:
        """Move to another page of the application."""
        self.do(f"go('{path}')")

    def expect_places(self, **places: str) -> None:
        """Wait until exactly these are here, and there."""
        wanted = ",".join(f"{user}:{path}" for user, path in sorted(places.items()))
        self.wait_for(
            "Object.entries(places()).sort().map(([id, at]) => `${id}:${at}`).join() === "
            f"'{wanted}'"
        )

    def follow(self, user: str) -> None:
        """Follow somebody."""
        self.do(f"presence.follow('{user}')")

    @property
    def following(self) -> str | None:
        """Whom this page follows."""
        found: str | None = self.do("presence.getSnapshot().following?.userId ?? null")
        return found

    @property
    def connection_id(self) -> str:
        """The id of its connection."""
        found: str = self.do("presence.getSnapshot().me.connectionId")
        return found

    def status_of(self, user: str) -> str:
        """Whether somebody is online or away, as this page sees it."""
        found: str = self.do(f"presence.getSnapshot().members.get('{user}').status")
        return found
