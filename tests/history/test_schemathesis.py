"""The questions against their own document: what it allows is answered, what it doesn't is refused,
and nothing comes back that it does not describe. Schemathesis makes the questions up.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest

from presence_server.admin.app import create_app
from presence_server.history.front import Front
from tests.admin.test_access import ports
from tests.history.recorded import Recorded, Served
from tests.support.peer import HOST
from tests.support.server import ADMIN_KEY, ROOM, SECRET, Server, environment, eventually

ROOT: Final = Path(__file__).parents[2]
PROGRAM: Final = str(Path(sys.executable).with_name("schemathesis"))


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A listener that passes questions on to a recorder."""
    folder = tmp_path_factory.mktemp("schemathesis")
    with ExitStack() as stack:
        recorded = stack.enter_context(Recorded(f"sqlite:///{folder}/presence.db"))
        stack.enter_context(Served(recorded.app, f"{folder}/recorder"))
        front = Front(f"{folder}/recorder", lambda _: None, lambda: 0)
        unused: Any = None
        listener = create_app(ports(unused)._replace(history=front.ask), lambda: ADMIN_KEY)
        yield stack.enter_context(Served(listener)).url


def run(url: str, folder: Path, *options: str) -> None:
    """Ask what the document lets think of, the same each time; a report is what fails."""
    hooks = {"SCHEMATHESIS_HOOKS": "tests.history.schemathesis_hooks", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [
            *(PROGRAM, "run", f"{url}/v1/history/openapi.json", "--no-color", "--seed", "1"),
            *("-H", f"Authorization: Bearer {ADMIN_KEY}", "--generation-database", "none"),
            *("--warnings", "off", "--continue-on-failure", *options),
        ],
        capture_output=True,
        text=True,
        env=environment({}) | hooks,
        cwd=folder,
        timeout=550,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Tested: 21" in done.stdout


def test_every_question_is_as_its_document_says(url: str, tmp_path: Path) -> None:
    run(url, tmp_path, "--phases", "examples,fuzzing", "--max-examples", "1")


@pytest.mark.proof
@pytest.mark.timeout(600)
def test_and_for_every_bound_and_many_more_values(url: str, tmp_path: Path) -> None:
    run(url, tmp_path, "--phases", "examples,coverage,fuzzing", "--max-examples", "5")


@pytest.mark.proof
@pytest.mark.timeout(600)
def test_the_server_answers_as_its_document_says(tmp_path: Path) -> None:
    keys = {"PRESENCE_JWT_SECRET": SECRET, "PRESENCE_ADMIN_KEY": ADMIN_KEY}
    history = {"PRESENCE_HISTORY": f"sqlite:///{tmp_path}/presence.db"}
    with Server(variables=keys | history) as server:
        ann = server.enter("ann")
        ann.update("/", resourceType="document", resourceId="plan-7", versionId="2")
        question = f"/v1/history/resource?room={ROOM}&type=document&id=plan-7"
        eventually(lambda: server.admin(question, ADMIN_KEY).status == 200, 30)
        url = f"http://{HOST}:{server.admin_port}"
        run(url, tmp_path, "--phases", "examples,fuzzing", "--max-examples", "2")
