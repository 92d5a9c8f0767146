"""The dashboard that is shipped: Grafana can read it, and so can a tired operator."""

import json
import re
from itertools import combinations
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana.dashboard import FILE, as_json
from presence_server.metrics import Metrics

PAGE: dict[str, Any] = json.loads(FILE.read_text())
PANELS = [panel for panel in PAGE["panels"] if panel["type"] != "row"]
PROVISIONING = FILE.parent / "provisioning"
NOT_SHOWN = {
    "presence_build_info": "what the variables list; nothing to draw",
}


def exprs() -> list[str]:
    return [target["expr"] for panel in PANELS for target in panel["targets"]]


def test_the_file_is_what_its_script_gives() -> None:
    assert FILE.read_text() == as_json(), "run .venv/bin/python -m deploy.grafana.dashboard"


def test_grafanas_own_model_reads_the_file_and_loses_nothing_of_it() -> None:
    register_default_plugins()
    read = Dashboard.from_json(PAGE)
    assert json.loads(json.dumps(read, cls=JSONEncoder)) == PAGE


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_says_what_it_shows_and_in_what_unit(panel: dict[str, Any]) -> None:
    assert panel["title"]
    assert panel["description"]
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["targets"]
    assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


def test_no_panel_lies_over_another_or_beside_the_page() -> None:
    places = [panel["gridPos"] for panel in PAGE["panels"]]
    for place in places:
        assert place["x"] >= 0
        assert place["x"] + place["w"] <= 24
    for one, other in combinations(places, 2):
        is_beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        is_below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert is_beside or is_below, (one, other)


def test_no_two_panels_have_one_id_or_title() -> None:
    for key in ("id", "title"):
        values = [(panel["type"], panel[key]) for panel in PAGE["panels"]]
        assert len({*values}) == len(values)
    assert len({panel["id"] for panel in PAGE["panels"]}) == len(PAGE["panels"])


def test_the_first_row_answers_the_first_questions() -> None:
    top = [panel["title"] for panel in PANELS if panel["gridPos"]["y"] == 0]
    assert top[:3] == ["Server", "Connections", "Full"]
    assert all(panel["type"] == "stat" for panel in PANELS if panel["gridPos"]["y"] == 0)


def test_every_metric_is_on_the_dashboard_and_no_other() -> None:
    asked = {*re.findall(r"\b(presence_\w+)", " ".join(exprs()))}
    own = {family.name: family for family in Metrics().registry.collect()}
    suffixes = {"counter": "_total", "histogram": "_bucket", "info": "_info"}
    there = {
        name + suffixes.get(family.type, "")
        for name, family in own.items()
        if name.startswith("presence_")
    }
    assert there - asked == NOT_SHOWN.keys()
    assert asked <= there


def test_every_query_keeps_to_the_chosen_servers_and_makes_up_no_data() -> None:
    for expr in exprs():
        metrics = re.findall(r"\b(?:presence|process)_\w+|\bup\b", expr)
        assert metrics
        assert expr.count('{job=~"$job", instance=~"$instance"}') == len(metrics), expr
        assert "vector(" not in expr


def test_rates_follow_the_scrape_interval() -> None:
    for expr in exprs():
        assert set(re.findall(r"\[(.*?)\]", expr)) <= {"$__rate_interval"}, expr


def test_the_variables_choose_source_job_and_instance() -> None:
    named = {each["name"]: each for each in PAGE["templating"]["list"]}
    assert [*named] == ["datasource", "job", "instance"]
    assert named["datasource"]["type"] == "datasource"
    assert all(named[name]["includeAll"] for name in ("job", "instance"))


def test_grafana_is_provisioned_with_the_source_and_the_folder_of_the_file() -> None:
    sources = yaml.safe_load((PROVISIONING / "datasources" / "prometheus.yaml").read_text())
    (source,) = sources["datasources"]
    assert source["type"] == "prometheus"
    assert source["isDefault"]
    providers = yaml.safe_load((PROVISIONING / "dashboards" / "presence.yaml").read_text())
    (provider,) = providers["providers"]
    assert provider["type"] == "file"
    assert provider["options"]["path"] == "/etc/grafana/dashboards"
