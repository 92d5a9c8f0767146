"""A generator, and a scripted server for it."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from tests.bench.generator import Generator, generating
from tests.bench.machine import two_cores
from tests.bench.scripted import Room
from tests.bench.tokens import write_connections

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        yield server


@pytest.fixture
def generator(listener: socket.socket, tmp_path: Path) -> Iterator[Generator]:
    write_connections(tmp_path / "list", rooms=1, members=2)
    port, core = listener.getsockname()[1], two_cores()[1]
    with generating(port, tmp_path / "list", core, patience_s=1) as running:
        yield running


@pytest.fixture
def room(listener: socket.socket, generator: Generator) -> Iterator[Room]:
    scripted = Room(listener, generator)
    yield scripted
    scripted.first.socket.close()
    scripted.second.socket.close()
