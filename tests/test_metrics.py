"""Every series is there from the start, so that a rate has data and an alert begins at 0."""

from typing import get_args

import pytest

from presence_server.core.close_codes import Close
from presence_server.core.errors import ErrorCode, Limit, TokenFault
from presence_server.gateway.debts import Cause
from presence_server.gateway.gateway import _REASONS
from presence_server.metrics import Metrics
from presence_server.webhook.courier import Result

SERIES = {
    "presence_connections_refused": {
        *Limit,
        *get_args(TokenFault),
        *_REASONS.values(),
        "handshake",
        "tls",
    },
    "presence_closes": {*map(str, Close), "1000", "1005", "1006", "other"},
    "presence_errors": {*ErrorCode},
    "presence_resnapshots": {*get_args(Cause)} - {"join"},
    "presence_removals": {"user", "room", "everywhere"},
    "presence_jwks_fetches": {"ok", "failed"},
    "presence_reloads": {"ok", "failed"},
    "presence_webhook_posts": {*Result},
    "presence_history_commits": {"ok", "failed"},
    "presence_history_queries": {"ok", "refused", "timeout", "unavailable", "failed"},
}


@pytest.mark.parametrize("name", SERIES)
def test_a_label_has_all_its_values_from_the_start_at_0(name: str) -> None:
    (family,) = (family for family in Metrics().registry.collect() if family.name == name)
    values = {value for sample in family.samples for value in sample.labels.values()}
    assert values == SERIES[name]
    assert {sample.value for sample in family.samples} == {0.0}


def test_a_code_that_a_client_made_up_makes_no_series() -> None:
    metrics = Metrics()
    for code in (3000, 4999):
        metrics.count_close(code)
    (closes,) = (
        family for family in metrics.registry.collect() if family.name == "presence_closes"
    )
    assert {sample.labels["code"] for sample in closes.samples} == SERIES["presence_closes"]
    assert max(sample.value for sample in closes.samples) == 2


def test_no_counter_has_a_label_that_is_not_listed_here() -> None:
    own = [family for family in Metrics().registry.collect() if family.name.startswith("presence_")]
    labelled = {
        family.name
        for family in own
        if family.type == "counter" and all(sample.labels for sample in family.samples)
    }
    by_type = {"presence_messages_received", "presence_messages_sent"}
    assert labelled - by_type == SERIES.keys()
