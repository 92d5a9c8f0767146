"""A window whose WebSocket ends in the test: that can lose events, hang, and close at will."""

import asyncio
import json
import re
from typing import Any

from playwright.async_api import WebSocketRoute

from tests.demo.windows import Window

Message = dict[str, Any]
WAIT_S = 10


class Dial:
    """One connection of the page, as its server sees it."""

    def __init__(self, route: WebSocketRoute) -> None:
        self.url = route.url
        self.answers_pings = True
        self._route = route
        self._received: asyncio.Queue[Message] = asyncio.Queue()
        route.on_message(lambda text: self._hear(json.loads(text)))

    def _hear(self, message: Message) -> None:
        self._received.put_nowait(message)
        if message["type"] == "ping" and self.answers_pings:
            self.send("pong")

    def send(self, kind: str, **fields: Any) -> None:
        self._route.send(json.dumps({"type": kind, **fields}))

    async def close(self, code: int, reason: str = "") -> None:
        await self._route.close(code=code, reason=reason)

    async def receive(self, kind: str) -> Message:
        """The next message of this type; others before it are dropped."""
        async with asyncio.timeout(WAIT_S):
            while True:
                message = await self._received.get()
                if message["type"] == kind:
                    return message

    def received_so_far(self, kind: str) -> int:
        count = 0
        while not self._received.empty():
            count += self._received.get_nowait()["type"] == kind
        return count

    async def barrier(self) -> None:
        """Until the page has dealt with all that was sent: it answers a request for its token."""
        self.send("token_refresh_required", expiresIn=60_000)
        await self.receive("token_refresh")

    async def admit(self, *users: Message, seq: int = 1) -> None:
        self.send(
            "welcome",
            version=1,
            userId="me",
            connectionId="c",
            role="commenter",
            observe=False,
            expiresIn=60_000,
            pingInterval=10_000,
        )
        self.send("presence_snapshot", users=list(users), seq=seq)
        await self.receive("presence_update")


class Stage:
    """A window whose every dial ends here."""

    def __init__(self, window: Window, url: str) -> None:
        self.window = window
        self.page = window.page
        self._url = url
        self._dials: asyncio.Queue[Dial] = asyncio.Queue()

    async def open(self) -> Dial:
        await self.page.route_web_socket(
            re.compile("/parties/"), lambda route: self._dials.put_nowait(Dial(route))
        )
        await self.page.goto(f"{self._url}/#/roadmap")
        return await self.next_dial()

    async def next_dial(self) -> Dial:
        async with asyncio.timeout(WAIT_S):
            return await self._dials.get()

    async def pass_time(self, seconds: int, dial: Dial) -> None:
        """Needs the page's clock installed. In steps, so that pings are answered meanwhile."""
        for _ in range(0, seconds, 2):
            await self.page.clock.run_for(2_000)
            await dial.barrier()

    @property
    def quiet(self) -> bool:
        return self._dials.empty()


def entry(user_id: str, **more: Any) -> Message:
    return {
        "userId": user_id,
        "userName": user_id.title(),
        "userImage": None,
        "currentPath": "/roadmap",
        "status": "online",
        "role": "commenter",
        "joinedAt": 1,
        **more,
    }


def pointer(**more: Any) -> Message:
    return {"anchor": "card-search", "x": 0.5, "y": 0.5, "dx": 0, "dy": 0, **more}
