"""Whole lists as CSV or NDJSON: as long as they may be, a chunk of them is in memory."""

from collections.abc import Callable, Generator, Iterator, Sequence
from datetime import date
from functools import partial
from typing import Any, Final

import anyio
from fastapi import APIRouter
from fastapi.responses import Response, StreamingResponse
from sqlalchemy import Connection

from presence_server.history.api import blocking, formats, narrowing
from presence_server.history.api.parameters import (
    By,
    Days,
    Format,
    Guest,
    Kind,
    Ref,
    Room,
    Session,
    Until,
    User,
    Version,
)
from presence_server.history.api.source import Source, there
from presence_server.history.read import (
    amounts,
    days,
    export,
    ledger,
    resources,
    sessions,
    viewers,
)
from presence_server.history.read.top import By as Measure
from presence_server.history.store import note

READING: Final = 2
"""Exports that read at once; the others wait for them, or for who takes what was read."""
NOTE_S: Final = 5.0
"""How long the trail may take to note one: whoever asks sees nothing meanwhile."""

Chunks = Iterator[Sequence[Any]]
Amount = Callable[[Connection], int | None]
"""About how many rows there are; None where only counting would say."""


class Exports:
    """What can be exported."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._reading = anyio.CapacityLimiter(READING)

    def add_to(self, router: APIRouter) -> None:
        """Give each its path."""
        for what, exported in (
            ("views", self.views),
            ("viewers", self.viewers),
            ("top", self.top),
            ("days", self.days),
            ("sessions", self.sessions),
            ("participants", self.participants),
            ("activity", self.activity),
        ):
            router.add_api_route(
                f"/export/{what}",
                exported,
                methods=["GET"],
                name=f"export_{what}",
                response_class=StreamingResponse,
            )

    def views(
        self,
        room: Room[str],
        kind: Kind[str | None] = None,
        ref: Ref[str | None] = None,
        version: Version[str | None] = None,
        user: User[str | None] = None,
        guest: Guest[bool] = False,
        form: Format[formats.Format] = "csv",
    ) -> Response:
        """The ledger, the newest first."""
        narrowing.check_resource(kind, ref, version)
        with self._source.asking() as at:
            asked = narrowing.narrowed(at, kind, ref, version, user, is_guest=guest)
        found = export.views(self._source.readers, room, asked)
        amount = partial(amounts.views, room=room, asked=asked)
        return self._send(room, "views", ledger.View, found, form, amount)

    def viewers(
        self,
        room: Room[str],
        kind: Kind[str],
        ref: Ref[str],
        version: Version[str | None] = None,
        form: Format[formats.Format] = "csv",
    ) -> Response:
        """Who viewed a resource, or one of its versions, in the order of their first visits."""
        found = export.viewers(self._source.readers, room, kind, ref, version=version)
        amount = partial(amounts.viewers, room=room, kind=kind, ref=ref, version=version)
        return self._send(room, "viewers", viewers.Viewer, found, form, amount)

    def top(
        self,
        room: Room[str],
        by: By[Measure] = "views",
        kind: Kind[str | None] = None,
        days: Days[int | None] = None,
        form: Format[formats.Format] = "csv",
    ) -> Response:
        """The resources with the most views, viewers, or trend: the first 10,000."""
        narrowing.check_window(by, days)
        readers, now = self._source.readers, self._source.now()
        found = export.top(readers, room, by=by, kind=kind, days=days, now=now)
        return self._send(room, "top", resources.Resource, found, form, lambda _: None)

    def days(
        self,
        room: Room[str],
        kind: Kind[str | None] = None,
        ref: Ref[str | None] = None,
        count: Days[int] = 30,
        until: Until[date | None] = None,
        form: Format[formats.Format] = "csv",
    ) -> Response:
        """What began on each day, the oldest first."""
        narrowing.check_resource(kind, ref)
        last = narrowing.last_day(until, self._source.now())
        found = export.days(self._source.readers, room, kind=kind, ref=ref, count=count, until=last)
        return self._send(room, "days", days.Day, found, form, lambda _: count)

    def sessions(self, room: Room[str], form: Format[formats.Format] = "csv") -> Response:
        """The sessions of a room, the newest first."""
        found = export.sessions(self._source.readers, room)
        amount = partial(amounts.held, room=room)
        return self._send(room, "sessions", sessions.Session, found, form, amount)

    def participants(
        self, room: Room[str], session: Session[int], form: Format[formats.Format] = "csv"
    ) -> Response:
        """Who took part in a session, in the order of their first joins."""
        found = export.participants(self._source.readers, room, session)
        amount = partial(amounts.participants, number=session)
        return self._send(room, "participants", sessions.Participant, found, form, amount)

    def activity(
        self,
        room: Room[str],
        session: Session[int | None] = None,
        form: Format[formats.Format] = "csv",
    ) -> Response:
        """The trail of a room, or of one session, the newest first."""
        found = export.activity(self._source.readers, room, session)
        amount = partial(amounts.activity, room=room, number=session)
        return self._send(room, "activity", sessions.Activity, found, form, amount)

    def _send(
        self,
        room: str,
        what: str,
        row: Any,
        found: Chunks | None,
        form: formats.Format,
        amount: Amount,
    ) -> Response:
        """Send what was found, if there is anything, once the trail says so.

        Raises:
            Refused: 404 if there is no such thing, 503 if it can't be noted.

        """
        chunks = there(found, "room, resource, version or session")
        with self._source.asking() as at:
            fresh, rows = at.fresh, amount(at.connection)
        headers = {
            "Content-Type": formats.TYPES[form],
            "Content-Disposition": f'attachment; filename="{what}.{form}"',
            "History-As-Of": str(fresh["as_of"]),
            "History-Lag-Ms": str(fresh["lag_ms"]),
            **({} if rows is None else {"History-Rows": str(rows)}),
        }
        lines = _lines(form, formats.names(row._fields), chunks)
        answer = blocking.stream(lines, headers, self._reading)
        now = self._source.now()
        noted = partial(note.exported, room=room, what=what, now=now)
        self._source.change(noted, within_s=NOTE_S)
        return answer


def _lines(form: formats.Format, columns: Sequence[str], chunks: Chunks) -> Generator[bytes]:
    """Bytes, a chunk at a time; the first comes with what stands before it."""
    write = formats.writer(form, columns)
    begin = formats.head(form, columns) + write(next(chunks, ()))
    if begin:
        yield begin
    for chunk in chunks:
        if chunk:
            yield write(chunk)
