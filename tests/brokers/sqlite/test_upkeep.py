"""Upkeep: taking back what dead holders left, and forgetting what is past its time."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.brokers.sqlite.processes import PATIENCE, heard, process
from tests.fakes import NOON, Clock, message

from ebbtide.broker import Settlement
from ebbtide.brokers.sqlite import SqliteBroker, upkeep
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


@pytest.fixture
def keeper(path: Path) -> Iterator[Upkeep]:
    database = Database(path)
    made = Upkeep(database, Clock())
    yield made
    made.close()
    database.close()


def killed_holding(path: Path) -> None:
    with process(path, HOLD) as other:
        assert heard(other) == "held"
        other.wait(PATIENCE)


def holder_files(path: Path) -> list[str]:
    return [name for name in os.listdir(f"{path}-run") if name.startswith(("holder", "last"))]


def test_what_a_dead_holder_left_is_taken_back_once(path: Path, broker: SqliteBroker, keeper: Upkeep) -> None:
    broker.send([message("a"), message("b")])
    killed_holding(path)
    assert keeper.reclaim() == 2
    assert keeper.reclaim() == 0
    assert [error.attempt for error in broker.load(["a"])["a"].errors] == [1]


def test_a_dead_holders_files_are_removed(path: Path, broker: SqliteBroker, keeper: Upkeep) -> None:
    broker.send([message("a")])
    killed_holding(path)
    assert len(holder_files(path)) == 1
    keeper.reclaim()
    assert holder_files(path) == []


def test_a_holder_whose_file_is_gone_is_dead(path: Path, broker: SqliteBroker, keeper: Upkeep) -> None:
    broker.send([message("a")])
    killed_holding(path)
    for name in holder_files(path):
        os.unlink(f"{path}-run/{name}")
    assert keeper.reclaim() == 1
    # Nobody can say that it had been started, so it has not spent the attempt.
    assert broker.receive([QUEUE], 1)[0].attempt == 1


def test_a_suspect_that_was_handed_back_unstarted_still_is_one(path: Path, broker: SqliteBroker) -> None:
    broker.send([message("a")])
    killed_holding(path)
    (again,) = broker.receive([QUEUE], 1, wait=PATIENCE)
    assert again.fate is not None
    broker.retry([Settlement(again, spent=False)])
    (third,) = broker.receive([QUEUE], 1)
    assert (third.attempt, third.fate) == (2, again.fate)


def test_it_looks_once_in_a_while_and_not_at_every_call(keeper: Upkeep, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    monkeypatch.setattr(keeper, "reclaim", lambda: looks.append(1))
    monkeypatch.setattr(upkeep, "EVERY", 3600)
    for _ in range(5):
        keeper.when_due()
    assert looks == [1]


def test_whoever_receives_forgets_what_is_past_its_time(path: Path) -> None:
    clock = Clock()
    broker = SqliteBroker(path, durable=False, clock=clock)
    broker.send([message("a")])
    (delivery,) = broker.receive([QUEUE], 1)
    report = Report("a", "work", Status.SUCCESSFUL, 1, 60, NOON, NOON, NOON, "1")
    broker.ack([Settlement(delivery, report)])
    broker.close()
    clock.forward(61)
    later = SqliteBroker(path, durable=False, clock=clock)
    assert later.receive([QUEUE], 1) == []
    assert later.load(["a"]) == {}
    later.close()


def test_keys_past_their_window_are_forgotten_and_held_ones_are_not(path: Path) -> None:
    clock = Clock()
    broker = SqliteBroker(path, durable=False, clock=clock)
    broker.send([message("a", key="pending"), message("b", key="window", key_window=600.0), message("c", key="over")])
    taken = broker.receive([QUEUE], 3)
    broker.ack([Settlement(delivery) for delivery in taken if delivery.message.id != "a"])
    broker.purge()
    with closing(sqlite3.connect(path)) as connection:
        assert [key for (key,) in connection.execute("select key from keys order by key")] == ["pending", "window"]
    broker.close()


def test_the_holder_is_made_once_and_anew_after_closing(keeper: Upkeep, path: Path) -> None:
    with keeper._database.reading():
        first = keeper.holder()
    assert keeper.holder() is first
    keeper.close()
    assert keeper.holder() is not first


@pytest.mark.parametrize(
    ("words", "kind", "said"),
    [
        ("", "WorkerDied", "without a word"),
        ("  \n", "WorkerDied", "without a word"),
        ("Fatal Python error: Segmentation fault\n\nCurrent thread 0x1:\n  File", "WorkerDied", "Segmentation fault"),
        (
            "Current thread 0x1 (most recent call first):\n  File x in hang",
            "TaskTimeout",
            "longer than its queue's timeout",
        ),
    ],
)
def test_last_words_tell_a_crash_from_a_time_limit(words: str, kind: str, said: str) -> None:
    exception, told, trace = upkeep._reason(words)
    assert exception == f"ebbtide.errors.{kind}"
    assert said in told
    assert trace == ("" if "without" in said else words)


def test_a_purge_between_two_batches_is_many_writes_and_not_part_of_the_next_claim(path: Path) -> None:
    clock, begun = Clock(), []

    class Observed(sqlite3.Connection):
        def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
            begun.extend([sql] if sql == "begin immediate" else [])
            return super().execute(sql, parameters)

    def connect(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        made: sqlite3.Connection = sqlite3.connect(*args, **{**kwargs, "factory": Observed})
        return made

    with closing(SqliteBroker(path, durable=False, clock=clock, connect=connect)) as broker:
        broker.send([message(f"m{number}") for number in range(3 * upkeep.SLICE)])
        for delivery in broker.receive([QUEUE], 3 * upkeep.SLICE):
            report = Report(delivery.message.id, "work", Status.SUCCESSFUL, 1, 10.0, NOON, NOON, NOON, "1")
            broker.ack([Settlement(delivery, report)])
        clock.now += 3600
        broker._upkeep._purged = float("-inf")
        begun.clear()
        with broker.together():
            assert broker.receive([QUEUE], 1) == []
            assert len(begun) == 1
        assert len(begun) >= 1 + 3
        assert broker.load(["m0"]) == {}
