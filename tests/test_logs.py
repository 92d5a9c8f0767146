"""What is logged, and how: the shape of a line, lines alike, a reader that does not read, and what
must never be in it.
"""

import ast
import asyncio
import contextlib
import json
import logging
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import uvloop

from presence_server.logs import Log, crashes
from presence_server.logs.lines import JsonLines, TextLines, entry
from presence_server.logs.outlet import MAX_WAITING, UNTHROTTLED, Kind, Outlet
from presence_server.logs.throttle import Throttle
from presence_server.metrics import Metrics
from presence_server.settings import Settings
from tests.support.peer import SOON_S, pump
from tests.support.server import ADMIN_KEY, SECRET, Server, eventually

PACKAGE = Path(__file__).parents[1] / "presence_server"
OURS = "presence_server"
NOON = 1_795_521_600.1239


def record(message: str, logger: str = OURS, **attributes: Any) -> logging.LogRecord:
    """A record of this moment or another."""
    fields = {"name": logger, "levelno": logging.INFO, "levelname": "INFO", "created": NOON}
    return logging.makeLogRecord({**fields, "msg": message, **attributes})


def raised(error: BaseException) -> Any:
    """The exception as a record has it."""
    try:
        raise error
    except type(error) as caught:
        return type(caught), caught, caught.__traceback__


# Lines


def test_a_line_for_people_has_its_time_level_sentence_and_fields() -> None:
    fields: dict[str, Any] = {
        "room": "presence-acme",
        "code": 4401,
        "observe": False,
        "nothing": None,
    }
    line = TextLines().format(record("connection refused", **fields))
    assert line == (
        "2026-11-24T12:00:00.123Z info    connection refused  "
        "room=presence-acme code=4401 observe=false"
    )


def test_a_line_for_programs_is_one_json_object() -> None:
    fields: dict[str, Any] = {
        "room": "presence-acme",
        "seconds": 1.5,
        "observe": False,
        "nothing": None,
    }
    line = JsonLines().format(record("connection ended", **fields))
    assert json.loads(line) == {
        "time": "2026-11-24T12:00:00.123Z",
        "level": "info",
        "message": "connection ended",
        "room": "presence-acme",
        "seconds": 1.5,
        "observe": False,
    }


@pytest.mark.parametrize(
    "value",
    [
        "",
        "a b",
        'a" code=1 "',
        "a=b",
        "a\\",
        "ann\n2026-11-24T12:00:00.123Z info    forged",
        "\x1b[2J\x07\x7f\x85\x9b",
        "\u202eright to left\u2028",
        "ünïcode",
        "lone \udcff surrogate",
    ],
)
@pytest.mark.parametrize("formatter", [TextLines(), JsonLines()])
def test_no_value_can_forge_a_line_a_field_or_a_colour(
    value: str, formatter: logging.Formatter
) -> None:
    line = formatter.format(record("said", user=value, code=1))
    if isinstance(formatter, TextLines):
        found = re.fullmatch(r'.* said  user=("(?:[^"\\]|\\.)*") code=1', line)
        assert found
        assert line.isprintable()
        told = json.loads(found[1])
    else:
        told = json.loads(line)["user"]
    assert "\n" not in line
    assert told == value.replace("\udcff", "\\udcff")


def test_of_a_library_only_the_sentence_is_shown() -> None:
    said = record("request %s\nfuture: canary", "uvicorn.error", args=("/canary?token=x",))
    assert TextLines().format(said).endswith(" info    request %s  logger=uvicorn.error")
    assert "canary" not in JsonLines().format(said)


def test_a_traceback_says_where_but_not_what_a_client_sent() -> None:
    words = "can" + "ary"  # so that no line of this file shows it
    error = ValueError(words)
    error.add_note(words)
    error.__cause__ = raised(KeyError(words))[1]
    said = record("failed", exc_info=raised(error))
    for formatter in (TextLines(), JsonLines()):
        line = formatter.format(said)
        assert words not in line
        assert "test_logs.py" in line
        assert "which led to:" in line
    first, *rest = TextLines().format(said).split("\n")
    assert first.endswith("failed")
    assert rest[-1] == "    ValueError"
    assert all(line.startswith("    ") for line in rest)
    assert json.loads(JsonLines().format(said))["exception"].endswith("\nValueError")


@pytest.mark.parametrize(
    ("error", "last"),
    [
        (OSError(28, "No space left on device"), "OSError: [Errno 28] No space left on device"),
        (AttributeError("no attribute\nx"), "AttributeError: no attribute x"),
        (UnicodeDecodeError("utf-8", b"secret", 0, 1, "bad"), "UnicodeDecodeError"),
        (json.JSONDecodeError("secret", "secret", 0), "json.decoder.JSONDecodeError"),
        (ExceptionGroup("secret", [KeyError("secret")]), "KeyError"),
    ],
)
def test_an_exception_speaks_if_it_speaks_of_code_or_system(error: Exception, last: str) -> None:
    shown = entry(record("failed", exc_info=raised(error)))["exception"]
    assert shown.split("\n")[-1] == last
    assert "secret" not in "".join(line for line in shown.split("\n") if "Error" in line[:30])


def test_an_exception_that_comes_from_itself_is_shown_all_the_same() -> None:
    error = ValueError()
    error.__cause__ = OSError("first")
    error.__cause__.__cause__ = error
    assert "OSError: first" in entry(record("failed", exc_info=raised(error)))["exception"]


# Lines alike


def test_of_lines_alike_the_first_are_written_and_the_rest_is_counted() -> None:
    throttle = Throttle[str](2, 10)
    assert [throttle.admits("a", 100 + n) for n in range(4)] == [True, True, False, False]
    assert throttle.admits("b", 104)
    assert throttle.next_end() == 110
    assert throttle.ended(109) == []
    assert throttle.ended(110) == [("a", 2)]
    assert throttle.admits("a", 110), "a new window"


def test_a_window_that_held_nothing_back_ends_without_a_word() -> None:
    throttle = Throttle[str](2, 10)
    throttle.admits("a", 100)
    assert throttle.ended(110) == []
    assert throttle.next_end() == float("inf")


def test_what_comes_before_the_sum_was_told_belongs_to_it() -> None:
    throttle = Throttle[str](1, 10)
    assert [throttle.admits("a", at) for at in (100, 115)] == [True, False]
    assert throttle.ended(116) == [("a", 1)]


# The way out


class Pipe:
    """An outlet, and the end of the pipe that somebody reads or does not."""

    def __init__(self, formatter: logging.Formatter, throttle: Throttle[Kind]) -> None:
        self.reader, self._writer = os.pipe()
        os.set_blocking(self.reader, False)
        self.dropped = self.repeats = 0.0
        self.outlet = Outlet(self._writer, formatter, throttle, self._drop, self._repeat)
        self._read = b""

    def say(self, message: str, logger: str = OURS, **fields: object) -> None:
        """Log it."""
        self.outlet.handle(record(message, logger, **fields))

    def lines(self) -> list[str]:
        """What came so far."""
        with contextlib.suppress(OSError):
            self._read += os.read(self.reader, 65_536)
        return self._read.decode().splitlines()

    def close(self) -> None:
        """Let go of both ends: what waits to be written fails."""
        with contextlib.suppress(OSError):
            os.close(self.reader)
        self.outlet.close()
        os.close(self._writer)

    def _drop(self, count: float) -> None:
        self.dropped += count

    def _repeat(self, count: float) -> None:
        self.repeats += count


@pytest.fixture
def make_pipe() -> Iterator[Callable[..., Pipe]]:
    pipes: list[Pipe] = []

    def make(most: int = 5, window_s: float = 600.0) -> Pipe:
        pipes.append(Pipe(TextLines(), Throttle(most, window_s)))
        return pipes[-1]

    yield make
    for pipe in pipes:
        pipe.close()


def test_the_rest_is_summed_up_even_if_no_further_line_comes(
    make_pipe: Callable[..., Pipe],
) -> None:
    pipe = make_pipe(most=2, window_s=1.0)
    for _ in range(5):
        pipe.say("connection refused", reason="token_expired")
    pipe.say("connection refused", reason="room_users")
    eventually(lambda: len(pipe.lines()) == 4)
    last = "info    connection refused (said again)  reason=token_expired times=3 seconds=1.0"
    assert pipe.lines()[-1].endswith(last)
    assert pipe.repeats == 3


def test_what_is_refused_for_something_else_is_another_line(
    make_pipe: Callable[..., Pipe],
) -> None:
    pipe = make_pipe(most=1)
    for because in ("signature", "signature", "audience"):
        pipe.say("connection refused", reason="token_invalid", because=because)
    pipe.outlet.close()
    fields = [line.partition("because=")[2] for line in pipe.lines()]
    assert fields == ["signature", "audience", "signature times=1 seconds=600.0"]


def test_at_the_end_it_is_summed_up_at_once(make_pipe: Callable[..., Pipe]) -> None:
    pipe = make_pipe(most=1)
    for _ in range(3):
        pipe.say("draining")
    pipe.outlet.close()
    assert pipe.lines()[-1].endswith("draining (said again)  times=2 seconds=600.0")


def test_the_same_fault_is_throttled_and_another_one_is_not(make_pipe: Callable[..., Pipe]) -> None:
    pipe = make_pipe(most=1)
    one, other = raised(ValueError("a")), raised(LookupError("b"))
    for error in (one, one, other):
        pipe.say("an exception in the event loop", exc_info=error)
    pipe.outlet.close()
    assert [line for line in pipe.lines() if line.endswith("Error")] == [
        "    ValueError",
        "    LookupError",
    ]
    assert pipe.repeats == 1


def test_lines_that_were_asked_for_one_by_one_are_not_throttled(
    make_pipe: Callable[..., Pipe],
) -> None:
    pipe = make_pipe(most=1)
    for _ in range(9):
        pipe.say("connection ended", UNTHROTTLED)
    eventually(lambda: len(pipe.lines()) == 9)


def test_a_reader_that_does_not_read_costs_lines_and_no_time(
    make_pipe: Callable[..., Pipe],
) -> None:
    pipe = make_pipe()
    began = time.monotonic()
    while not pipe.dropped:
        pipe.say("connection ended", UNTHROTTLED, fill="x" * 100_000)
        assert time.monotonic() - began < 20
    for _ in range(9):
        pipe.say("connection ended", UNTHROTTLED)
    assert pipe.outlet._size < MAX_WAITING + 101_000
    assert pipe.dropped == 10
    dropped = "log lines were dropped  lines=10"
    eventually(lambda: pipe.lines() and pipe.lines()[-1].endswith(dropped))
    pipe.say("draining")
    eventually(lambda: pipe.lines()[-1].endswith("draining"))
    assert sum("log lines were dropped" in line for line in pipe.lines()) == 1


def test_the_end_waits_a_second_at_most_for_a_reader_that_does_not_read(
    make_pipe: Callable[..., Pipe],
) -> None:
    pipe = make_pipe()
    pipe.say("connection ended", fill="x" * 200_000)
    began = time.monotonic()
    pipe.outlet.close()
    assert time.monotonic() - began < 3
    assert pipe.outlet._thread.is_alive()


def test_a_reader_that_is_gone_costs_lines_and_nothing_else(
    make_pipe: Callable[..., Pipe],
) -> None:
    pipe = make_pipe()
    os.close(pipe.reader)
    pipe.say("draining")
    eventually(lambda: pipe.dropped)


def test_what_somebody_made_non_blocking_is_waited_for(make_pipe: Callable[..., Pipe]) -> None:
    pipe = make_pipe()
    os.set_blocking(pipe._writer, False)
    pipe.say("connection ended", UNTHROTTLED, fill="x" * 100_000)
    pipe.say("draining")
    eventually(lambda: pipe.lines() and pipe.lines()[-1].endswith("draining"))
    assert pipe.dropped == 0


# What nobody caught


@pytest.fixture
def shown() -> Iterator[list[str]]:
    """What a log for people would have."""
    lines: list[str] = []

    class Handler(logging.Handler):
        def emit(self, said: logging.LogRecord) -> None:
            lines.append(TextLines().format(said))

    handler = Handler()
    logging.getLogger().addHandler(handler)
    yield lines
    logging.getLogger().removeHandler(handler)


class Spiller(asyncio.Protocol):
    """Fails with what it was sent."""

    def data_received(self, data: bytes) -> None:
        """Fail."""
        raise ValueError(data)


def test_what_fails_in_the_loop_is_told_without_what_it_was_called_with(shown: list[str]) -> None:
    words = "can" + "ary"

    def fail(token: str) -> None:
        raise ValueError(token)

    async def fail_later(token: str) -> None:
        raise KeyError(token)

    async def run() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(crashes.in_loop)
        loop.call_soon(fail, words)
        loop.call_soon(partial(fail, words))
        await asyncio.wait([asyncio.create_task(fail_later(words))])
        server = await loop.create_server(Spiller, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(words.encode())
        await writer.drain()
        async with asyncio.timeout(SOON_S):
            assert await reader.read() == b""  # who failed is hung up on, after the line
        writer.close()
        server.close()

    uvloop.run(run())
    said = "\n".join(shown)
    assert words not in said
    assert said.count("an exception in the event loop") == 4
    assert said.count("    ValueError") == 3
    assert said.count("    KeyError") == 1


def test_what_ends_the_program_or_a_thread_is_a_line_too(
    shown: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name in ((sys, "excepthook"), (sys, "unraisablehook"), (threading, "excepthook")):
        monkeypatch.setattr(module, name, None)
    crashes.install()
    words = "can" + "ary"

    class Unruly:
        def __del__(self) -> None:
            raise ValueError(words)

    def fail() -> None:
        raise ValueError(words)

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    Unruly()
    sys.excepthook(*raised(ValueError(words)))
    heads = [line.split("\n")[0].split(" ", 1)[1] for line in shown]
    assert heads == [
        "error   a thread was ended by a fault of its own",
        "error   an exception that could not be raised",
        "error   ended by a fault of its own",
    ]
    assert words not in "".join(shown)


# Levels


def test_libraries_are_heard_from_warnings_on_however_much_we_say() -> None:
    root = logging.getLogger()
    level, own = root.level, logging.getLogger(OURS).level
    reader, writer = os.pipe()
    try:
        settings = Settings.model_validate({"jwt_secret": SECRET, "log_level": "debug"})
        with closing(Log(settings, Metrics(), writer)) as log:
            logging.getLogger("httpcore.http11").debug("canary")
            logging.getLogger("websockets.server").info("canary")
            logging.getLogger("asyncio").warning("a warning")
            logging.getLogger(OURS).debug("ours")
            log.follow(settings.model_copy(update={"log_level": "error"}))
            logging.getLogger("asyncio").warning("canary")
            logging.getLogger(OURS).warning("canary")
        said = os.read(reader, 65_536).decode()
    finally:
        root.setLevel(level)
        logging.getLogger(OURS).setLevel(own)
        os.close(reader)
        os.close(writer)
    assert "canary" not in said
    assert [line.split(" ", 1)[1] for line in said.splitlines()] == [
        "warning a warning  logger=asyncio",
        "debug   ours",
    ]


def log_calls() -> Iterator[tuple[Path, ast.Call]]:
    """Every place where something is logged."""
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            target = node.func if isinstance(node, ast.Call) else None
            if isinstance(target, ast.Attribute) and target.attr in {
                *("debug", "info", "warning", "error", "exception", "critical", "log")
            }:
                is_log = isinstance(target.value, ast.Name) and target.value.id.isupper()
                if is_log and isinstance(node, ast.Call):
                    yield file, node


def test_every_sentence_is_constant_and_what_varies_is_a_field() -> None:
    calls = [*log_calls()]
    assert len(calls) > 20
    for file, call in calls:
        where = f"{file.name}:{call.lineno}"
        assert len(call.args) == 1, where
        assert isinstance(call.args[0], ast.Constant), where
        assert {keyword.arg for keyword in call.keywords} <= {"extra", "exc_info"}, where


# The program


def objects(server: Server) -> list[dict[str, Any]]:
    """The lines that are JSON."""
    return [json.loads(line) for line in server.stderr.splitlines() if line.startswith("{")]


def test_it_says_with_what_it_starts_and_how_it_stopped() -> None:
    quick = ("--close-timeout", "1", "--drain-seconds", "0")
    flags = ("--log-format", "json", "--webhook-secret", "x" * 30, "--max-connections", "50")
    with Server(*quick, *flags) as server:
        ann, deaf = server.enter("ann"), server.enter("deaf")
        server.terminate()
        pump([ann], lambda: ann.is_gone)
        assert server.wait() == 0
        said = {line["message"]: line for line in objects(server)}
        started, stopped = said["started"], said["stopped"]
        assert started["version"]
        assert (started["host"], started["port"]) == ("127.0.0.1", server.port)
        assert started["admin_port"] == server.admin_port
        assert (started["keys"], started["max_connections"]) == (1, 50)
        assert started["descriptors"] > 50
        assert "certificate_until" not in started, "without TLS there is none"
        assert any("PRESENCE_WEBHOOK_URL" in sentence for sentence in said)
        assert said["draining"]["connections"] == 2
        assert stopped["cut"] == 1
        assert 0.5 < stopped["seconds"] < 10
        assert not deaf.is_gone


def test_a_reload_changes_the_shape_the_level_and_which_connections_have_a_line(
    tmp_path: Path,
) -> None:
    config = tmp_path / "presence.toml"
    start = f'jwt_secret = "{SECRET}"\nadmin_key = "{ADMIN_KEY}"\n'
    config.write_text(start)
    with Server("--config", str(config), variables={}) as server:

        def reload(*lines: str) -> None:
            times = server.metric("presence_reloads_total", result="ok")
            config.write_text(start + "\n".join(lines))
            server.process.send_signal(signal.SIGHUP)
            eventually(lambda: server.metric("presence_reloads_total", result="ok") == times + 1)

        early = server.enter("early")
        server.enter("quiet").drop()
        reload('log_format = "json"', 'log_connections = "all"')
        early.drop()
        server.enter("late", observe=True).drop()
        eventually(lambda: len(objects(server)) == 3)
        read, first, second = objects(server)
        assert read["message"] == "settings read again"
        assert (first["user"], first["code"], "seconds" in first) == ("early", 1006, False)
        assert (second["user"], second["observe"]) == ("late", True)
        assert second["connection"] == "pk-late"
        assert second["seconds"] >= 0
        reload('log_level = "error"', 'log_connections = "all"')
        lines = server.stderr.count("\n")
        server.enter("unheard").drop()
        server.terminate()
        assert server.wait() == 0
        assert server.stderr.count("\n") == lines
        assert "quiet" not in server.stderr
