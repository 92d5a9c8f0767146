"""Writes the JSON Schemas of the wire: `python -m tests.support.schema FOLDER`."""

import json
import sys
from pathlib import Path

from presence_server.core import messages

FILES = {
    "client.json": messages.ClientMessage,
    "server.json": messages.ServerMessage,
}


def render(name: str) -> str:
    """The text of one schema file."""
    return json.dumps(messages.schema(FILES[name]), indent=2, ensure_ascii=False) + "\n"


def write(folder: Path) -> None:
    """Write every schema into `folder`."""
    for name in FILES:
        (folder / name).write_text(render(name))


if __name__ == "__main__":
    write(Path(sys.argv[1]))
