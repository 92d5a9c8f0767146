"""The client: stays in a room, whatever happens to its connections."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any, Final, Self
from uuid import uuid4

from presence_client.address import Address, Members
from presence_client.changes import Change, Counted, Entry, Reset
from presence_client.close_codes import ABNORMAL, Closing
from presence_client.dial import DialError, TokenSource, dial
from presence_client.feed import Feeds
from presence_client.link import Link
from presence_client.own_state import OwnState, OwnStatus
from presence_client.reconnect import Reconnect
from presence_client.standing import Standing, Standings, Status
from presence_client.store import Message, PresenceStore
from presence_client.timing import REAL, Timing

_LOG: Final = logging.getLogger("presence_client")


class Refused(Exception):
    """The server said no, and trying again would not help."""

    def __init__(self, refusal: Closing) -> None:
        super().__init__(f"{refusal.code} {refusal.reason}")
        self.code, self.reason = refusal


class Ended(Exception):
    """The client was closed."""


class PresenceClient:
    """One connection's worth of presence in one room, for use as an async context manager.

    `url` is the server, as `wss://host`, with `room`; or the whole address without it, as
    `wss://host/parties/presence/ROOM`. An address that can't be is a ValueError.

    `token` is a JWT, or a plain or async callable that returns one. A callable is asked afresh on
    every dial; it must not block, and may fail or hang: that is a failed dial. It may raise
    `NoToken` to say why. A JWT that the server no longer takes is a refusal.

    With `members="count"`, for very large rooms, it hears how many are there instead of who:
    `occupancy` and `Counted` changes, and `members` stays empty.
    """

    def __init__(
        self,
        url: str,
        *,
        room: str | None = None,
        token: TokenSource,
        party: str | None = None,
        members: Members = "all",
        connection_id: str | None = None,
        tls: ssl.SSLContext | None = None,
        max_behind: int = 1_000,
        timing: Timing = REAL,
    ) -> None:
        own_id = connection_id or str(uuid4())
        self._address = Address.parse(url, room, party, own_id, tls, members)
        self._token = token
        self._timing = timing
        self._store = PresenceStore()
        self._own = OwnState()
        self._feeds = Feeds(self._store.members, max_behind)
        self._reconnect = Reconnect(timing.uniform, renewable=callable(token))
        self._standings = Standings()
        self._refusal: Closing | None = None
        self._user_id: str | None = None
        self._settled = asyncio.Event()
        self._link: Link | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def members(self) -> Mapping[str, Entry]:
        """A live view of the room: user id → entry. It stays while the connection is away."""
        return self._store.members

    @property
    def occupancy(self) -> int | None:
        """How many users are here, with `members="count"`; None before the first number."""
        return self._store.occupancy

    @property
    def status(self) -> Status:
        """How things stand; `connecting` until the first welcome."""
        return self._standings.now.status

    @property
    def standing(self) -> Standing:
        """The status, why it is so, and when the next dial comes."""
        return self._standings.now

    @property
    def refusal(self) -> Closing | None:
        """Why the server refused us for good, once it has."""
        return self._refusal

    @property
    def connection_id(self) -> str:
        """This connection's id (`_pk`), the same for life."""
        return self._address.connection_id

    @property
    def user_id(self) -> str | None:
        """Who the token says we are; None before the first welcome."""
        return self._user_id

    @property
    def entry(self) -> Entry | None:
        """How the room sees us; None while it doesn't, and always for an observer."""
        return self._store.members.get(self._user_id) if self._user_id is not None else None

    async def __aenter__(self) -> Self:
        if self._task is not None:
            raise RuntimeError("a client is entered once")
        self._task = asyncio.create_task(self._run(), name="presence-client")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Leave the room with Close 1000. Nothing of the client runs after this."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        self._end("closed")
        if self._task is not None and not self._task.cancelled():
            self._task.result()

    async def ready(self) -> None:
        """Wait for the first snapshot, or number.

        Raises Refused, or Ended once the client is closed.
        """
        await self._settled.wait()
        if self._refusal is not None:
            raise Refused(self._refusal)
        if self.status == "closed":
            raise Ended("the client is closed")

    def changes(self) -> AsyncIterator[Change]:
        """What happens in the room from this call on, until the client is refused or closed."""
        return self._feeds.subscribe()

    def standings(self) -> AsyncIterator[Standing]:
        """How things stand now and at each turn, until refused or closed; never an old one."""
        return self._standings.follow()

    async def update(
        self,
        current_path: str,
        *,
        resource_type: str | None = None,
        resource_id: str | None = None,
        version_id: str | None = None,
        activity: str | None = None,
        following: str | None = None,
        data: Mapping[str, Any] | None = None,
        idle_ms: int | None = None,
    ) -> None:
        """Say where the user is, whole: what is not given is cleared, the cursor too on a move.

        Like `set_status` and `set_cursor` it is remembered, and said again at every welcome.
        """
        location = {
            "currentPath": current_path,
            "resourceType": resource_type,
            "resourceId": resource_id,
            "versionId": version_id,
            "activity": activity,
            "following": following,
            "data": data,
        }
        self._own.set_location(location, idle_ms, self._timing.now())
        await self._flush()

    async def set_status(self, status: OwnStatus, idle_ms: int | None = None) -> None:
        """Say whether the user is at the keyboard."""
        self._own.set_status(status, idle_ms, self._timing.now())
        await self._flush()

    async def set_cursor(self, cursor: Mapping[str, Any] | None) -> None:
        """Say where the user's cursor is; None removes it."""
        self._own.set_cursor(cursor)
        await self._flush()

    async def _flush(self) -> None:
        if self._link is not None:
            await self._link.flush()

    async def _run(self) -> None:
        try:
            self._refusal = await self._stay()
        finally:
            self._end("closed" if self._refusal is None else "refused", self._refusal)

    async def _stay(self) -> Closing:
        """Dial again and again; return with the first close that says not to."""
        while True:
            closing = await self._connect_once()
            delay = self._reconnect.after(closing)
            if delay is None:
                return closing
            _LOG.info("%s %s; dialling again in %.1f s", *closing, delay)
            status: Status = "connecting" if self._user_id is None else "reconnecting"
            self._standings.turn(Standing(status, closing, delay))
            if delay > 0:
                await self._timing.sleep(delay)

    async def _connect_once(self) -> Closing:
        try:
            ws = await dial(self._address, self._token, self._timing)
        except DialError as error:
            return Closing(ABNORMAL, str(error))
        self._link = Link(
            ws,
            store=self._store,
            own=self._own,
            token=self._token,
            timing=self._timing,
            on_welcome=self._on_welcome,
            on_change=self._on_change,
        )
        try:
            return await self._link.run()
        finally:
            self._link = None
            await ws.close()

    def _on_welcome(self, message: Message) -> None:
        self._reconnect.welcomed()
        self._user_id = message.get("userId")
        self._standings.turn(Standing("online"))

    def _on_change(self, change: Change) -> None:
        self._feeds.publish(change)
        if isinstance(change, (Reset, Counted)):
            self._settled.set()

    def _end(self, status: Status, closing: Closing | None = None) -> None:
        self._standings.turn(Standing(status, closing))
        self._feeds.end()
        self._settled.set()
