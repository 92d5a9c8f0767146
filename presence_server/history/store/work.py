"""One transaction's work: facts to rows, and tabs that all end at once."""

from collections.abc import Collection, Sequence
from typing import Final

from msgspec.structs import astuple, replace
from sqlalchemy import Connection, func, select, update

from presence_server.history.facts import AnyFact, Lost
from presence_server.history.fold.desk import Desk, Numbers
from presence_server.history.fold.fold import Fold
from presence_server.history.fold.meaning import Meaning
from presence_server.history.fold.rows import Tab
from presence_server.history.fold.rules import Rules
from presence_server.history.fold.steps import End, Step
from presence_server.history.store import kept, schema
from presence_server.history.store.bulk import add, change, remove
from presence_server.history.store.ending import end_tabs, end_viewings
from presence_server.history.store.guests import Pseudonyms
from presence_server.history.store.loading import Loader
from presence_server.history.store.names import Book
from presence_server.history.store.partitions import cover

CHUNK: Final = 2_000
"""Facts that are folded together: bounds memory, however much there is to do."""


class Work:
    """What is done in a transaction of the writer's. The row of `progress` must be there."""

    def __init__(self, connection: Connection, rules: Rules, guests: Pseudonyms) -> None:
        self._connection = connection
        self._rules = rules
        self._guests = guests
        self.numbers = _greatest(connection)

    def take(self, facts: Sequence[AnyFact], until: int) -> None:
        """Fold facts (none of them `Lost`), and what is due `until` then."""
        for begin in range(0, len(facts) or 1, CHUNK):
            chunk = facts[begin : begin + CHUNK]
            is_last = begin + CHUNK >= len(facts)
            self._take(chunk, until if is_last else chunk[-1].at)

    def end(self, tabs: Collection[Tab], at: int, reason: str, ended_by: str) -> None:
        """End tabs that are open, each as if it had left, at one time."""
        desk = Desk(self.numbers)
        steps = [End(at, tab.room_id, tab.user_id, tab.tab, reason, ended_by) for tab in tabs]
        for tab in tabs:
            desk.tabs.load((tab.room_id, tab.tab), tab, astuple(tab))
        self._fold(desk, steps, at, at, self.numbers)

    def end_all(self, at: int, reason: str, ended_by: str) -> None:
        """End every tab that is open."""
        end_viewings(self._connection, at, ended_by)
        self.numbers.activity += end_tabs(self._connection, at, reason, self.numbers.activity)

    def lose(self, lost: Lost) -> None:
        """Note that facts were lost, and end what was open then: nothing is known of it."""
        number = self.numbers.next("gaps")
        add(self._connection, schema.gaps, [(number, lost.since, lost.at, lost.dropped)])
        columns = schema.sessions.c
        live = select(columns.id, columns.room_id).where(columns.closed_at.is_(None))
        found = self._connection.execute(live.order_by(columns.id))
        for sessions in found.partitions(CHUNK):
            lines = [
                (self.numbers.next("activity"), lost.since, room, session, None, "gap", None)
                for session, room in sessions
            ]
            add(self._connection, schema.activity, lines)
        self.end_all(lost.since, "gap", "gap")

    def _take(self, facts: Sequence[AnyFact], until: int) -> None:
        before = replace(self.numbers)
        desk = Desk(self.numbers)
        book = Book(self._connection, desk, self._guests)
        book.find(facts)
        meaning = Meaning(book, book.tabs)
        steps = [step for fact in facts for step in meaning.of(fact)]
        book.write()
        self._fold(desk, steps, min((fact.at for fact in facts), default=until), until, before)

    def _fold(
        self, desk: Desk, steps: Collection[Step], since: int, until: int, before: Numbers
    ) -> None:
        loader = Loader(self._connection, desk, self._rules.session_idle_ms, before)
        loader.load(steps, since, until)
        Fold(desk, self._rules, until).run(steps)
        self._write(desk)

    def _write(self, desk: Desk) -> None:
        for what in kept.ALL:
            changes = what.shelf(desk).changes()
            remove(self._connection, what.table, changes.gone)
            if what is kept.VIEWS and changes.new:
                cover(self._connection, [row[0] for row in changes.new])
                progress = update(schema.progress).values(last_view=self.numbers.views)
                self._connection.execute(progress)
            add(self._connection, what.table, changes.new)
            for columns, rows in changes.changed.items():
                change(self._connection, what.table, rows, columns)
        add(self._connection, schema.activity, [astuple(line) for line in desk.trail])


def _greatest(connection: Connection) -> Numbers:
    """The last number of each table's rows."""
    tables = ("rooms", "users", "resources", "versions", "sessions", "activity", "gaps")
    numbers = {name: func.max(schema.metadata.tables[name].c.id) for name in tables}
    each = [select(number).scalar_subquery().label(name) for name, number in numbers.items()]
    views = select(schema.progress.c.last_view).scalar_subquery().label("views")
    found = connection.execute(select(*each, views)).mappings().one()
    return Numbers(**{name: number or 0 for name, number in found.items()})
