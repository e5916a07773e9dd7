"""Figures in the file: part of the settlement's write, and of what dead holders leave."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.brokers.sqlite.processes import PATIENCE, heard, process
from tests.fakes import message

from ebbtide.broker import Delivery, Settlement
from ebbtide.brokers.sqlite import SqliteBroker
from ebbtide.brokers.sqlite.database import Database
from ebbtide.brokers.sqlite.upkeep import Upkeep
from ebbtide.queue import Queue
from ebbtide.result import Report, Status

QUEUE = Queue()
HOLD = """
for delivery in broker.receive([Queue()], 100):
    broker.begin(delivery)
say("held")
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "queue.db"


@pytest.fixture
def broker(path: Path) -> Iterator[SqliteBroker]:
    made = SqliteBroker(path, durable=False)
    yield made
    made.close()


def done(delivery: Delivery, task: str = "work") -> Settlement:
    return Settlement(delivery, Report("m", task, Status.SUCCESSFUL, 1, 0.0, 1.0, 1.0, 1.0, "1"))


def test_a_settlement_that_is_rolled_back_is_not_counted(broker: SqliteBroker) -> None:
    broker.send([message("a")])
    (delivery,) = broker.receive([QUEUE], 1)

    def fail_after() -> None:
        with broker.together():
            broker.ack([done(delivery)])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_after()
    assert broker.minutes(0.0) == []
    assert broker.ack([done(delivery)]) == 1
    assert [found.counted.succeeded for found in broker.minutes(0.0)] == [1]


def test_a_batch_writes_one_row_for_each_task(path: Path, broker: SqliteBroker) -> None:
    broker.send([message(f"m{number}") for number in range(30)])
    broker.ack([done(d, f"task{n % 3}") for n, d in enumerate(broker.receive([QUEUE], 30))])
    connection = sqlite3.connect(path)
    assert connection.execute("select task, sum(succeeded) from minutes group by task").fetchall() == [
        ("task0", 10),
        ("task1", 10),
        ("task2", 10),
    ]
    connection.close()


def test_an_attempt_that_ended_with_its_worker_is_counted_as_one_to_be_retried(
    path: Path, broker: SqliteBroker
) -> None:
    broker.send([message("a"), message("b")])
    with process(path, HOLD) as other:
        assert heard(other) == "held"
        other.wait(PATIENCE)
    database = Database(path)
    keeper = Upkeep(database, lambda: 1_800_000_000.0)
    assert keeper.reclaim() == 2
    keeper.close()
    database.close()
    assert [(m.task, m.counted.attempts, m.counted.retried) for m in broker.minutes(0.0)] == [("work", 2, 2)]
