"""Reads what stands in `protocol/`."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.support.schema import FILES, render

PROTOCOL = Path(__file__).parents[2] / "protocol"

Vector = dict[str, Any]

VALIDATORS = {name: Draft202012Validator(json.loads(render(name))) for name in FILES}


def read(name: str) -> Any:
    """A file of vectors."""
    return json.loads((PROTOCOL / "vectors" / name).read_text())


def scenarios() -> dict[str, Vector]:
    """Every scenario, by the name of its file."""
    paths = sorted((PROTOCOL / "scenarios").glob("*.json"))
    return {path.stem: json.loads(path.read_text()) for path in paths}


def named(vectors: list[Vector]) -> list[Any]:
    """Vectors as parameters of a test, whose ids are their names."""
    return [pytest.param(vector, id=vector["name"]) for vector in vectors]


def faults(schema: str, message: object) -> list[str]:
    """What a message breaks of a schema (`client.json` or `server.json`)."""
    return [error.message for error in VALIDATORS[schema].iter_errors(message)]
