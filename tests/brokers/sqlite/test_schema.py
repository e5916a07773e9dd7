"""The layout of the file: made once, marked as ours, found again."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ebbtide.brokers.sqlite import statements
from ebbtide.brokers.sqlite.schema import APPLICATION, VERSION, prepare
from ebbtide.errors import StorageError

PATH = Path("queue.db")


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as made:
        yield made


def layout(connection: sqlite3.Connection) -> list[str]:
    return [sql for (sql,) in connection.execute("select sql from sqlite_master where sql is not null order by name")]


def test_a_new_file_gets_the_tables_and_our_mark(connection: sqlite3.Connection) -> None:
    prepare(connection, PATH)
    assert connection.execute("pragma application_id").fetchone() == (APPLICATION,)
    assert connection.execute("pragma user_version").fetchone() == (VERSION,)
    assert any(sql.startswith("CREATE TABLE tasks") for sql in layout(connection))


def test_a_file_of_ours_stays_as_it_is(connection: sqlite3.Connection) -> None:
    prepare(connection, PATH)
    before = layout(connection)
    connection.execute("insert into keys (task, key, id, call, until) values ('t', 'k', 'i', 'c', 0)")
    prepare(connection, PATH)
    assert layout(connection) == before
    assert connection.execute("select count(*) from keys").fetchone() == (1,)


@pytest.mark.parametrize("mark", ["application_id = 7", "user_version = 1"])
def test_a_file_marked_by_another_program_is_refused(connection: sqlite3.Connection, mark: str) -> None:
    connection.execute(f"pragma {mark}")
    with pytest.raises(StorageError, match="an SQLite database of something else"):
        prepare(connection, PATH)


def test_a_file_with_tables_of_another_program_is_refused(connection: sqlite3.Connection) -> None:
    connection.execute("create table people (name text)")
    with pytest.raises(StorageError, match="an SQLite database of something else"):
        prepare(connection, PATH)
    assert len(layout(connection)) == 1


@pytest.mark.parametrize("version", [VERSION + 1, 1_000_000])
def test_a_newer_layout_is_refused_by_its_number(connection: sqlite3.Connection, version: int) -> None:
    prepare(connection, PATH)
    connection.execute(f"pragma user_version = {version}")
    with pytest.raises(StorageError, match=f"newer Ebbtide \\(layout {version}, this one knows {VERSION}\\)"):
        prepare(connection, PATH)


STATEMENTS = {name: sql for name, sql in vars(statements).items() if name.isupper() and isinstance(sql, str)}


@pytest.mark.parametrize("name", [name for name in STATEMENTS if name not in ("INSERT", "TAKE_KEY", "_HELD", "_CLAIM")])
def test_no_statement_reads_the_whole_table(connection: sqlite3.Connection, name: str) -> None:
    prepare(connection, PATH)
    sql = STATEMENTS[name]
    given = (None,) * sql.count("?")
    plan = [str(row[3]) for row in connection.execute(f"explain query plan {sql}", given)]
    small = ("SCAN lanes", "SCAN (subquery", "LIST SUBQUERY")  # what was found before
    whole = [step for step in plan if step.startswith("SCAN") and not any(text in step for text in ("USING", *small))]
    assert plan
    assert whole == []
