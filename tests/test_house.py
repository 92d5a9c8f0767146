"""The rules of the house that code can break: who imports whom, and what the core may not do."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "presence_server"
APART = ("gateway", "admin", "webhook", "history", "load")
IMPURE = {
    "asyncio",
    "datetime",
    "io",
    "logging",
    "os",
    "pathlib",
    "random",
    "secrets",
    "socket",
    "subprocess",
    "sys",
    "threading",
    "time",
    "uuid",
    "uvloop",
    "websockets",
}
TOP = {
    *("pyproject.toml", "presence_server", "protocol", "clients", "tests", "deploy", "README.md"),
    *("Makefile", "LICENSE", "CHANGELOG.md"),
}


def imports(file: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are absolute"
            module = node.module or ""
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def files(folder: str) -> list[Path]:
    """The Python files of a part of the package."""
    return sorted((PACKAGE / folder).rglob("*.py"))


def test_the_core_is_pure() -> None:
    for file in files("core"):
        for module in imports(file):
            assert module.split(".")[0] not in IMPURE, f"{file.name} imports {module}"
            is_ours = module.startswith("presence_server.")
            assert not is_ours or module.startswith("presence_server.core"), file.name


@pytest.mark.parametrize("part", APART)
def test_the_parts_do_not_import_one_another(part: str) -> None:
    others = {f"presence_server.{other}" for other in APART if other != part}
    for file in files(part):
        for module in imports(file):
            assert not any(module.startswith(other) for other in others), f"{file}: {module}"


def test_only_the_app_and_the_commands_know_all_parts() -> None:
    for file in sorted(PACKAGE.rglob("*.py")):
        if file.name in ("app.py", "cli.py") or "commands" in file.parts:
            continue
        known = {part for module in imports(file) for part in APART if _is_of(module, part)}
        assert len(known) <= 1, f"{file} knows {known}"


def _is_of(module: str, part: str) -> bool:
    return f"{module}.".startswith(f"presence_server.{part}.")


def test_only_what_belongs_there_stands_at_the_top() -> None:
    found = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    assert found <= TOP, found - TOP


def test_no_file_of_the_package_grows_too_long() -> None:
    lengths = {file.name: len(file.read_text().splitlines()) for file in PACKAGE.rglob("*.py")}
    assert {name: length for name, length in lengths.items() if length > 350} == {}
