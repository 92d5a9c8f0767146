"""What only admins may do: erase, delete, check."""

from collections.abc import Callable, Generator
from functools import partial
from typing import Annotated, Final

import anyio
from fastapi import APIRouter, Header
from fastapi.responses import Response
from sqlalchemy import Engine

from presence_server.history.api import answers, blocking
from presence_server.history.api.parameters import Kind, Ref, Room, User
from presence_server.history.api.source import Source
from presence_server.history.store import erase
from presence_server.history.store.check import Progress, check

MOST_SHOWN: Final = 100
"""Differences that a check tells."""

Noted = Annotated[int, Header(alias="Presence-Noted", include_in_schema=False)]
"""The server's, about what it noted before it passed a request on: the number of the last batch."""

_WORKING: Final = b" "
"""JSON may begin with blanks. They say that a long check goes on, to whoever fears silence."""


class Changes:
    """Erasing, and deleting."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def add_to(self, router: APIRouter) -> None:
        """Give each its path."""
        router.add_api_route("/user", self.user, methods=["DELETE"], name="erase_user")
        router.add_api_route("/resource", self.resource, methods=["DELETE"], name="delete_resource")

    def user(
        self, user: User[str], room: Room[str | None] = None, noted: Noted = 0
    ) -> answers.Erased:
        """Take a user's id out of a room, or of all: the counts stay. Twice is no error."""
        now = self._source.now()
        return self._erased(partial(erase.erase_user, room=room, user=user, now=now), noted)

    def resource(
        self, room: Room[str], kind: Kind[str], ref: Ref[str], noted: Noted = 0
    ) -> answers.Erased:
        """Delete all that is known of a resource. Twice is no error."""
        now = self._source.now()
        work = partial(erase.delete_resource, room=room, kind=kind, id_=ref, now=now)
        return self._erased(work, noted)

    def _erased(self, work: Callable[[Engine], int], noted: int) -> answers.Erased:
        """What happened before the request is in the database first: nothing of it comes later."""
        count = self._source.change(work, noted)
        with self._source.asking() as at:
            return answers.Erased(**at.fresh, erased=count)


class Checks:
    """Counting again."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._limiter = anyio.CapacityLimiter(1)

    def add_to(self, router: APIRouter) -> None:
        """Give it its path."""
        router.add_api_route("/check", self.check, methods=["GET"], response_model=answers.Checked)

    def check(self, room: Room[str | None] = None) -> Response:
        """Count again, from the ledger, what the statistics of a room or of all rooms say."""
        return blocking.stream(
            self._steps(room), {"Content-Type": "application/json"}, self._limiter
        )

    def _steps(self, room: str | None) -> Generator[bytes]:
        with self._source.asking() as at:
            fresh = at.fresh
        rows, differences = 0, list[answers.Difference]()
        with self._source.readers.connect() as connection:
            for step in check(connection, room):
                if isinstance(step, Progress):
                    rows = step.rows
                    yield _WORKING
                elif len(differences) < MOST_SHOWN:
                    differences.append(answers.Difference(**step._asdict()))
        checked = answers.Checked(**fresh, rows_checked=rows, differences=differences)
        yield checked.model_dump_json(by_alias=True).encode()
