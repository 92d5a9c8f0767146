"""Who may ask history what, before it is asked: the application in memory."""

import json
import re
import time
from functools import cache
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response

from presence_server.admin.app import create_app
from presence_server.admin.history import DOCUMENT
from presence_server.core.claims import Claims, Expected, read_claims
from presence_server.core.errors import TokenRefused
from presence_server.history.api.app import create_api
from tests.admin.test_access import ports

KEY = "the admin key"
ROOM = "presence-acme"
PREFIX = "/v1/history/"


@cache
def questions() -> list[tuple[str, str]]:
    """Method and path of all, as their document names them."""
    unused: Any = None
    paths = create_api(unused, unused, lambda: 0).openapi()["paths"]
    return [(method.upper(), path) for path in sorted(paths) for method in paths[path]]


CHANGES = {("DELETE", f"{PREFIX}user"), ("DELETE", f"{PREFIX}resource"), ("GET", f"{PREFIX}check")}
OF_ALL_ROOMS = {("DELETE", f"{PREFIX}user"), ("GET", f"{PREFIX}check")}

TOKENS: dict[str, dict[str, Any]] = {
    "reads": {"scope": "history.read"},
    "reads as a viewer": {"scope": ["history.read"], "role": "viewer"},
    "reads by pattern": {"scope": "other history.read", "room": "presence-*"},
    "reads elsewhere": {"scope": "history.read", "room": "presence-other"},
    "administers": {"scope": "history.admin"},
    "administers elsewhere": {"scope": "history.admin", "room": "presence-acme-2"},
    "administers all": {"scope": "history.admin", "room": "*"},
    "administers a prefix": {"scope": "history.admin", "room": "presence-*"},
    "an operator": {"role": "operator", "room": "*"},
    "like a scope": {"scope": "history.reader xhistory.read HISTORY.READ history.*"},
    "removed": {"sub": "removed", "scope": "history.admin", "room": "*"},
    "expired": {"scope": "history.admin", "exp": 1},
}


async def verify(token: str) -> Claims:
    """The claims of a token, which is called by what it can do."""
    if token not in TOKENS:
        raise TokenRefused("token_invalid")
    payload = {"sub": "ann", "room": ROOM, "exp": int(time.time()) + 60, **TOKENS[token]}
    return read_claims(payload, time.time(), Expected())


def refuses(_room: str, user: str, _issued_at: float | None) -> bool:
    """Whether somebody was removed."""
    return user == "removed"


async def echo(method: str, path: str, query: str) -> Response:
    """Answers what it was asked."""
    return PlainTextResponse(f"{method} {path}?{query}")


def app(*, is_on: bool = True) -> Starlette:
    """The admin listener's application."""
    unused: Any = None
    handed = ports(unused)._replace(verify=verify, refuses=refuses, history=echo if is_on else None)
    return create_app(handed, lambda: KEY)


APP = app()


async def ask(
    method: str,
    path: str,
    bearer: str | None = KEY,
    app: Starlette = APP,
    tag: str = "",
) -> httpx.Response:
    """What a request is answered; the path is sent as it is."""
    credential = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://admin.test") as client:
        return await client.request(method, path, headers={**credential, "If-None-Match": tag})


async def refusal(method: str, path: str, bearer: str | None = KEY) -> tuple[int, str] | None:
    """Why a question is not passed on; None if it is."""
    answer = await ask(method, path, bearer)
    if answer.status_code == 200:
        assert answer.text == f"{method} {path}" if "?" in path else f"{method} {path}?"
        return None
    assert answer.json()["message"]
    return answer.status_code, answer.json()["code"]


FORBIDDEN = (403, "forbidden")


def expected(who: str | None, asked: tuple[str, str]) -> tuple[int, str] | None:
    """What a question about `ROOM` is answered."""
    match who:
        case None:
            return 401, "token_missing"
        case "nonsense":
            return 401, "token_invalid"
        case "expired":
            return 401, "token_expired"
        case "removed":
            return 403, "removed"
        case "reads" | "reads as a viewer" | "reads by pattern":
            return FORBIDDEN if asked in CHANGES else None
        case "an operator" | "like a scope" | "reads elsewhere" | "administers elsewhere":
            return FORBIDDEN
    return None


def test_the_document_names_every_question() -> None:
    assert len(questions()) == 21
    assert set(questions()) > CHANGES


@pytest.mark.parametrize("who", [KEY, None, "nonsense", *TOKENS])
async def test_each_credential_opens_its_own_questions(who: str | None) -> None:
    for method, path in questions():
        found = await refusal(method, f"{path}?room={ROOM}", who)
        assert found == expected(who, (method, path)), (who, method, path)


@pytest.mark.parametrize("who", [KEY, *TOKENS])
async def test_only_one_who_may_ask_of_every_room_need_not_name_one(who: str) -> None:
    for method, path in questions():
        found = await refusal(method, path, who)
        if expected(who, (method, path)) is not None and who != "an operator":
            assert found is not None
        elif (method, path) in OF_ALL_ROOMS:
            assert found == (None if who in (KEY, "administers all") else FORBIDDEN), (who, path)
        else:
            assert found == (FORBIDDEN if who == "an operator" else (400, "bad_room"))


@pytest.mark.parametrize("room", ["", "a%20b", "a%2Fb", "%ff", "*", "presence-*", "a" * 129])
async def test_a_room_that_can_be_none_is_none(room: str) -> None:
    answer = await ask("GET", f"{PREFIX}top?room={room}", "administers all")
    assert answer.status_code == 400
    assert answer.json()["code"] in ("bad_room", "bad_query")


async def test_another_room_behind_the_first_is_not_overlooked() -> None:
    twice = f"{PREFIX}top?room={ROOM}&room=presence-other"
    assert await refusal("GET", twice, "reads") == (400, "bad_query")
    hidden = f"{PREFIX}top?room={ROOM}&%72oom=presence-other"
    assert await refusal("GET", hidden, "reads") == (400, "bad_query")
    many = "&".join(f"p{number}=1" for number in range(17))
    assert await refusal("GET", f"{PREFIX}top?room={ROOM}&{many}") == (400, "bad_query")


async def test_what_is_asked_is_passed_on_as_it_was_understood() -> None:
    answer = await ask("GET", f"{PREFIX}views?user=%41+b%26%3D%23&room={ROOM}&version=", "reads")
    assert answer.text == f"GET {PREFIX}views?user=A+b%26%3D%23&room={ROOM}&version="


@pytest.mark.parametrize(
    "path",
    ["%63heck", "check/", "//check", "Check", "a/b/c", "", "top%3Fx", "openapi_json"],
)
async def test_a_path_that_others_could_read_differently_is_none(path: str) -> None:
    transport = httpx.ASGITransport(APP)
    # As bytes: the client would tidy it up.
    url = httpx.URL("http://admin.test").copy_with(raw_path=f"{PREFIX}{path}?room={ROOM}".encode())
    request = httpx.Request("GET", url, headers={"Authorization": "Bearer reads"})
    answer = await transport.handle_async_request(request)
    assert answer.status_code == 404, path


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "FOO"])
async def test_any_other_method_is_for_admins_at_most(method: str) -> None:
    assert (await ask(method, f"{PREFIX}top?room={ROOM}", "reads")).status_code == 403
    assert (await ask(method, f"{PREFIX}top?room={ROOM}", "administers")).status_code == 200


async def test_without_history_nobody_is_told_anything() -> None:
    off = app(is_on=False)
    for method, path in questions():
        assert (await ask(method, f"{path}?room={ROOM}", None, off)).status_code == 401
        answer = await ask(method, f"{path}?room={ROOM}", KEY, off)
        assert (answer.status_code, answer.json()["code"]) == (404, "history_off")
    assert (await ask("GET", DOCUMENT, None, off)).json()["code"] == "history_off"
    assert (await ask("GET", "/history", None, off)).status_code == 404


async def test_the_document_is_for_everybody_and_passes_nothing_else_on() -> None:
    answer = await ask("GET", f"{DOCUMENT}?room={ROOM}", None)
    assert answer.text == f"GET {DOCUMENT}?"


async def test_the_page_is_served_with_a_policy_that_lets_in_no_other_script() -> None:
    page = await ask("GET", "/history", None)
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert page.headers["x-content-type-options"] == "nosniff"
    found = re.findall(r"(?:src|href)=\"(history/[^\"]+)\"", page.text)
    assert found
    for path in found:
        assert (await ask("GET", f"/{path}", None)).status_code == 200, path


async def test_a_page_that_is_known_is_not_sent_again() -> None:
    tag = (await ask("GET", "/history", None)).headers["etag"]
    again = await ask("GET", "/history", None, tag=tag)
    assert (again.status_code, again.content) == (304, b"")
    other = await ask("GET", "/history", None, tag='"another"')
    assert other.status_code == 200


async def test_the_pages_reach_no_other_file() -> None:
    for path in ("/history/", "/history/..%2F__init__.py", "/history/__init__.py", "/history/x.js"):
        answer = await ask("GET", path, None)
        assert answer.status_code == 404
        assert json.loads(answer.content)["code"] == "not_found"
