"""A token from a command."""

import asyncio
import os
import shlex
import sys
from pathlib import Path

import pytest
from presence_client import NoToken
from presence_client.watch.token_command import TokenCommand

SOON_S = 20.0


def python(code: str) -> TokenCommand:
    return TokenCommand(shlex.join([sys.executable, "-c", code]))


async def test_what_the_command_prints_is_the_token() -> None:
    assert await python("print('a.b.c')")() == "a.b.c"


async def test_it_runs_afresh_each_time(tmp_path: Path) -> None:
    count = tmp_path / "count"
    source = python(f"f = open({str(count)!r}, 'a+'); f.write('x'); print('t', f.tell(), sep='')")
    assert [await source(), await source()] == ["t1", "t2"]


async def test_there_is_no_shell() -> None:
    code = "import sys; print(len(sys.argv[1:]))"
    words = f"{shlex.join([sys.executable, '-c', code])} 'a b' $HOME ; *"
    assert await TokenCommand(words)() == "4"


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("raise SystemExit('not signed in')", "failed with 1: not signed in"),
        ("import sys; sys.exit('\\x1b[2J')", "failed with 1: �\\[2J"),
        ("import sys; sys.exit(3)", "failed with 3: it says nothing"),
        ("", "must print a token and nothing else"),
        ("print('two words')", "must print a token and nothing else"),
    ],
)
async def test_a_command_without_a_token_says_why(code: str, why: str) -> None:
    with pytest.raises(NoToken, match=why):
        await python(code)()


async def test_a_token_is_not_in_the_complaint_about_it() -> None:
    with pytest.raises(NoToken) as refused:
        await python("print('s3cret s3cret'); print('s3cret', flush=True)")()
    assert "s3cret" not in str(refused.value)
    with pytest.raises(NoToken) as refused:
        await python("print('s3cret', flush=True); raise SystemExit(1)")()
    assert "s3cret" not in str(refused.value)


async def test_a_command_that_is_not_there_says_so() -> None:
    with pytest.raises(NoToken, match="no-such-command: No such file"):
        await TokenCommand("no-such-command --user ann")()


@pytest.mark.parametrize("command", ["", "  ", "say 'hello"])
def test_what_is_no_command_line_is_an_error_at_once(command: str) -> None:
    with pytest.raises(ValueError, match="token command"):
        TokenCommand(command)


async def test_a_command_that_nobody_waits_for_is_killed(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    code = f"import os, time; open({str(pid)!r}, 'w').write(f'{{os.getpid()}} '); time.sleep(600)"
    waiting = asyncio.create_task(python(code)())
    async with asyncio.timeout(SOON_S):
        while not (pid.exists() and pid.read_text().endswith(" ")):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.wait([waiting])
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
