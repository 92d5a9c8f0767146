"""What the database needs between transactions, in small steps: a chore does a little each time."""

import time
from collections.abc import Callable
from typing import Final, Literal, NamedTuple

from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import DBAPIError

from presence_server.history.fold.rules import DAY_MS
from presence_server.history.store import retention
from presence_server.history.store.guests import Pseudonyms
from presence_server.history.store.partitions import drop_before
from presence_server.history.store.schema import progress
from presence_server.history.store.stride import Stride
from presence_server.history.store.troubles import classify
from presence_server.history.store.upkeep import TABLES, analyze, rewrite, truncate_log

MOST: Final = 500
"""Rows of one step."""

_PAUSE_MS: Final = 50
_MINUTE_MS: Final = 60_000
_HOUR_MS: Final = 60 * _MINUTE_MS
_ANALYZE_MS: Final = {"sqlite": _HOUR_MS, "postgresql": 24 * _HOUR_MS}
"""PostgreSQL looks at every part of the ledger: 1.6 s for nine million views."""


class Keeping(NamedTuple):
    """The settings that say what is kept for how long."""

    ledger_days: int
    activity_days: int
    guest_key: Literal["day", "month", "off"]


class Chore:
    """Something to do again and again: `do` says whether there is more to do right away."""

    def __init__(self, do: Callable[[int], bool], every_ms: int) -> None:
        self._do = do
        self._every_ms = every_ms
        self._next_ms = 0

    def is_due(self, now_ms: int) -> bool:
        """Whether it is time, also after a clock that went back."""
        return not now_ms < self._next_ms <= now_ms + self._every_ms

    def waited_since(self) -> int:
        """When it was to be done: the longest waiting comes first."""
        return self._next_ms

    def do(self, now_ms: int) -> None:
        """Do it; if it fails it comes again as if it had been done."""
        self._next_ms = now_ms + self._every_ms
        if self._do(now_ms):
            self._next_ms = now_ms + min(_PAUSE_MS, self._every_ms)


class Care:
    """Call `step` between transactions, on the thread that writes, while `due`.

    A step has `most` rows, or as many as can be done in a moment, by `clock` (seconds).
    """

    def __init__(
        self,
        engine: Engine,
        keeping: Keeping,
        most: int = MOST,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._keeping = keeping
        self._most = most
        self._clock = clock
        self._guests = Pseudonyms(keeping.guest_key)
        self._analyzed = 0
        self._user = 0
        self._is_key_left = True
        self._chores = [
            Chore(self._destroy_keys, _MINUTE_MS),
            Chore(self._in_strides(self._move_ledger), _MINUTE_MS),
            Chore(self._drop_partition, 10 * _MINUTE_MS),
            Chore(self._in_strides(self._forget_activity), 10 * _MINUTE_MS),
            Chore(self._in_strides(self._forget_sessions), _HOUR_MS),
            Chore(self._in_strides(self._forget_viewers), _HOUR_MS),
            Chore(self._in_strides(self._forget_users), 24 * _HOUR_MS),
            Chore(self._analyze, _ANALYZE_MS[engine.dialect.name]),
            Chore(self._truncate_log, _MINUTE_MS),
        ]

    def due(self, now_ms: int) -> bool:
        """Whether something is to be done now."""
        return any(chore.is_due(now_ms) for chore in self._chores)

    def step(self, now_ms: int) -> None:
        """Do a little of it: less than 100 ms. Raises what the database does."""
        due = [chore for chore in self._chores if chore.is_due(now_ms)]
        if due:
            min(due, key=Chore.waited_since).do(now_ms)

    def _in_strides(self, forget: Callable[[int, int], bool]) -> Callable[[int], bool]:
        """Have as many rows forgotten in each step as go into a moment."""
        stride = Stride(self._most)

        def step(now: int) -> bool:
            began = self._clock()
            is_more = forget(now, stride.rows)
            stride.took(self._clock() - began, is_whole=is_more)
            return is_more

        return step

    def _destroy_keys(self, now: int) -> bool:
        with self._engine.begin() as connection:
            self._is_key_left |= self._guests.destroy_old(connection, now) > 0
        if self._is_key_left:
            is_gone = truncate_log(self._engine) and rewrite(self._engine, "guest_keys")
            self._is_key_left = not is_gone
        return False

    def _move_ledger(self, now: int, rows: int) -> bool:
        with self._engine.begin() as connection:
            before = _ago(_now(connection, now), self._keeping.ledger_days)
            return retention.move_ledger(connection, before, rows)

    def _drop_partition(self, now: int) -> bool:
        del now
        try:
            with self._engine.begin() as connection:
                return drop_before(connection, _told_from(connection) // DAY_MS)
        except DBAPIError as error:
            if classify(error) != "locked":
                raise
            return False

    def _forget_activity(self, now: int, rows: int) -> bool:
        with self._engine.begin() as connection:
            before = _ago(_now(connection, now), self._keeping.activity_days)
            return retention.forget_activity(connection, before, rows)

    def _forget_sessions(self, now: int, rows: int) -> bool:
        with self._engine.begin() as connection:
            before = _ago(_now(connection, now), self._keeping.activity_days)
            return retention.forget_sessions(connection, before, rows)

    def _forget_viewers(self, now: int, rows: int) -> bool:
        with self._engine.begin() as connection:
            before = _ago(_now(connection, now), self._keeping.activity_days)
            # What the ledger still tells of somebody must have a row to be compared with.
            before = min(before, _told_from(connection))
            return retention.forget_viewers(connection, before, rows)

    def _forget_users(self, now: int, rows: int) -> bool:
        del now
        with self._engine.begin() as connection:
            last = retention.forget_users(connection, self._user, rows)
        self._user = last or 0
        return last is not None

    def _analyze(self, now: int) -> bool:
        del now
        name, self._analyzed = TABLES[self._analyzed], (self._analyzed + 1) % len(TABLES)
        analyze(self._engine, name)
        return self._analyzed > 0

    def _truncate_log(self, now: int) -> bool:
        del now
        truncate_log(self._engine)
        return False


def _now(connection: Connection, now: int) -> int:
    """Not past what the facts have reached: a wall clock that is ahead deletes nothing."""
    reached = connection.scalar(select(progress.c.at))
    return 0 if reached is None else min(now, reached)


def _told_from(connection: Connection) -> int:
    return connection.scalar(select(progress.c.ledger_from)) or 0


def _ago(now: int, days: int) -> int:
    """The begin of a day (UTC), so that whole days go."""
    return (now // DAY_MS - days) * DAY_MS
