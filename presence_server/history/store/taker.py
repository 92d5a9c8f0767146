"""Taking batches: each once, whatever fails.

The rows are all the state there is. A transaction ends with the number of the last batch in it; a
batch that was taken already, after a commit that seemed to fail or a restart, is known by that.
"""

from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from sqlalchemy import Connection, Engine, insert, select, update

from presence_server.history.facts import AnyFact, Batch, Lost
from presence_server.history.fold.rules import Rules
from presence_server.history.store import schema
from presence_server.history.store.guests import Pseudonyms
from presence_server.history.store.trends import renew_trends
from presence_server.history.store.work import Work


class Progress(NamedTuple):
    """What the database has taken."""

    run: str
    number: int
    at: int
    half_life: int


class Taker:
    """Folds batches into the rows of a database. It is the only one to do so."""

    def __init__(self, engine: Engine, rules: Rules) -> None:
        self._engine = engine
        self._rules = rules
        self._guests = Pseudonyms(rules.guest_key)

    def begin(self, run: str) -> int:
        """Say which run of the server it is. Returns the number of its last batch taken.

        What an older run left open ends when that run was last known to live.
        """
        with self._engine.begin() as connection:
            return self._begin(connection, run).number

    def take(self, batches: Sequence[Batch]) -> None:
        """Take batches, in order, in one transaction; those taken already are passed over."""
        with self._engine.begin() as connection:
            for run, together in groupby(batches, key=attrgetter("run")):
                taken = self._begin(connection, run).number
                fresh = {batch.number: batch for batch in together if batch.number > taken}
                if fresh:
                    self._take(connection, [*fresh.values()])

    def _begin(self, connection: Connection, run: str) -> Progress:
        progress = self._progress(connection)
        if progress.half_life != self._rules.half_life_days:
            renew_trends(connection, self._rules.half_life_days)
        if progress.run == run:
            return progress
        self._work(connection).end_all(progress.at, "server_lost", "server_lost")
        connection.execute(update(schema.progress).values(run=run, number=0))
        return progress._replace(run=run, number=0)

    def _take(self, connection: Connection, batches: Sequence[Batch]) -> None:
        work = self._work(connection)
        facts: list[AnyFact] = []
        for batch in batches:
            for fact in batch.facts:
                if isinstance(fact, Lost):
                    work.take(facts, fact.since)
                    work.lose(fact)
                    facts = []
                else:
                    facts.append(fact)
        last = batches[-1]
        work.take(facts, last.at)
        connection.execute(update(schema.progress).values(number=last.number, at=last.at))

    def _work(self, connection: Connection) -> Work:
        return Work(connection, self._rules, self._guests)

    def _progress(self, connection: Connection) -> Progress:
        columns = schema.progress.c
        wanted = select(columns.run, columns.number, columns.at, columns.half_life)
        row = connection.execute(wanted).one_or_none()
        if row is not None:
            return Progress(*row)
        new = Progress("", 0, 0, self._rules.half_life_days)
        values = {**new._asdict(), "id": 1, "ledger_from": 0, "last_view": 0}
        connection.execute(insert(schema.progress).values(values))
        return new
