"""The TypeScript client as an application has it, and a browser to run that in."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.clients.typescript_package import Project, install
from tests.clients.typescript_page import chromium


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """An application with the packed client installed."""
    return install(tmp_path_factory.getbasetemp() / "typescript-client")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One browser for all tests of a module."""
    async with chromium() as browser:
        yield browser
