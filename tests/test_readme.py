"""What the README says of settings, metrics and commands is what the code has, both ways."""

import re
from pathlib import Path

from presence_server.metrics import Metrics
from presence_server.settings import PREFIX, Settings

README = (Path(__file__).parents[1] / "README.md").read_text()


def rows(pattern: str) -> dict[str, list[str]]:
    """Table rows whose first cell is code that matches, by that code."""
    found = re.findall(rf"^\| `({pattern})` \|(.*)\|$", README, re.MULTILINE)
    return {name: [cell.strip().strip("`") for cell in rest.split("|")] for name, rest in found}


def test_every_setting_stands_in_the_readme_with_its_default_and_no_other_does() -> None:
    documented = {name: cells[0] for name, cells in rows(PREFIX + r"\w+").items()}
    assert documented == {
        PREFIX + name.upper(): as_written(field.default)
        for name, field in Settings.model_fields.items()
    }


def as_written(default: object) -> str:
    """A default as one would type it."""
    if default is None:
        return ""
    if isinstance(default, bool):
        return str(default).lower()
    return " ".join(default) if isinstance(default, tuple) else str(default)


def test_every_metric_stands_in_the_readme_with_its_type_and_no_other_does() -> None:
    documented = {name: cells[0] for name, cells in rows(r"presence_\w+").items()}
    registered = {}
    for family in Metrics().registry.collect():
        if family.name.startswith("presence_"):
            kind = {"counter": "counter", "histogram": "histogram"}.get(family.type, "gauge")
            suffix = {"counter": "_total", "info": "_info"}.get(family.type, "")
            registered[family.name + suffix] = kind
    assert documented == registered


def test_the_make_targets_of_the_readme_exist() -> None:
    makefile = (Path(__file__).parents[1] / "Makefile").read_text()
    for target in re.findall(r"`?make (\w+)", README):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
