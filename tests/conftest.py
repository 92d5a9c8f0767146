"""What holds for all tests."""

import os

import pytest
from hypothesis import Phase, settings

SOAK = os.environ.get("SOAK") == "full"
"""Whether what takes long runs at full length."""

settings.register_profile("full", deadline=None, print_blob=True)
settings.register_profile("quick", deadline=None, phases=[Phase.explicit, Phase.generate])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "full"))


TOGETHER = {
    "tests/clients/test_typescript": "packed client",
    "tests/demo/test_built_page": "packed client",
    "tests/history/page": "history page",
}
"""Tests of several files that share what takes long to make; the others stay with their file."""


LONG = (
    "tests/faults/",
    "tests/demo/",
    "tests/clients/test_typescript_package",
    "tests/clients/test_typescript_readme",
    "tests/clients/test_python_wheel",
    "tests/deploy/test_proxies",
    "tests/deploy/test_container",
    "tests/history/page/test_end_to_end",
    "tests/history/test_schemathesis",
)
"""What breaks, builds, installs or browses for minutes: `make proof` runs it."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say which tests one worker runs, one after the other, and which take long."""
    for item in items:
        file = item.nodeid.partition("::")[0]
        group = next((TOGETHER[start] for start in TOGETHER if file.startswith(start)), file)
        item.add_marker(pytest.mark.xdist_group(group))
        if file.startswith(LONG):
            item.add_marker(pytest.mark.proof)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> "object":
    """A skipped test proves nothing: what it misses is to be installed by tests/setup."""
    report = yield
    assert isinstance(report, pytest.TestReport)
    if report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped at {call.when}: {report.longrepr}"
    return report
