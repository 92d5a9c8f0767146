"""What the pages say of settings, metrics and make targets is what the code has, both ways."""

import re
from pathlib import Path

from presence_server.flags import sections
from presence_server.metrics import Metrics
from presence_server.settings import PREFIX, Settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def rows(page: str, pattern: str) -> dict[str, list[str]]:
    """Table rows of a page whose first cell is code that matches, by that code."""
    text = (ROOT / "deploy" / page).read_text()
    found = re.findall(rf"^\| `({pattern})` \|(.*)\|$", text, re.MULTILINE)
    return {name: [cell.strip().strip("`") for cell in rest.split("|")] for name, rest in found}


def test_every_setting_stands_on_its_page_with_its_default_and_no_other_does() -> None:
    documented = {name: cells[0] for name, cells in rows("settings.md", PREFIX + r"\w+").items()}
    assert documented == {
        PREFIX + name.upper(): as_written(field.default)
        for name, field in Settings.model_fields.items()
    }


def test_the_settings_stand_under_the_headings_that_help_has() -> None:
    page = (ROOT / "deploy/settings.md").read_text()
    listed = {
        heading: re.findall(rf"^\| `{PREFIX}(\w+)`", part, re.MULTILINE)
        for heading, _, part in (part.partition("\n") for part in page.split("\n## ")[1:])
    }
    for heading, names in sections():
        assert listed[heading] == [name.upper() for name in names]


def as_written(default: object) -> str:
    """A default as one would type it."""
    if default is None:
        return ""
    if isinstance(default, bool):
        return str(default).lower()
    return " ".join(default) if isinstance(default, tuple) else str(default)


def test_every_metric_stands_on_its_page_with_its_type_and_no_other_does() -> None:
    documented = {name: cells[0] for name, cells in rows("metrics.md", r"presence_\w+").items()}
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


def test_every_page_that_a_page_links_to_exists() -> None:
    for page in [ROOT / "README.md", *ROOT.glob("deploy/**/*.md"), ROOT / "protocol/README.md"]:
        for target in re.findall(r"\]\(([^)#:\s]+)[^):]*\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}"
