"""Runs a harness under libFuzzer, guided by what of the server it has reached."""

import gc
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import atheris  # type: ignore[import-untyped] # it has no types

FOLDER: Final = Path(__file__).parent
INSTRUMENTED: Final = ["presence_server", "websockets"]


def run(name: str, arguments: Sequence[str]) -> None:
    """Fuzz with the harness `name` and libFuzzer's `arguments`; does not return."""
    sys.path.append(str(FOLDER.parents[1] / "clients" / "python"))
    with atheris.instrument_imports(include=INSTRUMENTED, enable_loader_override=False):
        harness = importlib.import_module(f"tests.fuzz.{name}")
        stage = importlib.import_module("tests.fuzz.stage")
    stage.listen()
    gc.freeze()  # an input leaves enough to collect without what was imported
    words = f"-dict={FOLDER / 'words.dict'}"
    atheris.Setup([sys.argv[0], words, *arguments], harness.play)
    atheris.Fuzz()
