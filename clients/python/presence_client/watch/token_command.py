"""A token from a command, afresh each time."""

import asyncio
import shlex
from asyncio.subprocess import DEVNULL, PIPE
from typing import Final

from presence_client.dial import NoToken
from presence_client.watch.text import clean

LONGEST_COMPLAINT: Final = 200


class TokenCommand:
    """A token source that runs a command, without a shell, and takes what it prints.

    Raises ValueError for what is no command line. While it runs everything else goes on; it is
    killed when nobody waits for it any more.
    """

    def __init__(self, command: str) -> None:
        try:
            self._words = shlex.split(command)
        except ValueError as error:
            raise ValueError(f"that token command is no command line: {error}") from None
        if not self._words:
            raise ValueError("the token command is empty")

    async def __call__(self) -> str:
        """Run it. Raises NoToken, with the first line of its complaint."""
        try:
            process = await asyncio.create_subprocess_exec(
                *self._words, stdin=DEVNULL, stdout=PIPE, stderr=PIPE
            )
        except OSError as error:
            raise NoToken(f"{clean(self._words[0])}: {error.strerror}") from error
        try:
            out, complaint = await process.communicate()
        finally:
            await _end(process)
        return _token(process.returncode, out, complaint)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
        await process.wait()


def _token(code: int | None, out: bytes, complaint: bytes) -> str:
    """What it printed, if it went well."""
    if code != 0:
        lines = complaint.decode(errors="replace").strip().splitlines() or ["it says nothing"]
        said = clean(lines[0])[:LONGEST_COMPLAINT]
        raise NoToken(f"the token command failed with {code}: {said}")
    token = out.decode(errors="replace").strip()
    if not token or len(token.split()) != 1:
        raise NoToken("the token command must print a token and nothing else")
    return token
