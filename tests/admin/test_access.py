"""Who gets in while keys change, and what is said when we fail: the application in memory."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from presence_server.admin.app import create_app
from presence_server.admin.ports import Ports
from presence_server.app import App
from presence_server.core.claims import Claims, Expected, read_claims
from presence_server.core.errors import KeyUnknown, TokenRefused
from presence_server.settings import Settings
from tests.support.world import SECRET, World

OOPS = "internal server error"


async def no_token(_token: str) -> Claims:
    raise TokenRefused("token_invalid")


def ports(rooms: Any) -> Ports:
    """What the listener is handed, with no valid token at all."""
    return Ports(
        rooms=rooms,
        verify=no_token,
        refuses=lambda *_: False,
        registry=CollectorRegistry(),
        count_removal=lambda _kind: None,
        not_ready=lambda: None,
    )


async def status(app: Starlette, key: str) -> tuple[int, Any]:
    """What a query is answered in memory."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://admin.test") as client:
        answer = await client.get("/v1/rooms", headers={"Authorization": f"Bearer {key}"})
    return answer.status_code, answer.json()


async def test_a_bug_is_answered_in_json_and_without_details() -> None:
    broken: Any = None  # rooms that can't be listed
    app = create_app(ports(broken), lambda: "the key")
    assert await status(app, "the key") == (500, {"code": "error", "message": OOPS})


async def test_another_admin_key_counts_from_the_next_query_on() -> None:
    keys: list[str | None] = ["the first key"]
    app = create_app(ports(World().gateway.rooms), lambda: keys[-1])
    assert await status(app, "the first key") == (200, {"rooms": []})
    keys.append("the other key")
    assert (await status(app, "the first key"))[0] == 401
    assert (await status(app, "the other key"))[0] == 200
    keys.append(None)
    assert (await status(app, "the other key"))[0] == 401
    assert (await status(app, "None"))[0] == 401
    keys.append("")
    assert (await status(app, "the other key"))[0] == 401


class SlowKeys:
    """Keys of which the one that is asked for has to be fetched, or can't be had."""

    def __init__(self, *, can_be_had: bool) -> None:
        self.can_be_had = can_be_had
        self.is_here = False

    def verify(self, _token: str, now_s: float) -> Claims:
        """The claims, once the key is here."""
        if not self.is_here:
            raise KeyUnknown("new")
        return read_claims({"sub": "op", "room": "*", "exp": int(now_s) + 60}, now_s, Expected())

    def learn(self, unknown: KeyUnknown, then: Callable[[], object]) -> None:
        """Settle it at once."""
        assert unknown.kid == "new"
        self.is_here = self.can_be_had
        then()


def listener(keys: SlowKeys) -> App:
    """A server with such keys, which is not started."""
    app = App(Settings.model_validate({"jwt_secret": SECRET}))
    keyring: Any = SimpleNamespace(verifier=keys)
    app._keyring = keyring
    return app


async def test_an_operators_token_waits_for_its_key_too() -> None:
    claims = await listener(SlowKeys(can_be_had=True))._verify("a token")
    assert claims.identity.user_id == "op"


async def test_a_key_that_can_not_be_had_is_a_token_that_is_invalid() -> None:
    with pytest.raises(TokenRefused, match="token_invalid"):
        await listener(SlowKeys(can_be_had=False))._verify("a token")
