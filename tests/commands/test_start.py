"""What a start costs: a server loads nothing that only the other commands draw or ask with."""

import subprocess
import sys

LOADED = """
import sys
from presence_server.cli import program
program.get_command(None, "{command}")
print(*sys.modules)
"""


def loaded(command: str) -> set[str]:
    """The modules that are there when a command is about to run."""
    code = LOADED.format(command=command)
    words = [sys.executable, "-c", code]
    return {*subprocess.check_output(words, text=True, timeout=30).split()}


def test_a_server_starts_without_what_the_other_commands_need() -> None:
    heavy = {"rich", "httpx"}
    modules = loaded("serve")
    assert "presence_server.app" in modules
    assert not modules & heavy
    assert "httpx" in loaded("rooms"), "the test would see it"
