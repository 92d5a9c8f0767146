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
    path = shutil.which("chromium")
    assert path, "chromium is missing: tests/setup/debian installs it"
    return {"executable_path": path, "args": QUIET}
