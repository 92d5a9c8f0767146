"""Every query of the alerts and of the dashboard has an answer in Debian's Prometheus."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.loaded import load, scraped
from tests.support.prometheus import Prometheus
from tests.support.server import eventually

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "alerts.yml"
WINDOW = "1m"
VARIABLES = {"$__rate_interval": WINDOW, "$job": ".+", "$instance": ".+"}


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    with scraped(tmp_path_factory.mktemp("prometheus"), RULES) as (server, prometheus):
        load(server)
        told = server.metric("presence_messages_sent_total", type="presence_changed")
        counter = 'presence_messages_sent_total{type="presence_changed"}'
        eventually(lambda: (prometheus.value(counter) or 0) >= told)
        yield prometheus


def left_sides(expression: str) -> Iterator[str]:
    """What an alert compares with numbers; for `absent` what must not be."""
    for line in expression.splitlines():
        if not line.startswith("and"):
            compared = re.fullmatch(r"(.+) (?:<|>|==) [\d.]+", line)
            assert compared, line
            yield re.sub(r"^absent\((.*)\)$", r"\1", compared[1])


def alert_queries() -> Iterator[Any]:
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        for rule in group["rules"]:
            for number, query in enumerate(left_sides(rule["expr"]), 1):
                quick = re.sub(r"\[\d+[mh]\]", f"[{WINDOW}]", query)
                yield pytest.param(quick, id=f"{rule['alert']} {number}")


def dashboard_queries() -> Iterator[Any]:
    page = json.loads((DEPLOY / "grafana" / "presence.json").read_text())
    for annotation in page["annotations"]["list"]:
        (query,) = left_sides(filled_in(annotation["expr"]))
        yield pytest.param(query, id=f"annotation {annotation['name']}")
    for panel in page["panels"]:
        for target in panel.get("targets", []):
            name = f"{panel['title']}: {target['legendFormat']}"
            yield pytest.param(filled_in(target["expr"]), id=name)


def filled_in(query: str) -> str:
    """A query with the dashboard's variables as Grafana fills them in."""
    for name, value in VARIABLES.items():
        query = query.replace(name, value)
    assert "$" not in query
    return query


@pytest.mark.parametrize("query", [*alert_queries(), *dashboard_queries()])
def test_a_query_returns_numbers(prometheus: Prometheus, query: str) -> None:
    assert prometheus.numbers(query), query


def test_the_days_of_the_certificate_are_told(prometheus: Prometheus) -> None:
    (page,) = (each for each in dashboard_queries() if each.id == "Certificate: Certificate")
    (days,) = prometheus.numbers(page.values[0])
    assert 19.9 < days < 20


def test_the_variables_of_the_dashboard_have_values(prometheus: Prometheus) -> None:
    page = json.loads((DEPLOY / "grafana" / "presence.json").read_text())
    asked = [each["query"] for each in page["templating"]["list"] if each["type"] == "query"]
    for query in asked:
        found = re.fullmatch(r"label_values\((.+), (\w+)\)", query["query"])
        assert found
        assert all(label[found[2]] for label, _ in prometheus.query(filled_in(found[1])))


def test_prometheus_evaluates_every_alert_without_a_complaint(prometheus: Prometheus) -> None:
    def are_evaluated() -> bool:
        return all(rule["health"] == "ok" for rule in prometheus.rules())

    eventually(are_evaluated)
    assert len(prometheus.rules()) == len(re.findall("- alert:", RULES.read_text()))


BY_THE_MACHINE = {"PresenceDown", "PresenceLoopLagging", "PresenceFanoutSlow", "PresencePingSlow"}
"""What one that is busy with other things brings about: times, and a scrape of 200 ms."""


def test_a_loaded_server_that_is_well_raises_no_alarm(prometheus: Prometheus) -> None:
    now = datetime.now(UTC)

    def are_evaluated() -> bool:
        times = [datetime.fromisoformat(rule["lastEvaluation"]) for rule in prometheus.rules()]
        return min(times) > now

    eventually(are_evaluated)
    pending_or_firing = {labels["alertname"] for labels, _ in prometheus.query("ALERTS")}
    assert pending_or_firing - BY_THE_MACHINE == set()
