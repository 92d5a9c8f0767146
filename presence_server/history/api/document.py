"""What can be asked, as an OpenAPI document."""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from presence_server import __version__
from presence_server.history.api.errors import Problem
from presence_server.history.api.formats import TYPES

PATH: Final = "/v1/history/openapi.json"

DESCRIPTION: Final = """\
Who viewed what, how often, when. Times are UTC milliseconds, durations milliseconds, days UTC.

Send the admin key, or a token whose `scope` has `history.read`, as `Authorization: Bearer …`. A
token answers for its own rooms. To erase, to delete and to check it needs `history.admin`; without
`room` it has to be for all rooms (`*`).
"""

_PROBLEMS: Final = {
    400: ("A parameter is not what it has to be, or is given twice.", "bad_limit"),
    401: ("No credential, or none that is valid.", "token_missing"),
    403: ("The credential is not good for this.", "forbidden"),
    404: ("There is no such thing, or this server records no history.", "not_found"),
    503: ("Try again later, or ask for less.", "query_timeout"),
}

RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    status: {
        "model": Problem,
        "description": description,
        "content": {"application/json": {"example": {"code": code, "message": "…"}}},
    }
    for status, (description, code) in _PROBLEMS.items()
}
"""What every question may be answered with."""

EXPORTED: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The rows. If the connection ends without the end of the last chunk, "
        "some are missing.",
        "headers": {
            name: {"description": says, "schema": {"type": "integer"}, "required": is_needed}
            for name, says, is_needed in (
                ("History-As-Of", "everything that happened before this is in the answer", True),
                ("History-Lag-Ms", "how long before the answer that was", True),
                ("History-Rows", "about how many rows there are, where that is known", False),
            )
        },
        "content": {
            kind.partition(";")[0]: {"schema": {"type": "string"}} for kind in TYPES.values()
        },
    },
}


def describe(app: FastAPI) -> None:
    """Have the app's document be complete, and say nothing that isn't so."""

    def openapi() -> dict[str, Any]:
        if not app.openapi_schema:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign] # as FastAPI has it be extended


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title="History", version=__version__, description=DESCRIPTION, routes=app.routes
    )
    for path in document["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422", None)  # FastAPI's own: ours is 400
    components = document["components"]
    for name in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(name, None)
    components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
    document["security"] = [{"bearer": []}]
    return document
