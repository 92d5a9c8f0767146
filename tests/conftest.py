"""What holds for all tests."""

import os

import pytest
from hypothesis import Phase, settings

SOAK = os.environ.get("SOAK") == "full"
"""Whether what takes long runs at full length."""

settings.register_profile("full", deadline=None, print_blob=True)
settings.register_profile("quick", deadline=None, phases=[Phase.explicit, Phase.generate])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "full"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> "object":
    """A skipped test proves nothing: what it misses is to be installed by tests/setup."""
    report = yield
    assert isinstance(report, pytest.TestReport)
    if report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped at {call.when}: {report.longrepr}"
    return report
