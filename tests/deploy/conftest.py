"""The real server, and each of Debian's proxies in front of it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from typing import Any, Final

import pytest

from tests.deploy.proxies import KINDS, Pair, Proxy
from tests.deploy.wss import Client
from tests.support.certificates import Authority
from tests.support.server import Server, address, token

ROOMS: Final = count()
MOST: Final = 8
"""Connections from one address."""

Start = Callable[..., Proxy]
Open = Callable[..., Client]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def pair(authority: Authority) -> Pair:
    return authority.issue()


@pytest.fixture(scope="module")
def one_server() -> Iterator[Server]:
    flags = ("--trusted-proxies", "127.0.0.1", "--address-connections", str(MOST))
    with Server(*flags, "--ping-interval", "0.3") as server:
        yield server


@pytest.fixture
def server(one_server: Server) -> Server:
    """The server, with a room where nobody has been yet."""
    one_server.room = f"presence-{next(ROOMS)}"
    return one_server


@pytest.fixture(scope="module", params=KINDS, ids=[kind.__name__ for kind in KINDS])
def start(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    one_server: Server,
    pair: Pair,
) -> Iterator[Start]:
    """Starts one kind of proxy, as it is shipped or with short patience."""
    kind: type[Proxy] = request.param
    with ExitStack() as stack:

        def start_one(*, is_hasty: bool = False) -> Proxy:
            folder = tmp_path_factory.mktemp(kind.__name__)
            changes = kind.HASTY if is_hasty else {}
            return stack.enter_context(kind(folder, one_server, pair, changes))

        yield start_one


@pytest.fixture(scope="module")
def proxy(start: Start) -> Proxy:
    """As it is shipped."""
    return start()


@pytest.fixture(scope="module")
def hasty(start: Start) -> Proxy:
    """With short patience."""
    return start(is_hasty=True)


@pytest.fixture
def enter(server: Server, authority: Authority) -> Iterator[Open]:
    """Opens WebSockets through a proxy, to the test's room unless told otherwise."""
    with ExitStack() as stack:

        def enter_one(proxy: Proxy, user: str, **options: Any) -> Client:
            given = options.pop("token", None) or token(user, room="presence-*")
            target = address(server.room, token=given)
            client = Client(proxy.port, target, authority.ca, **options)
            stack.callback(client.close)
            return client

        yield enter_one
