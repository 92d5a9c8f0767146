"""What questions are answered from, and changes are made with."""

from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from typing import Final, NamedTuple, Protocol, TypedDict, TypeVar

from sqlalchemy import Connection, Engine

from presence_server.history.api.errors import Refused, not_found
from presence_server.history.read.freshness import as_of
from presence_server.history.read.limits import asking
from presence_server.history.read.places import Person
from presence_server.history.store.guests import Pseudonyms

WRITER_S: Final = 30.0
"""How long a change may wait for its turn between transactions, and take: what was noted before an
erasure has to be taken first, and who asks for one would only have to ask again.
"""

Result = TypeVar("Result")

Clock = Callable[[], int]
"""The wall clock, in UTC milliseconds."""


class Submit(Protocol):
    """Has something done by the one who writes."""

    def __call__(self, work: Callable[[Engine], Result], after: int, /) -> Future[Result]:
        """Do `work` between transactions, with the engine that writes, and not before all batches
        up to the number `after` are taken.
        """


class Fresh(TypedDict):
    """What every answer says."""

    as_of: int
    lag_ms: int


class Question(NamedTuple):
    """One that is being answered: from one snapshot, which is so fresh, at UTC milliseconds."""

    connection: Connection
    now: int
    as_of: int

    @property
    def fresh(self) -> Fresh:
        """How fresh the answer is."""
        return {"as_of": self.as_of, "lag_ms": max(0, self.now - self.as_of)}

    def person(self, user: str, *, is_guest: bool) -> Person:
        """Somebody, by id; a guest by pseudonym too."""
        if not is_guest:
            return Person([user], is_guest=False)
        known = Pseudonyms("off").known(self.connection, user)
        return Person([user, *known], is_guest=True)


class Source:
    """The database: `readers` to ask, `submit` to change it."""

    def __init__(self, readers: Engine, submit: Submit, clock: Clock) -> None:
        self.readers = readers
        self.now = clock
        self._submit = submit

    @contextmanager
    def asking(self) -> Iterator[Question]:
        """A connection to ask on, for as long as a question may take."""
        with asking(self.readers) as connection:
            yield Question(connection, self.now(), as_of(connection))

    def change(
        self, work: Callable[[Engine], Result], after: int = 0, within_s: float | None = None
    ) -> Result:
        """Have the writer do something after the batch of that number, and wait for it.

        Raises:
            Refused: 503 if it isn't done in time. It may be yet; done again it changes nothing.

        """
        future = self._submit(work, after)
        try:
            return future.result(WRITER_S if within_s is None else within_s)
        except (TimeoutError, CancelledError):
            future.cancel()
            message = "the database does not take it now: send it again"
            raise Refused(503, "history_unavailable", message) from None


def there(found: Result | None, what: str) -> Result:
    """What was found.

    Raises:
        Refused: 404 if nothing was.

    """
    if found is None:
        raise not_found(what)
    return found
