"""Answers as JSON, errors included: `{"code": …, "message": …}`."""

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

_CODES = {404: "not_found", 405: "method_not_allowed"}


class Denied(Exception):
    """A query that is not answered: 400 if it can't be understood, 401 without a valid credential,
    403 without permission.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def answer(content: object) -> Response:
    """A 200 with JSON, which nobody may keep: it is out of date at once."""
    return _json(content, 200, {"Cache-Control": "no-store"})


async def denied(_request: Request, error: Exception) -> Response:
    """Answer what is not answered."""
    assert isinstance(error, Denied)  # noqa: S101 - Starlette's signature is wider
    headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
    return _json({"code": error.code, "message": error.message}, error.status, headers)


async def http_error(_request: Request, error: Exception) -> Response:
    """Answer what Starlette found to be wrong, or a page did not find."""
    assert isinstance(error, HTTPException)  # noqa: S101 - Starlette's signature is wider
    body = {"code": _CODES.get(error.status_code, "error"), "message": error.detail}
    return _json(body, error.status_code, dict(error.headers or {}))


async def failure(_request: Request, _error: Exception) -> Response:
    """Answer after a bug of ours, which goes to the log."""
    return _json({"code": "error", "message": "internal server error"}, 500, {})


def _json(content: object, status: int, headers: dict[str, str]) -> Response:
    return Response(orjson.dumps(content), status, headers, "application/json")
