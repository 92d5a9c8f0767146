"""The threat model speaks of every limit that the code has, and of no other; so of settings."""

import re
from pathlib import Path

from presence_server.core.errors import Limit, too_many
from presence_server.metrics import Metrics
from presence_server.settings import CLIENTS, PREFIX, Settings

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "deploy/threat-model.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "protocol/README.md", *ROOT.glob("deploy/*.md")]


def test_every_limit_has_a_row_and_every_row_is_a_limit() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)
    assert sorted(rows) == sorted(Limit)


def test_every_limit_has_words_of_its_own() -> None:
    reasons = {too_many(limit).reason for limit in Limit}
    assert len(reasons) == len(Limit)
    assert all(len(reason) <= 123 for reason in reasons), "a Close has no room for more"


def test_every_setting_that_a_page_names_exists() -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields} | CLIENTS
    for page in PAGES:
        named = set(re.findall(rf"{PREFIX}[A-Z_]+", page.read_text()))
        assert named <= known, page.name


def test_every_metric_that_the_threat_model_names_exists() -> None:
    families = {family.name for family in Metrics().registry.collect()}
    for name in re.findall(r"presence_[a-z_]+", PAGE):
        assert name.removesuffix("_total") in families | {"presence_server"}, name
