"""Files that are deleted or replaced under a process, and a flush that fails: it says so and stores nothing there."""

import errno
import os
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from tests.fakes import message

from ebbtide.brokers.sqlite import SqliteBroker
from ebbtide.brokers.sqlite.database import Database
from ebbtide.brokers.sqlite.in_use import EVERY, InUse
from ebbtide.errors import StorageLost
from ebbtide.queue import Queue

INSERT = "insert into keys (task, key, id, call, until) values ('t', ?, 'i', 'c', 0)"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "queue.db"


def remove(path: Path) -> None:
    for file in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
        file.unlink()


def replace(path: Path) -> None:
    remove(path)
    with closing(SqliteBroker(path)) as other:
        other.send([message("another")])


def remove_log(path: Path) -> None:
    Path(f"{path}-wal").unlink()


def remove_folder(path: Path) -> None:
    folder = path.with_name(path.name + "-run")
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()


@pytest.mark.parametrize(
    ("fault", "named"),
    [(remove, "queue.db:"), (replace, "queue.db:"), (remove_log, "queue.db-wal:"), (remove_folder, "gate:")],
)
def test_a_file_that_is_taken_away_is_noticed_by_who_writes_and_who_waits(
    path: Path, fault: Callable[[Path], None], named: str
) -> None:
    with closing(SqliteBroker(path)) as writer, closing(SqliteBroker(path)) as waiter:
        writer.send([message("a")])
        waiter.depth("other")
        fault(path)
        time.sleep(EVERY)
        with pytest.raises(StorageLost, match=f"{named} it was removed or replaced while it was in use"):
            writer.send([message("b")])
        with pytest.raises(StorageLost, match=named):
            waiter.receive([Queue("other")], 1, wait=5.0)


@pytest.mark.parametrize("fault", [remove, replace, remove_folder])
def test_the_next_call_uses_what_is_there_then(path: Path, fault: Callable[[Path], None]) -> None:
    with closing(SqliteBroker(path)) as broker:
        broker.send([message("a")])
        fault(path)
        time.sleep(EVERY)
        with pytest.raises(StorageLost):
            broker.send([message("b")])
        broker.send([message("c")])
    with closing(SqliteBroker(path)) as later:
        found = later.load(["a", "b", "c", "another"])
    assert "b" not in found
    assert "c" in found
    assert ("another" in found) == (fault is replace)
    assert ("a" in found) == (fault is remove_folder)


def test_when_only_the_log_is_taken_away_what_it_held_is_saved(path: Path) -> None:
    with closing(SqliteBroker(path)) as broker:
        broker.send([message("a")])
        remove_log(path)
        time.sleep(EVERY)
        with pytest.raises(StorageLost):
            broker.send([message("b")])
        Path(f"{path}-shm").unlink()
        broker.send([message("c")])
        assert broker.load(["a", "b", "c"]).keys() == {"a", "c"}


def test_within_a_moment_nothing_is_looked_up(path: Path) -> None:
    path.touch()
    files = InUse(path)
    path.unlink()
    assert files.gone() is None
    time.sleep(EVERY)
    assert files.gone() == path


class Flush:
    """Flushes that fail when told to."""

    def __init__(self) -> None:
        self.broken = False
        self.done = 0

    def __call__(self, file: int) -> None:
        if self.broken:
            self.broken = False  # as with Linux, which reports it once
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self.done += 1


def write(file: Database, key: str, *, safe: bool = True) -> None:
    with file.writing(safe=safe) as connection:
        connection.execute(INSERT, (key,))


def test_after_a_failed_flush_nothing_is_said_to_be_safe_any_more(path: Path) -> None:
    flush = Flush()
    file = Database(path, to_disk=flush)
    write(file, "a")
    flush.broken = True
    told = r"queue\.db: it could not be flushed to disk \(Input/output error\); nothing more is written"
    with pytest.raises(StorageLost, match=told):
        write(file, "b")
    for safe in (True, False):
        with pytest.raises(StorageLost, match=told):
            write(file, "c", safe=safe)
    with pytest.raises(StorageLost, match=told):
        file.flush(others=True)
    assert flush.done == 1
    with pytest.raises(StorageLost, match=told), file.reading():
        pass
