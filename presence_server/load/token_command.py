"""Tokens from a command of the operator's, one run for each."""

import asyncio
import shlex
from asyncio.subprocess import DEVNULL, PIPE
from typing import Final

from presence_server.load.plan import Member
from presence_server.load.reach import CantLoad

_PATIENCE_S: Final = 30.0
_LONGEST: Final = 200


class TokenCommand:
    """Runs a command, without a shell, and takes what it prints.

    `{user}` and `{room}` in its words stand for whom and what the token is for. Raises ValueError
    for what is no command line.
    """

    def __init__(self, command: str) -> None:
        self._words = shlex.split(command)
        if not self._words:
            raise ValueError("it is empty")

    async def __call__(self, member: Member) -> str:
        """The token of a member. Raises `CantLoad`, with the first line of its complaint."""
        words = [
            word.replace("{user}", member.user_id).replace("{room}", member.room_id)
            for word in self._words
        ]
        try:
            process = await asyncio.create_subprocess_exec(
                *words, stdin=DEVNULL, stdout=PIPE, stderr=PIPE
            )
        except OSError as error:
            raise CantLoad(f"the token command: {words[0]}: {error.strerror}") from None
        try:
            async with asyncio.timeout(_PATIENCE_S):
                out, complaint = await process.communicate()
        except TimeoutError:
            raise CantLoad(f"the token command takes more than {_PATIENCE_S:.0f} s") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return _token(process.returncode, out, complaint)


def _token(code: int | None, out: bytes, complaint: bytes) -> str:
    """What it printed, if it went well. A complaint is shown, its output never."""
    if code != 0:
        said = complaint.decode(errors="replace").strip().splitlines() or ["it says nothing"]
        raise CantLoad(f"the token command failed with {code}: {said[0][:_LONGEST]}")
    try:
        (token,) = out.decode("ascii").split()
    except ValueError:
        raise CantLoad("the token command must print a token and nothing else") from None
    return token
