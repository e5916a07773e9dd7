"""What removing messages from a file means beyond the contract: races with workers, payload files, keys."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.fakes import NOON, Clock, message

from ebbtide.brokers.sqlite import SqliteBroker, statements
from ebbtide.brokers.sqlite.upkeep import SLICE
from ebbtide.purge import Chosen
from ebbtide.queue import Queue

READY = Chosen(("default",), ("ready",), NOON)
QUEUE = Queue()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "queue.db"


@pytest.fixture
def broker(path: Path) -> Iterator[SqliteBroker]:
    made = SqliteBroker(path, durable=False, clock=Clock())
    yield made
    made.close()


class Found:
    """The rows a slice looked for, and what happened right after."""

    def __init__(self, rows: list[Any], then: Callable[[], object]) -> None:
        self._rows = rows
        self._then = then

    def fetchall(self) -> list[Any]:
        self._then()
        return self._rows


def test_what_a_worker_takes_between_the_look_and_the_delete_stays(path: Path, broker: SqliteBroker) -> None:
    broker.send([message("a"), message("b")])

    class Watched(sqlite3.Connection):
        def execute(self, sql: str, parameters: Any = ()) -> Any:
            cursor = super().execute(sql, parameters)
            if sql != statements.MEANT["ready"]:
                return cursor
            return Found(cursor.fetchall(), lambda: taken.extend(broker.receive([QUEUE], 1)))

    taken: list[Any] = []
    operator = SqliteBroker(
        path, durable=False, clock=Clock(), connect=lambda *a, **k: sqlite3.connect(*a, factory=Watched, **k)
    )
    assert sum(operator.remove(READY)) == 1
    operator.close()
    assert [delivery.message.id for delivery in taken] == ["a"]
    assert broker.depth("default")[0].running == 1


def test_payload_files_go_with_their_messages(path: Path, broker: SqliteBroker) -> None:
    broker.send([message("large", args=["x" * 1_000_000]), message("small")])
    assert [name for name in os.listdir(f"{path}-run") if name.startswith("payload-")]
    assert sum(broker.remove(READY)) == 2
    assert not [name for name in os.listdir(f"{path}-run") if name.startswith("payload-")]


def test_keys_go_with_their_messages(path: Path, broker: SqliteBroker) -> None:
    broker.send([message(f"m{number}", key=f"k{number}", key_window=3600.0) for number in range(10)])
    assert sum(broker.remove(READY)) == 10
    connection = sqlite3.connect(path)
    assert connection.execute("select count(*) from keys").fetchone() == (0,)
    connection.close()


def test_a_slice_is_small_and_others_may_write_in_between(path: Path, broker: SqliteBroker) -> None:
    broker.send([message(f"m{number}") for number in range(3 * SLICE)])
    worker = SqliteBroker(path, durable=False, clock=Clock())
    removed = 0
    for slice in broker.remove(READY):
        removed += slice
        assert slice <= SLICE
        if removed < 2 * SLICE:
            assert len(worker.receive([QUEUE], 1)) == 1
    worker.close()
    assert removed == 3 * SLICE - 1
