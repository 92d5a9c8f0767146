"""Debian's Chromium, as all tests start it."""

import shutil
from typing import Any, Final

QUIET: Final = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium() -> dict[str, Any]:
    """What Playwright's `launch` has to be told."""
    return _launch("chromium")


def shell() -> dict[str, Any]:
    """The same for Chromium built without windows: half the CPU, for tests that look at pages."""
    return _launch("chromium-headless-shell")


def _launch(program: str) -> dict[str, Any]:
    path = shutil.which(program)
    assert path, f"{program} is missing: tests/setup/debian installs it"
    return {"executable_path": path, "args": QUIET}
