"""An admin listener with a history of its own, made of the models of the contract."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from presence_server.history.api import answers
from presence_server.history.api.answers import Answer
from tests.support.peer import HOST

NOW: Final = 1_795_305_600_000
"""2026-11-22T00:00:00Z: when it answers."""
MINUTE: Final = 60_000
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
ROOM: Final = "presence-acme"
PSEUDONYM: Final = "3f9a" * 16
FORMULA: Final = "=cmd|'/c calc'!A1"
WRONG: Final = "presence-wrong"
"""A room whose statistics are wrong."""
ASKED: Final[Mapping[str, int]] = {"asOf": NOW - 400, "lagMs": 400}

Parameters = dict[str, str]
Row = dict[str, Any]
Question = Callable[[Parameters], Answer | str]
"""Says an answer, or something that is none."""


def counts(views: int) -> Row:
    """How often and how long."""
    return {
        "views": views,
        "opens": views + 2,
        "activeMs": views * 4 * MINUTE,
        "firstAt": NOW - DAY,
        "lastAt": NOW - 3 * MINUTE,
    }


def resource(kind: str, ref: str, views: int, uniques: int) -> Row:
    """A resource's totals."""
    return {"type": kind, "id": ref, "uniques": uniques, "trend": views / 3, **counts(views)}


def who(user: str | None, *, guest: bool = False) -> Row:
    """A user; without an id one who was erased."""
    return {"userId": user, "isGuest": guest}


def viewer(user: str | None, views: int, *, guest: bool = False, looking: bool = False) -> Row:
    """What a user did."""
    return {**who(user, guest=guest), **counts(views), "isLooking": looking}


def view(user: str | None, began: int, *, guest: bool = False, **more: Any) -> Row:
    """A viewing, which began so long ago and lasted four minutes."""
    times = {"beganAt": NOW - began, "endedAt": NOW - began + 4 * MINUTE, "endedBy": "left"}
    of = {"opens": 2, "activeMs": 4 * MINUTE, "type": "document", "id": "d-1", "version": "v2"}
    return {**who(user, guest=guest), **times, **of, **more}


def session(number: int) -> Row:
    """A session that is over."""
    times = {"openedAt": NOW - number * DAY, "lastAt": NOW - HOUR}
    end = {"emptySince": NOW - HOUR, "closedAt": NOW - HOUR}
    figures = {"users": 3, "joins": 5, "members": 0, "peak": 2, "views": 7}
    return {"session": number, **times, **end, **figures}


def line(what: str, minutes: int, user: str | None = None, **more: Any) -> Row:
    """A line of the trail, so many minutes old."""
    at = {"at": NOW - minutes * MINUTE, "what": what}
    return {**at, **who(user), "detail": None, "session": 7, **more}


VIEWERS: Final = [
    viewer("ann", 12, looking=True),
    viewer(PSEUDONYM, 3, guest=True),
    viewer(None, 1),
    viewer(FORMULA, 1),
    viewer("李小龍" * 10, 1_234),
]
RESOURCES: Final = [
    resource("document", "d-1", 1_234, 56),
    resource("document", "a-rather-long-id-of-a-document-" * 2, 120, 7),
    resource("board", "b-1", 3, 2),
]
VIEWS: Final = [
    view("ann", 2 * MINUTE, endedAt=None, endedBy=None),
    view(PSEUDONYM, HOUR, guest=True, version=None),
    view(None, DAY, endedBy="erased"),
]
TRAIL: Final = [
    line("closed", 60),
    line("left", 60, "ann", detail="server_lost"),
    line("refused", 70, "mallory", detail="token_expired"),
    line("removed", 75, "bob"),
    line("joined", 80, PSEUDONYM, isGuest=True, detail="viewer"),
    line("joined", 90, "ann", detail="operator"),
    line("opened", 90),
]
PARTICIPANTS: Final[list[Row]] = [
    {
        **who("ann"),
        "role": "operator",
        "joinedAt": NOW - 90 * MINUTE,
        "leftAt": NOW - HOUR,
        "leftBecause": "server_lost",
        "joins": 3,
        "presentMs": 29 * MINUTE,
    },
    {
        **who(PSEUDONYM, guest=True),
        "role": "viewer",
        "joinedAt": NOW - 80 * MINUTE,
        "leftAt": None,
        "leftBecause": None,
        "joins": 1,
        "presentMs": 0,
    },
]


class Refusal(Exception):
    """An answer that is none."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"code": code, "message": message}


def page(row: type[Answer], rows: list[Row]) -> Question:
    """Pages; a cursor is where to go on."""

    def answer(given: Parameters) -> Answer:
        begin = int(given.get("cursor", "0"))
        end = begin + int(given["limit"])
        follows = str(end) if end < len(rows) else None
        model = answers.Page[row]  # type: ignore[valid-type] # it is made here
        return model.model_validate({"rows": rows[begin:end], "next": follows, **ASKED})

    return answer


def _one(model: type[Answer], says: Callable[[Parameters], Row]) -> Question:
    return lambda given: model.model_validate({**says(given), **ASKED})


def _top(given: Parameters) -> Row:
    days = int(given["days"]) if "days" in given else None
    rows = RESOURCES[: int(given["limit"])]
    return {"by": given["by"], "days": days, "rows": rows, "isExact": False}


def _days(given: Parameters) -> Row:
    ago = range(int(given.get("days", "7")) - 1, -1, -1)
    return {
        "rows": [
            {
                "day": f"2026-11-{22 - day:02}",
                "views": day * 37 % 100,
                "opens": day * 37 % 100 + 5,
                "uniques": day,
                "activeMs": day * HOUR,
            }
            for day in ago
        ]
    }


def _resource(given: Parameters) -> Row:
    found = next((one for one in RESOURCES if one["id"] == given["id"]), None)
    if found is None:
        raise Refusal(404, "not_found", "history knows no such resource")
    versions = [{"version": name, "uniques": 4, **counts(9)} for name in ("v2", None)]
    return {**found, "versions": versions, "isExact": True}


def _seen(given: Parameters) -> Row:
    versions = [{"version": "v2", **counts(9)}] if given["user"] == "ann" else []
    user = who(given["user"], guest=given.get("guest") == "true")
    return {**user, "seen": bool(versions), "versions": versions}


def _checked(given: Parameters) -> Row:
    wrong = {
        "table": "viewers",
        "row": "room 1, resource 2, user 3",
        "column": "views",
        "stored": 3,
        "counted": 4,
    }
    is_wrong = given.get("room") == WRONG
    return {"rowsChecked": 12_345, "differences": [wrong] if is_wrong else []}


_ERASED: Final = _one(answers.Erased, lambda given: {"erased": 2 * (given.get("user") != "nobody")})
QUESTIONS: Final[dict[str, Question]] = {
    "GET top": _one(answers.Top, _top),
    "GET days": _one(answers.Days, _days),
    "GET resource": _one(answers.ResourceStatistics, _resource),
    "GET viewers": page(answers.Viewer, VIEWERS),
    "GET seen": _one(answers.Seen, _seen),
    "GET views": page(answers.View, VIEWS),
    "GET sessions": page(answers.Session, [session(7), session(6)]),
    "GET session": _one(answers.OneSession, lambda given: session(int(given["session"]))),
    "GET participants": page(answers.Participant, PARTICIPANTS),
    "GET activity": page(answers.Activity, TRAIL),
    "GET check": _one(answers.Checked, _checked),
    "DELETE user": _ERASED,
    "DELETE resource": _ERASED,
}

CSV: Final = (b"userId,isGu", b"est\r\nann,false\r\nbo", b"b,false\r\nli,true\r\n")
NDJSON: Final = tuple(b'{"userId":"%s"}\n' % user for user in (b"ann", b"bob", b"li"))
Export = Callable[[Callable[[bytes], None], Parameters], None]


class History:
    """Where it is, what it was asked, and what it answers otherwise than usual."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[tuple[str, Parameters]] = []
        self.questions: dict[str, Question] = dict(QUESTIONS)
        self.export: Export | None = three_rows

    def last(self) -> tuple[str, Parameters]:
        """What it was asked last."""
        return self.asked[-1]


def three_rows(write: Callable[[bytes], None], given: Parameters) -> None:
    """An export, in pieces that end anywhere."""
    for piece in CSV if given["format"] == "csv" else NDJSON:
        write(piece)


@contextmanager
def history() -> Iterator[History]:
    """A listener that answers."""
    served = History()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            given = dict(parse_qsl(parts.query, keep_blank_values=True))
            question = parts.path.removeprefix("/v1/history/")
            served.asked.append((f"{self.command} {question}", given))
            with suppress(OSError):  # it is hung up on, or hangs up
                if question.startswith("export/") and served.export is not None:
                    self._stream(given)
                else:
                    self._answer(f"{self.command} {question}", given)

        do_DELETE = do_GET  # noqa: N815 - the name is the library's

        def _answer(self, question: str, given: Parameters) -> None:
            status, body = 200, ""
            try:
                found = served.questions[question](given)
                body = found if isinstance(found, str) else found.model_dump_json(by_alias=True)
            except Refusal as refusal:
                status, body = refusal.status, json.dumps(refusal.body)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body.encode())))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body.encode())

        def _stream(self, given: Parameters) -> None:
            kind = {"csv": "text/csv; charset=utf-8", "ndjson": "application/x-ndjson"}
            self.send_response(200)
            self.send_header("Content-Type", kind[given["format"]])
            self.send_header("History-Rows", "3")
            self.send_header("Transfer-Encoding", "chunked")
            self.send_header("Connection", "close")
            self.end_headers()

            def write(piece: bytes) -> None:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))

            assert served.export is not None
            served.export(write, given)
            self.wfile.write(b"0\r\n\r\n")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer((HOST, 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        served.url = f"http://{HOST}:{server.server_port}"
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
