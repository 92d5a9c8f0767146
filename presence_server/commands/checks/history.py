"""Can history be written where it is to be?"""

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from presence_server.commands.checks.finding import Finding, Subject, failed, ok


def check(subject: Subject) -> Iterator[Finding]:
    """Look at the folder of SQLite, or connect to PostgreSQL. Nothing is made or changed."""
    if subject.settings.history is None:
        return
    address = subject.settings.history.get_secret_value()
    where = subject.where("history")
    if address.startswith("sqlite:"):
        # The database's library takes a while, and is wanted only where history is on.
        from presence_server.history.store.engine import driver_url, sqlite_file

        yield _file(sqlite_file(driver_url(address)), where)
    elif find_spec("psycopg") is None:
        hint = "pip install 'presence-server[postgresql]'"
        yield failed("history", "PostgreSQL needs psycopg, which is missing", hint)
    else:
        yield _server(address, where)


def _file(file: Path, where: str) -> Finding:
    folder = file.parent
    if not folder.is_dir():
        return failed("history", f"{folder} is no directory", f"make it, or change {where}")
    if file.exists() and not file.is_file():
        return failed("history", f"{file} is no file", f"change {where}")
    if not os.access(folder, os.W_OK | os.X_OK):
        return failed("history", f"nothing can be made in {folder}", "let this user write there")
    if file.exists() and not os.access(file, os.R_OK | os.W_OK):
        return failed("history", f"{file} can't be written", "let this user read and write it")
    return ok("history", f"goes to {file}")


def _server(address: str, where: str) -> Finding:
    from sqlalchemy.exc import SQLAlchemyError

    from presence_server.history.store.engine import readers

    try:
        engine = readers(address)
        engine.connect().close()
        engine.dispose()
    except SQLAlchemyError:
        hint = f"see whether it runs and lets this user in, or change {where}"
        return failed("history", "PostgreSQL can't be reached, or lets nobody in", hint)
    return ok("history", "goes to PostgreSQL, which answers")
