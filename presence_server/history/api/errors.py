"""What is not answered, and how that is said: `{"code", "message"}`, as everywhere."""

import logging
import sqlite3
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnection
from starlette.exceptions import HTTPException

from presence_server.history.api.parameters import SENTENCES
from presence_server.history.read.limits import QueryTimeout
from presence_server.history.read.pages import BadCursor
from presence_server.history.store.troubles import classify

RETRY_S: Final = 2

_LOG: Final = logging.getLogger("presence_server")
_CODES: Final = {404: "not_found", 405: "method_not_allowed"}
_SAID: Final = {404: "there is no such question", 405: "this question is asked in another way"}


class Problem(BaseModel):
    """Why a question is not answered."""

    model_config = ConfigDict(extra="forbid")

    code: str = Field(description="for programs", examples=["bad_limit"])
    message: str = Field(description="for people", examples=["a limit is a number from 1 to 1,000"])


class Refused(Exception):
    """A question that is not answered."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def bad(name: str, message: str | None = None) -> Refused:
    """A parameter is not what it has to be."""
    return Refused(400, f"bad_{name}", message or SENTENCES[name])


def not_found(what: str) -> Refused:
    """History knows of no such thing."""
    return Refused(404, "not_found", f"history knows no such {what}")


def busy() -> Refused:
    """Too many ask at once."""
    return Refused(503, "busy", "too many questions at once: try again")


def unavailable() -> Refused:
    """The database does not do what it should."""
    return Refused(503, "history_unavailable", "the database does not answer: try later")


def install(app: FastAPI) -> None:
    """Have `app` say so."""
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(BadCursor, _bad_cursor)
    app.add_exception_handler(QueryTimeout, _timeout)
    for error in (DBAPIError, NoConnection, sqlite3.Error):
        app.add_exception_handler(error, _database)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _failure)


def _said(status: int, code: str, message: str, headers: Any = None) -> JSONResponse:
    retry = {"Retry-After": str(RETRY_S)} if status == 503 else {}
    return JSONResponse({"code": code, "message": message}, status, {**retry, **(headers or {})})


def _say(refused: Refused) -> JSONResponse:
    return _said(refused.status, refused.code, refused.message)


async def _refused(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refused)  # noqa: S101 - Starlette's signature is wider
    return _say(error)


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    """The first parameter that is wrong, in a sentence: never what was given."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
    name = str(error.errors()[0]["loc"][-1])
    return _said(400, f"bad_{name}", SENTENCES[name])


async def _bad_cursor(_request: Request, _error: Exception) -> JSONResponse:
    return _said(400, "bad_cursor", SENTENCES["cursor"])


async def _timeout(_request: Request, _error: Exception) -> JSONResponse:
    return _said(503, "query_timeout", "that took too long: ask for less")


async def _database(_request: Request, error: Exception) -> JSONResponse:
    # Its text may hold what was asked for.
    _LOG.warning("history: a question failed", extra={"trouble": classify(error)})
    return _say(unavailable())


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - as above
    if error.status_code == 405:  # Starlette tells of one route, where there may be two
        error.headers = {"Allow": ", ".join(sorted(_methods(request)))}
    code = _CODES.get(error.status_code, "error")
    message = _SAID.get(error.status_code, error.detail)
    return _said(error.status_code, code, message, error.headers)


def _methods(request: Request) -> set[str]:
    path = request.scope["path"]
    paths: dict[str, dict[str, object]] = request.app.openapi()["paths"]
    return {method.upper() for method in paths.get(path, {})}


async def _failure(_request: Request, _error: Exception) -> JSONResponse:
    """After a bug of ours, which goes to the log."""
    return _said(500, "error", "internal server error")
