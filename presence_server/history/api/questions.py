"""Questions that are answered with a page, or less. Each method is a path of its own."""

from collections.abc import Callable, Iterable
from datetime import date
from functools import wraps
from typing import Any, TypeVar

from fastapi import APIRouter, Response

from presence_server.history.api import answers, narrowing
from presence_server.history.api.parameters import (
    By,
    Cursor,
    Days,
    Guest,
    Kind,
    Limit,
    Ref,
    Room,
    Session,
    TopLimit,
    Until,
    User,
    Version,
)
from presence_server.history.api.source import Question, Source, there
from presence_server.history.read import days, ledger, pages, resources, sessions, top, viewers
from presence_server.history.read.seen import Seen, seen
from presence_server.history.read.top import By as Measure

Model = TypeVar("Model", bound=answers.Answer)


class Questions:
    """What can be asked."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def add_to(self, router: APIRouter) -> None:
        """Give each question its path."""
        for path, question in (
            ("/resource", self.resource),
            ("/viewers", self.viewers),
            ("/seen", self.seen),
            ("/top", self.top),
            ("/days", self.days),
            ("/views", self.views),
            ("/matrix", self.matrix),
            ("/sessions", self.sessions),
            ("/session", self.session),
            ("/participants", self.participants),
            ("/activity", self.activity),
        ):
            router.add_api_route(path, _encoded(question), methods=["GET"])

    def resource(
        self, room: Room[str], kind: Kind[str], ref: Ref[str]
    ) -> answers.ResourceStatistics:
        """How often a resource was viewed, and each of its versions."""
        with self._source.asking() as at:
            found = resources.statistics(at.connection, room, kind, ref, now=at.now)
        total, versions, is_exact = there(found, "resource")
        return answers.ResourceStatistics(
            **at.fresh,
            **total._asdict(),
            versions=_models(answers.VersionCounts, versions),
            is_exact=is_exact,
        )

    def viewers(
        self,
        room: Room[str],
        kind: Kind[str],
        ref: Ref[str],
        version: Version[str | None] = None,
        limit: Limit[int] = 50,
        cursor: Cursor[str | None] = None,
    ) -> answers.Page[answers.Viewer]:
        """Who viewed a resource, or one of its versions: the latest first."""
        with self._source.asking() as at:
            found = viewers.viewers(
                at.connection, room, kind, ref, version=version, limit=limit, cursor=cursor
            )
        return _page(at, answers.Viewer, there(found, "resource or version"))

    def seen(
        self,
        room: Room[str],
        kind: Kind[str],
        ref: Ref[str],
        user: User[str],
        guest: Guest[bool] = False,
    ) -> answers.Seen:
        """Whether a user has seen any version of a resource, and which."""
        with self._source.asking() as at:
            person = at.person(user, is_guest=guest)
            found = seen(at.connection, room, kind, ref, person)
        found = found or Seen(user, guest, seen=False, versions=[])
        return answers.Seen(
            **at.fresh,
            user_id=found.user_id,
            is_guest=found.is_guest,
            seen=found.seen,
            versions=_models(answers.SeenVersion, found.versions),
        )

    def top(
        self,
        room: Room[str],
        by: By[Measure] = "views",
        kind: Kind[str | None] = None,
        days: Days[int | None] = None,
        limit: TopLimit[int] = 10,
    ) -> answers.Top:
        """The resources of a room with the most views, viewers, or trend."""
        narrowing.check_window(by, days)
        with self._source.asking() as at:
            found = top.top(
                at.connection, room, by=by, kind=kind, days=days, limit=limit, now=at.now
            )
        rows, is_exact = there(found, "room")
        models = _models(answers.Resource, rows)
        return answers.Top(**at.fresh, by=by, days=days, rows=models, is_exact=is_exact)

    def days(
        self,
        room: Room[str],
        kind: Kind[str | None] = None,
        ref: Ref[str | None] = None,
        count: Days[int] = 30,
        until: Until[date | None] = None,
    ) -> answers.Days:
        """What began on each day, in a room or of a resource: the oldest first."""
        narrowing.check_resource(kind, ref)
        with self._source.asking() as at:
            last = narrowing.last_day(until, at.now)
            found = days.days(at.connection, room, kind=kind, ref=ref, count=count, until=last)
        rows = there(found, "room or resource")
        return answers.Days(**at.fresh, rows=_models(answers.Day, rows))

    def views(
        self,
        room: Room[str],
        kind: Kind[str | None] = None,
        ref: Ref[str | None] = None,
        version: Version[str | None] = None,
        user: User[str | None] = None,
        guest: Guest[bool] = False,
        limit: Limit[int] = 50,
        cursor: Cursor[str | None] = None,
    ) -> answers.Page[answers.View]:
        """The ledger: each viewing, the newest first."""
        narrowing.check_resource(kind, ref, version)
        with self._source.asking() as at:
            asked = narrowing.narrowed(at, kind, ref, version, user, is_guest=guest)
            found = ledger.views(at.connection, room, asked, limit=limit, cursor=cursor)
        return _page(at, answers.View, there(found, "room, resource or version"))

    def matrix(self, room: Room[str], kind: Kind[str], ref: Ref[str]) -> answers.Matrix:
        """Who viewed which version of a resource how often."""
        with self._source.asking() as at:
            found = resources.matrix(at.connection, room, kind, ref)
        versions, users = there(found, "resource")
        rows = _models(answers.MatrixRow, users)
        return answers.Matrix(**at.fresh, versions=versions, users=rows)

    def sessions(
        self, room: Room[str], limit: Limit[int] = 50, cursor: Cursor[str | None] = None
    ) -> answers.Page[answers.Session]:
        """The sessions of a room, the newest first."""
        with self._source.asking() as at:
            found = sessions.sessions(at.connection, room, limit=limit, cursor=cursor)
        return _page(at, answers.Session, there(found, "room"))

    def session(self, room: Room[str], session: Session[int]) -> answers.OneSession:
        """A session's statistics."""
        with self._source.asking() as at:
            found = sessions.session(at.connection, room, session)
        return answers.OneSession(**at.fresh, **there(found, "session")._asdict())

    def participants(
        self,
        room: Room[str],
        session: Session[int],
        limit: Limit[int] = 50,
        cursor: Cursor[str | None] = None,
    ) -> answers.Page[answers.Participant]:
        """Who took part in a session, in the order of their first joins."""
        with self._source.asking() as at:
            found = sessions.participants(at.connection, room, session, limit=limit, cursor=cursor)
        return _page(at, answers.Participant, there(found, "session"))

    def activity(
        self,
        room: Room[str],
        session: Session[int | None] = None,
        limit: Limit[int] = 50,
        cursor: Cursor[str | None] = None,
    ) -> answers.Page[answers.Activity]:
        """The trail of a room, or of one session: the newest first."""
        with self._source.asking() as at:
            found = sessions.activity(at.connection, room, session, limit=limit, cursor=cursor)
        return _page(at, answers.Activity, there(found, "room or session"))


def _encoded(question: Callable[..., answers.Answer]) -> Callable[..., Response]:
    """The same, for FastAPI, which would check and encode the answer in another thread again."""

    @wraps(question)
    def answer(**asked: Any) -> Response:
        body = question(**asked).model_dump_json(by_alias=True)
        return Response(body, media_type="application/json")

    return answer


def _models(model: type[Model], rows: Iterable[Any]) -> list[Model]:
    """Rows, which are named tuples, as parts of an answer: their fields are called the same."""
    return [model(**row._asdict()) for row in rows]


def _page(at: Question, model: type[Model], found: pages.Page[Any]) -> answers.Page[Model]:
    rows = _models(model, found.rows)
    return answers.Page[model](**at.fresh, rows=rows, next=found.next)  # type: ignore[valid-type]
