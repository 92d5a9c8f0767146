"""Somebody else answers in place of the admin listener: one line says so, in bounded time."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from presence_server.commands import operator
from tests.commands.program import KEYS, call, complaint, on_terminal
from tests.support.peer import HOST

METRICS = '# TYPE presence_build_info gauge\npresence_build_info{version="1"} 1\n'
ONCE = ("top", "--once", "--interval", "0.1")
ROOM = {"room": "a", "members": 1, "connections": 1}
ENTRY = {"userId": "u", "userName": "U", "currentPath": "", "status": "", "role": "", "joinedAt": 0}
NO_ROOMS = (
    *("null", "[]", "1", "{}", '{"x":1}', '{"rooms":null}', '{"rooms":{}}', '{"rooms":"abc"}'),
    *('{"rooms":[null]}', '{"rooms":[{"room":1}]}', "[" * 100_000),
    *(json.dumps({"rooms": [ROOM | {"members": bad}]}) for bad in ("1", None, -1, float("nan"))),
)

Answer = Callable[[BaseHTTPRequestHandler], None]


def whole(body: str) -> Answer:
    """An answer that is this."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        request.wfile.write(body.encode())

    return answer


OURS = whole(METRICS)


def dripping(request: BaseHTTPRequestHandler) -> None:
    """An answer without an end, slowly."""
    request.send_response(200)
    request.end_headers()
    while True:
        request.wfile.write(b" ")
        time.sleep(0.05)


def pouring(request: BaseHTTPRequestHandler) -> None:
    """An answer without an end, fast."""
    request.send_response(200)
    request.end_headers()
    while True:
        request.wfile.write(b" " * 65_536)


@contextmanager
def stranger(v1: Answer, metrics: Answer = OURS) -> Iterator[str]:
    """A server that answers so; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.close_connection = True
            with suppress(OSError):  # it is hung up on
                (metrics if self.path == "/metrics" else v1)(self)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer((HOST, 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


# Another shape


@pytest.mark.parametrize("body", NO_ROOMS, ids=lambda body: body[:50])
def test_rooms_of_another_shape_are_no_rooms(body: str) -> None:
    with stranger(whole(body)) as url:
        for flags in ((), ("--json",)):
            line = complaint("rooms", *flags, "--url", url, code=1)
            assert f"{url} is no admin listener of a presence server (/v1/rooms answers" in line


@pytest.mark.parametrize(
    "bad", [{"userName": None}, {"joinedAt": 1e300}, {"joinedAt": 1 << 60}, {"following": {}}]
)
def test_so_are_members_and_places(bad: dict[str, object]) -> None:
    entry = ENTRY | bad
    place = {"room": "a", "connections": 1, "entry": {"joinedAt": "now"}}
    for body, flags in (({"users": [entry]}, ("a",)), ({"rooms": [place]}, ("--user", "u"))):
        with stranger(whole(json.dumps(body))) as url:
            assert "is no admin listener" in complaint("rooms", *flags, "--url", url, code=1)


@pytest.mark.parametrize("body", ['{"rooms":null}', '{"rooms":[1]}', '{"x":1}'])
def test_top_shows_the_figures_and_why_there_are_no_rooms(body: str) -> None:
    with stranger(whole(body)) as url:
        ran = call(*ONCE, "--url", url)
    assert (ran.code, ran.stderr) == (0, "")
    assert "is no admin listener of a presence server" in ran.stdout.splitlines()[-1]


def test_top_goes_on_and_q_still_quits_whatever_the_rooms_are() -> None:
    with (
        stranger(whole('{"rooms":[1]}')) as url,
        on_terminal("top", "--interval", "0.1", "--url", url, columns=160) as terminal,
    ):
        terminal.wait_for("is no admin listener")
        terminal.type(b"q")
        assert terminal.wait_for_end() == 0
        assert terminal.is_as_before()


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf", "1e308"])
def test_a_figure_that_is_no_number_is_left_out_and_json_stays_json(value: str) -> None:
    names = ("presence_connections", "process_open_fds", "process_start_time_seconds")
    counted = ('presence_connections_refused_total{reason="x"}', "presence_cut_slow_total")
    lines = "".join(f"{name} {value}\n" for name in (*names, *counted))
    unlabelled = "presence_closes_total 5\n"
    with stranger(whole('{"rooms":[]}'), whole(METRICS + lines + unlabelled)) as url:
        assert "connections  0" in call(*ONCE, "--url", url).stdout
        said = call(*ONCE, "--json", "--url", url).stdout
    found = json.loads(said, parse_constant=pytest.fail)
    assert (found["connections"], found["refusedTotal"]) == (0, {})


@pytest.mark.parametrize("labels", ['{foo="1"}', '{le="x"}', '{le="NaN"}', '{le="-Inf"}', ""])
def test_a_bucket_without_a_bound_is_of_no_presence_server(labels: str) -> None:
    bucket = f"presence_loop_lag_seconds_bucket{labels} 3\n"
    with stranger(whole('{"rooms":[]}'), whole(METRICS + bucket)) as url:
        assert "no metrics of a presence server" in complaint(*ONCE, "--url", url, code=1)


# Without an end


def test_an_answer_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operator, "WHOLE_S", 0.3)
    with stranger(dripping, dripping) as url:
        for command in (("rooms",), ONCE):
            line = complaint(*command, "--url", url, code=1)
            assert "does not answer in full within 0.3 s" in line


def test_an_answer_that_is_too_large_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operator, "LARGEST", 1 << 20)
    with stranger(pouring, pouring) as url:
        for command in (("rooms",), ONCE):
            assert "more than 1 MiB" in complaint(*command, "--url", url, code=1)


def test_a_hundred_thousand_rooms_are_not_too_large() -> None:
    rooms = [{"room": f"{n:0128}", "members": n, "connections": 10**6} for n in range(100_000)]
    with stranger(whole(json.dumps({"rooms": rooms}))) as url:
        ran = call("rooms", "--limit", "1", "--url", url, variables=KEYS)
    assert ran.rows[1:] == [[f"{99_999:0128}", "99999", "1000000"]]
