"""The alerts that are shipped: each fires when it should, and says what to do."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from presence_server.metrics import Metrics
from tests.deploy.alert_histories import HISTORIES, History, Series
from tests.support.prometheus import promtool

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "alerts.yml"
GROUPS = yaml.safe_load(RULES.read_text())["groups"]
ALERTS: dict[str, Any] = {rule["alert"]: rule for group in GROUPS for rule in group["rules"]}
TARGET = {"job": "presence", "instance": "one"}
RUNBOOKS = (DEPLOY / "monitoring.md").read_text()


def with_target(series: Series) -> list[dict[str, str]]:
    """Series as promtool wants them, with the labels of the target that they lack."""
    found = []
    for name, values in series.items():
        metric, _, given = name.replace("'", '"').rstrip("}").partition("{")
        labels = [given] if given else []
        labels += [f'{key}="{value}"' for key, value in TARGET.items() if f"{key}=" not in given]
        found.append({"series": f"{metric}{{{','.join(labels)}}}", "values": values})
    return found


def case(history: History, series: Series, *, fires: bool) -> dict[str, Any]:
    """One test of promtool's."""
    rule = ALERTS[history.alert]
    labels = {**(TARGET if history.is_of_target else {}), **history.labels}
    annotations = dict(rule["annotations"], description=history.says)
    for name, value in labels.items():
        label = f"{{{{ $labels.{name} }}}}"
        annotations["summary"] = annotations["summary"].replace(label, value)
    expected = {"exp_labels": {**labels, **rule["labels"]}, "exp_annotations": annotations}
    return {
        "interval": "30s",
        "input_series": with_target(series),
        "alert_rule_test": [
            {
                "eval_time": f"{history.at}m",
                "alertname": history.alert,
                "exp_alerts": [expected] if fires else [],
            }
        ],
    }


@pytest.mark.parametrize("history", HISTORIES, ids=lambda history: history.alert)
def test_an_alert_fires_after_what_it_is_for_and_not_otherwise(
    history: History, tmp_path: Path
) -> None:
    cases = [case(history, history.fires, fires=True)]
    cases += [case(history, quiet, fires=False) for quiet in history.quiet]
    (tmp_path / "rule.yml").write_text(
        yaml.safe_dump({"groups": [{"name": "one", "rules": [ALERTS[history.alert]]}]})
    )
    file = tmp_path / "test.yml"
    file.write_text(yaml.safe_dump({"rule_files": ["rule.yml"], "tests": cases}))
    promtool("test", "rules", str(file))


def test_every_alert_has_a_history() -> None:
    assert [history.alert for history in HISTORIES] == [*ALERTS]


@pytest.mark.parametrize("config", ["prometheus.yml", "compose.yml"])
def test_promtool_accepts_the_configuration_and_the_rules(config: str) -> None:
    said = promtool("check", "config", str(DEPLOY / "prometheus" / config))
    assert f"SUCCESS: {len(ALERTS)} rules found" in said


def test_promtool_accepts_what_the_page_tells_to_add(tmp_path: Path) -> None:
    (snippet,) = re.findall(r"```yaml\n(.*?)```", RUNBOOKS, re.DOTALL)
    shutil.copy(RULES, tmp_path)
    (tmp_path / "prometheus.yml").write_text(snippet)
    promtool("check", "config", str(tmp_path / "prometheus.yml"))
    assert [job["job_name"] for job in yaml.safe_load(snippet)["scrape_configs"]] == ["presence"]


def test_the_page_names_metrics_that_there_are() -> None:
    families = [*Metrics().registry.collect()]
    names = {family.name for family in families}
    names |= {sample.name for family in families for sample in family.samples}
    told = {*re.findall(r"`((?:presence|process)_\w+?)(?:\{.*?\})?`", RUNBOOKS)}
    assert "presence_connections" in told
    assert told <= names


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_how_bad_it_is_what_is_wrong_and_where_to_read_on(name: str) -> None:
    rule = ALERTS[name]
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert rule["annotations"].keys() == {"summary", "description", "runbook"}
    assert "$value" in rule["annotations"]["description"]
    assert rule["annotations"]["runbook"] == f"deploy/monitoring.md#{name.lower()}"


def test_every_alert_has_a_runbook_and_there_is_none_without_an_alert() -> None:
    assert re.findall(r"^### (Presence\w+)$", RUNBOOKS, re.MULTILINE) == [*ALERTS]


def test_the_table_of_alerts_is_the_rules() -> None:
    row = r"^\| \[`(\w+)`\]\(#(\w+)\) \| (\w+) \|"
    assert re.findall(row, RUNBOOKS, re.MULTILINE) == [
        (name, name.lower(), rule["labels"]["severity"]) for name, rule in ALERTS.items()
    ]


def test_alerts_ask_for_metrics_and_labels_that_there_are() -> None:
    families = [*Metrics().registry.collect()]
    names = {sample.name for family in families for sample in family.samples} | {"up"}
    values = {
        (sample.name, value)
        for family in families
        for sample in family.samples
        for value in sample.labels.values()
    }
    for rule in ALERTS.values():
        for name, selected in re.findall(r"((?:presence|process)_\w+)(?:\{(.*?)\})?", rule["expr"]):
            assert name in names or f"{name}_bucket" in names, name
            for asked in re.findall(r'(?:reason|result)=~?"(.*?)"', selected):
                assert {(name, value) for value in asked.split("|")} <= values


@pytest.mark.parametrize("name", ALERTS)
def test_no_alert_makes_up_data(name: str) -> None:
    assert "vector(" not in ALERTS[name]["expr"]
