"""Changes on their way to those who iterate them: bounded, so that a slow reader costs nothing."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from typing import Self
from weakref import WeakSet

from presence_client.changes import Change, Counted, Entry, Reset


class Feed(AsyncIterator[Change]):
    """One reader's changes, at most `limit` of them.

    A reader that falls further behind finds one Reset with the map of that moment in their place.
    Of several numbers in a row the latest is kept.
    """

    def __init__(self, members: Mapping[str, Entry], limit: int) -> None:
        self._members = members
        self._limit = limit
        self._waiting: deque[Change] = deque()
        self._behind = False
        self._ended = False
        self._news = asyncio.Event()

    def push(self, change: Change) -> None:
        """Add a change that is already in the map."""
        if _is_count(change) and self._waiting and _is_count(self._waiting[-1]):
            self._waiting.pop()
        if len(self._waiting) >= self._limit:
            self._waiting.clear()
            self._behind = True
        elif not self._behind:
            self._waiting.append(change)
        self._news.set()

    def end(self) -> None:
        """Nothing follows: the iteration stops after what is waiting."""
        self._ended = True
        self._news.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Change:
        while not (self._waiting or self._behind or self._ended):
            self._news.clear()
            await self._news.wait()
        if self._behind:
            self._behind = False
            return Reset(dict(self._members))
        if self._waiting:
            return self._waiting.popleft()
        raise StopAsyncIteration


class Feeds:
    """Every reader's feed. Held weakly: a reader that stops iterating is forgotten by itself."""

    def __init__(self, members: Mapping[str, Entry], limit: int) -> None:
        self._members = members
        self._limit = limit
        self._feeds: WeakSet[Feed] = WeakSet()
        self._ended = False

    def subscribe(self) -> Feed:
        """A feed of what happens from now on."""
        feed = Feed(self._members, self._limit)
        if self._ended:
            feed.end()
        self._feeds.add(feed)
        return feed

    def publish(self, change: Change) -> None:
        """Hand a change to every reader, after it is in the map."""
        for feed in self._feeds:
            feed.push(change)

    def end(self) -> None:
        """End every feed, those to come too."""
        self._ended = True
        for feed in self._feeds:
            feed.end()


def _is_count(change: Change) -> bool:
    return isinstance(change, Counted)
