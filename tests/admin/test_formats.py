"""Metrics in the format that is asked for."""

import http.client
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from tests.support.peer import HOST, SOON_S, pump
from tests.support.server import ADMIN_KEY, ROOM, Answer, Server, eventually, get

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as server:
        ann, bob = server.enter("ann"), server.enter("bob")
        ann.update("/here")
        ann.send("no JSON")
        pump([ann, bob], lambda: bob.sees("ann", "/here") and ann.errors())
        get(server.admin_port, f"/v1/rooms/{ROOM}", ADMIN_KEY, method="DELETE")
        pump([ann, bob], lambda: ann.is_gone and bob.is_gone)
        eventually(lambda: server.metric("presence_connections") == 0)
        yield server


def scrape(server: Server, *accept: str) -> Answer:
    """The metrics, with these `Accept` headers."""
    connection = http.client.HTTPConnection(HOST, server.admin_port, timeout=SOON_S)
    try:
        connection.putrequest("GET", "/metrics")
        for value in accept:
            connection.putheader("Accept", value)
        connection.endheaders()
        response = connection.getresponse()
        return Answer(response.status, dict(response.headers), response.read())
    finally:
        connection.close()


def samples(families: Any) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """The value of every series of ours that does not move while nobody is there."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
        if family.name.startswith("presence_") and "lag" not in family.name
    }


@pytest.mark.parametrize(
    "accept",
    [
        ["application/openmetrics-text"],
        ["application/openmetrics-text; version=1.0.0"],
        ["Application/OpenMetrics-Text;VERSION=1.0.0; charset=utf-8"],
        [PROMETHEUS_2],
        [PROMETHEUS_3],
        ["text/html", "application/openmetrics-text"],
    ],
)
def test_openmetrics_is_served_to_who_accepts_it(server: Server, accept: list[str]) -> None:
    answer = scrape(server, *accept)
    assert answer.status == 200
    assert answer.headers["content-type"] == OPENMETRICS
    assert answer.headers["vary"] == "Accept"
    assert answer.body.endswith(b"# EOF\n")


@pytest.mark.parametrize(
    "accept",
    [
        [],
        ["*/*"],
        ["text/plain"],
        ["text/plain;version=0.0.4"],
        ["application/openmetrics-text;version=2.0.0"],
        ["application/openmetrics-text;version=abc;;=;q"],
        ["application/openmetrics-text;version="],
        [",;=,"],
    ],
)
def test_everybody_else_gets_the_text_format(server: Server, accept: list[str]) -> None:
    answer = scrape(server, *accept)
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/plain; version=1.0.0; charset=utf-8"
    assert b"# EOF" not in answer.body


def test_both_formats_are_valid_and_say_the_same(server: Server) -> None:
    text = scrape(server).body.decode()
    openmetrics = scrape(server, "application/openmetrics-text").body.decode()
    told = samples(read_openmetrics(openmetrics))  # type: ignore[no-untyped-call] # its own
    assert told == samples(read_text(text))
    assert told["presence_messages_received_total", (("type", "presence_update"),)] == 1
    assert told["presence_received_bytes_total", ()] > 0
    assert told["presence_fanout_frames_bucket", (("le", "1.0"),)] > 0
    assert told["presence_errors_total", (("code", "invalid_json"),)] == 1
    assert told["presence_removals_total", (("kind", "room"),)] == 1
