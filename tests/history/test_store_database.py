"""Opening the database: its schema, its one writer, its readers, and what is wrong with it."""

import re
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from presence_server.history.store import database
from presence_server.history.store.database import (
    Occupied,
    Unusable,
    WriterLock,
    check_place,
    classify,
    prepare,
)
from presence_server.history.store.engine import is_timeout, readers, snapshot, writer
from presence_server.history.store.partitions import cover
from presence_server.history.store.schema import metadata
from tests.support.postgres import Postgres

SLOW = (
    "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n",
    "SELECT pg_sleep(60)",
)


def is_sqlite(address: str) -> bool:
    return address.startswith("sqlite")


def ours(_what: Any, name: str | None, kind: str, *_: Any) -> bool:
    return kind != "table" or not re.fullmatch(r"views_\d+|sqlite_.*", name or "")


# The schema


def test_migrations_lead_to_the_tables_that_the_code_knows(address: str) -> None:
    prepare(address)
    engine = writer(address)
    with engine.begin() as connection:
        cover(connection, [0])
        options = {"include_object": ours, "version_table": database.VERSIONS}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_the_newest_schema_is_the_last_migration() -> None:
    config = Config()
    config.set_main_option("script_location", database.SCRIPTS)
    assert ScriptDirectory.from_config(config).get_heads() == [database.NEWEST]


def test_preparing_again_changes_nothing(address: str) -> None:
    prepare(address)
    insert(address)
    prepare(address)
    assert rows(address) == 1


def test_a_newer_schema_is_refused_and_left_alone(address: str) -> None:
    prepare(address)
    run(address, "UPDATE presence_history_schema SET version_num = '9999'")
    with pytest.raises(Unusable, match="newer"):
        prepare(address)


def test_tables_of_something_else_are_left_alone(address: str) -> None:
    if is_sqlite(address):
        sqlite3.connect(path_of(address)).execute("CREATE TABLE users (a int)").connection.close()
    else:
        run(address, "CREATE TABLE users (a int)")
    with pytest.raises(Unusable, match="'users' of something else"):
        prepare(address)


# Who writes


def test_a_second_writer_is_refused_until_the_first_has_gone(address: str) -> None:
    with WriterLock(address):
        prepare(address)
        engine = writer(address)
        engine.connect().close()
        with pytest.raises(Occupied), WriterLock(address):
            pass
        engine.dispose()
    with WriterLock(address):
        pass


def test_a_lock_goes_with_its_process_however_that_ends(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path}/presence.db"
    script = (
        "import sys\nfrom presence_server.history.store.database import WriterLock\n"
        "WriterLock(sys.argv[1]).__enter__()\nprint('held', flush=True)\nsys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, address], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(Occupied), WriterLock(address):
            pass
        holder.kill()
    with WriterLock(address):
        pass


def test_two_names_of_a_file_have_one_lock(tmp_path: Path) -> None:
    (tmp_path / "other.db").symlink_to(tmp_path / "presence.db")
    with (
        WriterLock(f"sqlite:///{tmp_path}/presence.db"),
        pytest.raises(Occupied),
        WriterLock(f"sqlite:///{tmp_path}/other.db"),
    ):
        pass


def test_a_connection_that_was_lost_comes_back_only_with_the_lock(postgres: Postgres) -> None:
    address = postgres.new_database()
    prepare(address)
    first = writer(address)
    (pid,) = ask(first, "SELECT pg_backend_pid()")
    run(postgres.address("postgres"), f"SELECT pg_terminate_backend({pid})", lock=False)
    other = writer(address)
    other.connect().close()
    with pytest.raises(Occupied):
        ask(first, "SELECT 1")
    other.dispose()
    assert ask(first, "SELECT 1") == (1,)
    first.dispose()


# Readers


def test_a_writer_that_vanished_holds_its_lock_for_half_a_minute(postgres: Postgres) -> None:
    engine = writer(postgres.new_database())
    with engine.connect() as connection:
        names = [f"tcp_keepalives_{name}" for name in ("idle", "interval", "count")]
        seconds = [
            int(connection.exec_driver_sql(f"SHOW {name}").scalar() or 0)  # as the kernel has it
            for name in names
        ]
    engine.dispose()
    assert seconds == [10, 5, 3]


def test_a_reader_changes_nothing(address: str) -> None:
    prepare(address)
    engine = readers(address)
    with engine.connect() as connection, pytest.raises(DBAPIError):
        connection.execute(text("INSERT INTO rooms VALUES (1, 'room')"))
    engine.dispose()


def test_a_query_of_two_seconds_is_ended(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("presence_server.history.store.engine.QUERY_MS", 50)
    prepare(address)
    engine = readers(address)
    with engine.connect() as connection:
        with pytest.raises(DBAPIError) as failure:
            connection.exec_driver_sql(SLOW[not is_sqlite(address)])
        assert is_timeout(failure.value)
    engine.dispose()


def test_a_snapshot_sees_nothing_new_and_may_take_its_time(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("presence_server.history.store.engine.QUERY_MS", 50)
    prepare(address)
    engine = readers(address)
    slow = "SELECT pg_sleep(0.1)"
    if is_sqlite(address):
        slow = SLOW[0].replace("FROM n)", "FROM n WHERE x < 1000000)")
    with engine.connect() as connection:
        snapshot(connection)
        assert connection.execute(text("SELECT count(*) FROM rooms")).scalar() == 0
        insert(address)
        connection.exec_driver_sql(slow).all()
        assert connection.execute(text("SELECT count(*) FROM rooms")).scalar() == 0
    assert ask(engine, "SELECT count(*) FROM rooms") == (1,)
    engine.dispose()


def test_readers_leave_sqlite_s_log_to_the_writer(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path}/presence.db"
    prepare(address)
    wal = tmp_path / "presence.db-wal"
    engine, reading = writer(address), readers(address)
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO rooms VALUES (1, 'room')")
    size = wal.stat().st_size
    assert ask(reading, "SELECT count(*) FROM rooms") == (1,)
    reading.dispose()
    assert wal.stat().st_size == size > 0
    engine.dispose()


@pytest.mark.parametrize("name", ["a b.db", "50%25.db", "what%3F.db", "no%231.db", "ümlaut.db"])
def test_a_file_may_be_called_anything(tmp_path: Path, name: str) -> None:
    address = f"sqlite:///{tmp_path}/{name}"
    prepare(address)
    insert(address)
    assert rows(address) == 1
    decoded = name.replace("%25", "%").replace("%3F", "?").replace("%23", "#")
    assert (tmp_path / decoded).stat().st_size > 0


def test_a_relative_path_stays_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    prepare("sqlite:///presence.db")
    engine = readers("sqlite:///presence.db")
    monkeypatch.chdir("/")
    assert ask(engine, "SELECT count(*) FROM rooms") == (0,)
    engine.dispose()


def test_only_its_owner_may_read_the_file(tmp_path: Path) -> None:
    prepare(f"sqlite:///{tmp_path}/presence.db")
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in tmp_path.iterdir()}
    assert set(modes.values()) == {"0o600"}, modes


# A file that is removed or replaced

COUNT = "SELECT count(*) FROM rooms"


def replaced(folder: Path) -> Engine:
    """A writer with a log of its own, whose file is another by now: a whole copy, without rooms."""
    address = f"sqlite:///{folder}/presence.db"
    prepare(address)
    (folder / "copy.db").write_bytes((folder / "presence.db").read_bytes())
    engine = writer(address)
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO rooms VALUES (1, 'room')")
    check_place(address)
    (folder / "presence.db").rename(folder / "old.db")
    (folder / "copy.db").rename(folder / "presence.db")
    return engine


def test_a_writer_is_told_that_its_file_is_another(tmp_path: Path) -> None:
    engine = replaced(tmp_path)
    with pytest.raises(Unusable, match="replaced while in use") as failure:
        check_place(f"sqlite:///{tmp_path}/presence.db")
    assert failure.value.trouble == "gone"
    engine.dispose()
    prepare(f"sqlite:///{tmp_path}/presence.db")
    check_place(f"sqlite:///{tmp_path}/presence.db")


def test_a_writer_that_closes_completes_the_file_it_had_and_spares_the_one_that_came(
    tmp_path: Path,
) -> None:
    replaced(tmp_path).dispose()
    assert not (tmp_path / "presence.db-wal").exists()
    for name, count in (("presence.db", 0), ("old.db", 1)):
        with closing(sqlite3.connect(tmp_path / name)) as connection:
            assert connection.execute(COUNT).fetchone() == (count,)
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_log_that_came_with_another_file_is_left_to_it(tmp_path: Path) -> None:
    engine = replaced(tmp_path)
    for end in ("-wal", "-shm"):
        (tmp_path / f"presence.db{end}").rename(tmp_path / f"old.db{end}")
        (tmp_path / f"presence.db{end}").write_text("theirs")
    engine.dispose()
    assert (tmp_path / "presence.db-wal").read_text() == "theirs"
    assert (tmp_path / "presence.db-shm").read_text() == "theirs"


def test_readers_wait_for_the_writer_and_then_see_the_file_that_came(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path}/presence.db"
    prepare(address)
    reading = readers(address)
    assert ask(reading, COUNT) == (0,)
    engine = replaced(tmp_path)
    with pytest.raises(DBAPIError) as failure:
        ask(reading, COUNT)
    assert classify(failure.value) == "gone"
    engine.dispose()
    prepare(address)
    insert(address)
    assert ask(reading, COUNT) == (1,)
    reading.dispose()


# What is wrong


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("sqlite:////nowhere/at/all.db", "No such file or directory"),
        ("sqlite:////tmp", "unable to open database file"),
        ("sqlite:///:memory:", "path of a file"),
        ("sqlite:////tmp/a.db?mode=ro", "path of a file"),
        ("postgresql://u:hidden@127.0.0.1:1/x", "Connection refused"),
        ("postgresql://u:hidden@127.0.0.1:1/x?nonsense=hidden", "nonsense"),
        ("postgresql://u:hidden@[::1/x", "is no sqlite"),
        ("mysql://u:hidden@h/x", "is no sqlite"),
    ],
)
def test_what_cannot_be_used_says_why_in_a_line_without_the_password(
    address: str, message: str
) -> None:
    with pytest.raises(Unusable, match=message) as failure:
        prepare(address)
    assert "hidden" not in str(failure.value)
    assert "\n" not in str(failure.value)


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no database " * 100)
    with pytest.raises(Unusable, match="file is not a database"):
        prepare(f"sqlite:///{tmp_path}/notes.txt")
    assert (tmp_path / "notes.txt").read_text() == "no database " * 100


def test_postgresql_that_does_not_know_the_database_or_user_is_unusable(
    postgres: Postgres,
) -> None:
    with pytest.raises(Unusable, match='"nobody" does not exist') as failure:
        prepare(postgres.address("postgres").replace("postgres@", "nobody:hidden@"))
    assert "hidden" not in str(failure.value)
    with pytest.raises(Unusable, match='"nothing" does not exist'):
        prepare(postgres.address("nothing"))


def test_without_psycopg_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(Unusable, match="pip install"):
        prepare("postgresql://u@127.0.0.1:1/x")


def test_a_file_that_only_may_be_read_is_unusable() -> None:
    # Root may write anything. Whoever it becomes can load nothing more: so all is loaded before.
    script = (
        "import os, sys\nfrom presence_server.history.store.database import prepare, Unusable\n"
        "path = sys.argv[1]\nprepare(f'sqlite:///{path}/presence.db')\n"
        "os.chmod(f'{path}/presence.db', 0o444)\nos.chmod(path, 0o555)\n"
        "os.geteuid() or os.setuid(65534)\n"
        "try: prepare(f'sqlite:///{path}/presence.db')\nexcept Unusable as error: print(error)"
    )
    with tempfile.TemporaryDirectory() as folder:
        shown = subprocess.run(
            [sys.executable, "-c", script, folder],
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        ).stdout
    assert "readonly database" in shown


# Troubles by their kind


def test_a_database_that_another_holds_is_locked(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path}/presence.db"
    prepare(address)
    other = sqlite3.connect(tmp_path / "presence.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    engine = writer(address)
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        driver.execute("PRAGMA busy_timeout=0")
    assert trouble(engine) == "locked"
    other.close()
    assert trouble(engine) is None
    engine.dispose()


def test_a_disk_without_room_is_full(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path}/presence.db"
    prepare(address)
    engine = writer(address)
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        (pages,) = driver.execute("PRAGMA page_count").fetchone()
        driver.execute(f"PRAGMA max_page_count={pages}")
    fill = (
        "INSERT INTO rooms WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n "
        "WHERE x < 9999) SELECT x, 'room-' || x FROM n"
    )
    assert trouble(engine, fill) == "full"
    engine.dispose()


def test_a_file_that_was_taken_away_is_gone(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path}/presence.db"
    prepare(address)
    (tmp_path / "presence.db").unlink()
    engine = writer(address)
    assert trouble(engine) == "gone"
    assert not (tmp_path / "presence.db").exists()
    engine.dispose()


def test_a_server_that_does_not_answer_or_only_reads_is_gone(postgres: Postgres) -> None:
    engine = writer("postgresql://u@127.0.0.1:1/x")
    assert trouble(engine) == "gone"
    address = postgres.new_database()
    prepare(address)
    engine = writer(address + "?options=-c%20default_transaction_read_only%3Don")
    assert trouble(engine) == "gone"
    engine.dispose()


def test_a_connection_that_breaks_in_a_transaction_is_gone(postgres: Postgres) -> None:
    address = postgres.new_database()
    prepare(address)
    engine = writer(address)
    with engine.connect() as connection:
        pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
        run(postgres.address("postgres"), f"SELECT pg_terminate_backend({pid})", lock=False)
        with pytest.raises(DBAPIError) as failure:
            connection.exec_driver_sql("SELECT 1")
    assert classify(failure.value) == "gone"
    assert trouble(engine) is None
    engine.dispose()


def test_two_who_wait_for_each_other_are_locked_and_nonsense_is_other(postgres: Postgres) -> None:
    address = postgres.new_database()
    prepare(address)
    engine = writer(address + "?options=-c%20lock_timeout%3D0")
    assert trouble(engine, "SELECT nonsense") == "other"
    with engine.connect() as connection:
        connection.exec_driver_sql("SET lock_timeout = '20ms'")
        connection.commit()
    holder = readers(address)
    with holder.connect() as connection:
        connection.exec_driver_sql("SELECT * FROM rooms")
        assert trouble(engine, "DROP TABLE rooms") == "locked"
    holder.dispose()
    engine.dispose()


def test_what_a_driver_says_itself_is_understood_too(tmp_path: Path, postgres: Postgres) -> None:
    """A COPY and the truncation of a log do not go through SQLAlchemy."""
    path = tmp_path / "presence.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as one:
        one.execute("BEGIN IMMEDIATE")
        with closing(sqlite3.connect(path, 0)) as other, pytest.raises(sqlite3.Error) as failure:
            other.execute("BEGIN IMMEDIATE")
    assert classify(failure.value) == "locked"
    with closing(psycopg.connect(postgres.address("postgres"))) as one:
        with pytest.raises(psycopg.Error) as ended:
            one.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        with pytest.raises(psycopg.Error) as lost:
            one.execute("SELECT 1")
    assert [classify(error.value) for error in (ended, lost)] == ["gone", "gone"]
    assert classify(psycopg.errors.DiskFull()) == "full"


def test_an_error_does_not_show_what_was_to_be_written(address: str) -> None:
    prepare(address)
    engine = writer(address)
    with pytest.raises(DBAPIError) as failure, engine.begin() as connection:
        connection.execute(text("INSERT INTO rooms VALUES (:a, :b, 1)"), {"a": 1, "b": "canary"})
    assert "canary" not in str(failure.value)
    engine.dispose()


def trouble(engine: Engine, statement: str = "INSERT INTO rooms VALUES (7, 'seven')") -> str | None:
    """What becomes of a statement."""
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(statement)
    except DBAPIError as error:
        return classify(error)
    return None


def ask(engine: Engine, query: str) -> tuple[Any, ...]:
    with engine.connect() as connection:
        return tuple(connection.exec_driver_sql(query).one())


def run(address: str, statement: str, *, lock: bool = True) -> None:
    engine = writer(address) if lock else readers(address)
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()


def insert(address: str) -> None:
    run(address, "INSERT INTO rooms VALUES (1, 'room')")


def rows(address: str) -> int:
    engine = readers(address)
    (count,) = ask(engine, "SELECT count(*) FROM rooms")
    engine.dispose()
    return int(count)


def path_of(address: str) -> str:
    return address.removeprefix("sqlite:///")
