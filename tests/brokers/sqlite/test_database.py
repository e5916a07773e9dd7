"""The file: opened late, written in transactions, and every trouble with it told in one clear error."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from tests.fakes import message

from ebbtide.brokers.sqlite import SqliteBroker, database
from ebbtide.brokers.sqlite.database import Database, explain
from ebbtide.errors import StorageError, StorageFull

INSERT = "insert into keys (task, key, id, call, until) values ('t', ?, 'i', 'c', 0)"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "queue.db"


@pytest.fixture
def file(path: Path) -> Iterator[Database]:
    made = Database(path)
    yield made
    made.close()


def keys(file: Database) -> list[str]:
    with file.reading() as connection:
        return [key for (key,) in connection.execute("select key from keys order by key")]


def test_making_one_opens_nothing(path: Path) -> None:
    Database(path)
    assert not path.exists()


def test_it_is_in_wal_mode(file: Database) -> None:
    with file.reading() as connection:
        assert connection.execute("pragma journal_mode").fetchone() == ("wal",)


def test_what_is_written_is_there_for_others(file: Database, path: Path) -> None:
    with file.writing() as connection:
        connection.execute(INSERT, ("a",))
    other = Database(path)
    assert keys(other) == ["a"]
    other.close()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, GeneratorExit])
def test_an_exception_takes_the_whole_write_back(file: Database, error: type[BaseException]) -> None:
    def write() -> None:
        with file.writing() as connection:
            connection.execute(INSERT, ("a",))
            raise error

    with pytest.raises(error):
        write()
    assert keys(file) == []
    with file.writing() as connection:
        connection.execute(INSERT, ("b",))
    assert keys(file) == ["b"]


def test_a_nested_write_is_part_of_the_outer_one(file: Database) -> None:
    def write() -> None:
        with file.writing(safe=False):
            with file.writing() as connection:
                connection.execute(INSERT, ("a",))
            raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        write()
    assert keys(file) == []


def test_threads_write_one_after_another(file: Database) -> None:
    def write(name: int) -> None:
        for step in range(20):
            with file.writing() as connection:
                connection.execute(INSERT, (f"{name}-{step}",))

    threads = [Thread(target=write, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys(file)) == 80


def test_a_safe_write_is_flushed_and_others_are_not(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[int] = []
    monkeypatch.setattr(database, "_to_disk", flushed.append)
    durable, fast = Database(path), Database(path, durable=False)
    with durable.writing(safe=False):
        pass
    with fast.writing(), durable.reading():
        pass
    assert flushed == []
    with durable.writing(safe=False), durable.writing():
        assert flushed == []
    assert len(flushed) == 1
    durable.close()
    fast.close()


def test_a_failed_write_is_not_flushed(file: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[int] = []
    monkeypatch.setattr(database, "_to_disk", flushed.append)
    with pytest.raises(ZeroDivisionError), file.writing():
        _ = 1 / 0
    with file.writing(safe=False):
        pass
    assert flushed == []


def test_it_is_opened_anew_after_closing(file: Database) -> None:
    with file.writing() as connection:
        connection.execute(INSERT, ("a",))
    file.close()
    file.close()
    assert keys(file) == ["a"]


# Trouble


def trouble(path: Path, **options: Any) -> str:
    broker = SqliteBroker(path, **options)
    with pytest.raises(StorageError) as caught:
        broker.send([message()])
    broker.close()
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_a_missing_folder_is_told_with_the_cure(tmp_path: Path) -> None:
    told = trouble(tmp_path / "no" / "queue.db")
    assert told.endswith(f"there is no folder {tmp_path}/no; create it or correct the path")


def test_a_file_that_is_no_database_is_told_and_left_alone(path: Path) -> None:
    path.write_text("notes of mine, many of them" * 100)
    assert "it is no SQLite database; name another file" in trouble(path)
    assert path.read_text().startswith("notes of mine")


def test_a_database_of_something_else_is_told_and_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("create table people (name text)")
    before = path.read_bytes()
    assert "an SQLite database of something else; name another file" in trouble(path)
    assert path.read_bytes() == before


def test_a_file_of_a_newer_ebbtide_is_told_and_left_alone(path: Path) -> None:
    broker = SqliteBroker(path)
    broker.send([message()])
    broker.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("pragma user_version = 99")
        connection.execute("pragma journal_mode = delete")
    before = path.read_bytes()
    told = trouble(path)
    assert "written by a newer Ebbtide (layout 99, this one knows" in told
    assert "Nothing was changed" in told
    assert path.read_bytes() == before


def test_a_folder_in_place_of_the_file_is_told(path: Path) -> None:
    path.mkdir()
    assert "cannot be opened" in trouble(path)


def test_a_read_only_file_is_told(path: Path) -> None:
    broker = SqliteBroker(path)
    broker.send([message()])

    def connect(file: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True, **options)
        return connection

    assert "read-only; a queue must be written to" in trouble(path, connect=connect)
    broker.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_told(path: Path) -> None:
    path.parent.chmod(0o500)
    try:
        assert "no permission" in trouble(path)
    finally:
        path.parent.chmod(0o700)


def test_a_damaged_file_is_told_with_the_cure(path: Path) -> None:
    broker = SqliteBroker(path)
    broker.send([message(str(number), args=["x" * 500]) for number in range(200)])
    broker.close()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xee" * (len(content) - 4096)
    path.write_bytes(content)
    assert "it is damaged; run" in trouble(path)


def test_another_programs_lock_is_told_after_the_timeout(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT", 0.01)
    broker = SqliteBroker(path)
    broker.send([message("a")])
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("begin immediate")
        with pytest.raises(StorageError, match="another program kept it locked"):
            broker.send([message("b")])
        other.execute("rollback")
    assert broker.send([message("b")]) == ["b"]
    broker.close()


def test_after_any_trouble_the_next_call_opens_it_anew(tmp_path: Path) -> None:
    path = tmp_path / "later" / "queue.db"
    broker = SqliteBroker(path)
    with pytest.raises(StorageError):
        broker.send([message()])
    path.parent.mkdir()
    assert broker.send([message()]) == ["m1"]
    broker.close()


def test_opening_in_vain_leaves_no_file_open(path: Path) -> None:
    path.write_text("no database" * 100)
    before = len(os.listdir("/dev/fd"))
    for _ in range(5):
        trouble(path)
    assert len(os.listdir("/dev/fd")) == before


def test_closing_leaves_no_file_open(path: Path) -> None:
    before = len(os.listdir("/dev/fd"))
    for _ in range(3):
        broker = SqliteBroker(path)
        broker.send([message()])
        broker.receive([], 1)
        broker.last_words()
        broker.close()
    assert len(os.listdir("/dev/fd")) == before


def test_every_other_error_of_sqlite_is_told_in_its_words() -> None:
    assert "no such table: x" in str(explain(Path("q.db"), sqlite3.OperationalError("no such table: x")))
    assert not isinstance(explain(Path("q.db"), sqlite3.OperationalError("x")), StorageFull)
