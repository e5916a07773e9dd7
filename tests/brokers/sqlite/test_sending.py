"""Threads that enqueue at the same time ride together, and none pays for another's fault."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from tests.brokers.sqlite.processes import PATIENCE, until
from tests.fakes import message

from ebbtide.brokers.sqlite import SqliteBroker
from ebbtide.errors import KeyConflict, StorageError, StorageFull
from ebbtide.queue import Queue


class Writes:
    """How many transactions stored messages, and when each may; of `faults` each has one, or None."""

    def __init__(self) -> None:
        self.count = 0
        self.started, self.go_on = Event(), Event()
        self.faults: list[BaseException | None] = []

    def connect(self, *args: Any, **kwargs: Any) -> sqlite3.Connection:
        writes = self

        class Observed(sqlite3.Connection):
            def executemany(self, sql: str, parameters: Any, /) -> sqlite3.Cursor:
                if "insert into tasks" in sql:
                    writes.count += 1
                    writes.started.set()
                    assert writes.go_on.wait(PATIENCE)
                    if fault := writes.faults.pop(0) if writes.faults else None:
                        raise fault
                return super().executemany(sql, parameters)

        made: sqlite3.Connection = sqlite3.connect(*args, **{**kwargs, "factory": Observed})
        return made


class Full(sqlite3.OperationalError):
    """SQLite's error on a full disk."""

    sqlite_errorname = "SQLITE_FULL"


class Caller(Thread):
    """One thread that sends one message; `ids` or `error` once it is done."""

    def __init__(self, send: Callable[[], list[str]]) -> None:
        super().__init__(daemon=True)
        self.ids: list[str] | None = None
        self.error: BaseException | None = None
        self._send = send
        self.start()

    def run(self) -> None:
        try:
            self.ids = self._send()
        except BaseException as error:
            self.error = error


@pytest.fixture
def writes() -> Writes:
    return Writes()


@pytest.fixture
def broker(tmp_path: Path, writes: Writes) -> Iterator[SqliteBroker]:
    made = SqliteBroker(tmp_path / "queue.db", durable=False, connect=writes.connect)
    yield made
    made.close()


def crowd(broker: SqliteBroker, writes: Writes, number: int) -> list[Caller]:
    """Callers of which the first is writing, and the others wait for it."""
    first = Caller(lambda: broker.send([message("m0")]))
    assert writes.started.wait(PATIENCE)
    others = [Caller(lambda id=f"m{n}": broker.send([message(id)])) for n in range(1, number)]  # type: ignore[misc]
    until(lambda: len(broker._sender._waiting) == number - 1)
    return [first, *others]


def ended(callers: list[Caller]) -> list[Caller]:
    for caller in callers:
        caller.join(PATIENCE)
        assert not caller.is_alive()
    return callers


def stored(broker: SqliteBroker) -> set[str]:
    return {delivery.message.id for delivery in broker.receive([Queue()], 100)}


def test_who_comes_while_another_writes_is_written_with_the_others(broker: SqliteBroker, writes: Writes) -> None:
    callers = crowd(broker, writes, 9)
    writes.go_on.set()
    assert [caller.ids for caller in ended(callers)] == [[f"m{n}"] for n in range(9)]
    assert writes.count == 2
    assert stored(broker) == {f"m{n}" for n in range(9)}


def test_a_fault_of_the_storage_concerns_those_who_ride(broker: SqliteBroker, writes: Writes) -> None:
    callers = crowd(broker, writes, 4)
    writes.faults = [sqlite3.OperationalError("no")]
    writes.go_on.set()
    errors = [caller.error for caller in ended(callers)]
    assert isinstance(errors[0], StorageError)  # the first wrote alone
    assert errors[1:] == [None] * 3
    assert stored(broker) == {"m1", "m2", "m3"}


def test_each_of_those_who_ride_has_an_error_of_its_own(broker: SqliteBroker, writes: Writes) -> None:
    callers = crowd(broker, writes, 4)
    writes.faults = [None, Full("no room")]
    writes.go_on.set()
    errors = [caller.error for caller in ended(callers)]
    assert errors[0] is None
    assert all(isinstance(error, StorageFull) for error in errors[1:])
    assert len({id(error) for error in errors[1:]}) == 3
    assert stored(broker) == {"m0"}


def test_what_ends_the_one_who_writes_ends_nobody_else(broker: SqliteBroker, writes: Writes) -> None:
    callers = crowd(broker, writes, 5)
    writes.faults = [None, KeyboardInterrupt()]
    writes.go_on.set()
    (interrupted,) = [caller for caller in ended(callers) if caller.error]
    assert isinstance(interrupted.error, KeyboardInterrupt)
    assert interrupted is not callers[0]
    assert stored(broker) == {caller.ids[0] for caller in callers if caller.ids}


def test_a_conflict_of_keys_concerns_its_caller_alone(broker: SqliteBroker, writes: Writes) -> None:
    writes.go_on.set()
    broker.send([message("a", key="k", args=[1])])
    callers = [Caller(lambda n=n: broker.send([message(f"m{n}")])) for n in range(4)]  # type: ignore[misc]
    refused = Caller(lambda: broker.send([message("b", key="k", args=[2])]))
    assert all(caller.ids for caller in ended(callers))
    assert isinstance(ended([refused])[0].error, KeyConflict)


def test_sending_within_an_own_transaction_waits_for_nobody(broker: SqliteBroker, writes: Writes) -> None:
    writes.go_on.set()
    with broker.together():
        broker.send([message("a")])
        riders = [Caller(lambda n=n: broker.send([message(f"m{n}")])) for n in range(2)]  # type: ignore[misc]
        broker.send([message("b")])
    ended(riders)
    assert stored(broker) == {"a", "b", "m0", "m1"}
