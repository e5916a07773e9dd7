"""What every place promises that keeps records, stated once: the embedded brokers', and DynamoDB's.

The former write a record with the message's own row, the latter is told by reports. `Teller` hides that; a place is
added by one line in TELLERS.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from tests.aws.moto import a_bucket, a_table, clients
from tests.fakes import NOON, Clock, message

from ebbtide.broker import Delivery, Settlement
from ebbtide.brokers.memory import MemoryBroker
from ebbtide.brokers.sqlite import SqliteBroker
from ebbtide.brokers.sqs.claims import ClaimCheck
from ebbtide.queue import Queue
from ebbtide.result import Record, Records, Report, Status, TaskError
from ebbtide.results.dynamodb import DynamoDbResults

PATIENCE = 30.0
"""Seconds: how long a test waits for what must happen."""


class Teller(ABC):
    """A place with records, and how the story of a task is told to it. Times are NOON plus the attempt."""

    records: Records

    @abstractmethod
    def enqueued(self, *ids: str) -> None:
        """These tasks were enqueued at NOON."""

    @abstractmethod
    def started(self, id: str) -> None:
        """The next attempt of this task has started."""

    @abstractmethod
    def ended(self, report: Report) -> None:
        """The attempt came to this."""

    def succeeds(self, id: str, value: str = "[1]", keep: float = 60.0) -> None:
        self._ends(id, Status.SUCCESSFUL, value=value, keep=keep)

    def fails(self, id: str, error: str = "no", keep: float = 60.0) -> None:
        self._ends(id, Status.READY, error=error, keep=keep)

    def dies(self, id: str, error: str = "no more", keep: float = 60.0) -> None:
        self._ends(id, Status.FAILED, error=error, keep=keep)

    def _ends(self, id: str, status: Status, keep: float, value: str | None = None, error: str | None = None) -> None:
        self.started(id)
        attempt = self.attempts[id]
        fault = TaskError("shop.Boom", error, "Traceback \u00e9 \ud800", attempt) if error is not None else None
        end = None if status is Status.READY else NOON + attempt + 0.25
        self.ended(Report(id, "work", status, attempt, keep, NOON, NOON + attempt, end, value, fault))

    def __init__(self) -> None:
        self.attempts: dict[str, int] = {}


class Embedded(Teller):
    """Told by the verbs of a broker."""

    def __init__(self, broker: Any) -> None:
        super().__init__()
        self.records = self.broker = broker
        self._held: dict[str, Delivery] = {}

    def enqueued(self, *ids: str) -> None:
        self.broker.send([message(id, queue=queue_of(id)) for id in ids])

    def started(self, id: str) -> None:
        (self._held[id],) = self.broker.receive([Queue(queue_of(id))], 1)
        self.attempts[id] = self._held[id].attempt

    def ended(self, report: Report) -> None:
        verbs = {
            Status.SUCCESSFUL: self.broker.ack,
            Status.READY: self.broker.retry,
            Status.FAILED: self.broker.bury,
        }
        assert verbs[report.status]([Settlement(self._held.pop(report.id), report)]) == 1


class Told(Teller):
    """Told by reports."""

    def __init__(self, store: DynamoDbResults) -> None:
        super().__init__()
        self.records = self.store = store

    def enqueued(self, *ids: str) -> None:
        self.store.save([Report(id, "work", Status.READY, 0, 60.0, NOON) for id in ids])

    def started(self, id: str) -> None:
        self.attempts[id] = self.attempts.get(id, 0) + 1

    def ended(self, report: Report) -> None:
        self.store.save([report])


def queue_of(id: str) -> str:
    """A queue for each task, so that a test chooses which is taken."""
    return f"q-{id.encode().hex()[:38]}"


def dynamodb(clock: Clock) -> DynamoDbResults:
    bucket = a_bucket()
    return DynamoDbResults(a_table(), ClaimCheck(clients(), lambda: bucket), clock)


TELLERS: dict[str, Callable[[Path, Clock], Teller]] = {
    "memory": lambda folder, clock: Embedded(MemoryBroker(clock)),
    "sqlite": lambda folder, clock: Embedded(SqliteBroker(folder / "queue.db", clock=clock, durable=False)),
    "dynamodb": lambda folder, clock: Told(dynamodb(clock)),
}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=TELLERS)
def teller(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Teller]:
    made = TELLERS[request.param](tmp_path, clock)
    yield made
    if isinstance(made, Embedded):
        made.broker.close()


def record(teller: Teller, id: str = "a") -> Record:
    return teller.records.load([id])[id]


def test_what_was_enqueued_is_ready(teller: Teller) -> None:
    teller.enqueued("a")
    assert record(teller) == Record("a", "work", Status.READY, 0, NOON)


def test_a_success_has_its_value_and_its_times(teller: Teller) -> None:
    teller.enqueued("a")
    teller.succeeds("a", '{"sum":0.1}')
    assert record(teller) == Record("a", "work", Status.SUCCESSFUL, 1, NOON, NOON + 1, NOON + 1.25, '{"sum":0.1}')


def test_a_failed_attempt_leaves_the_task_ready_with_its_error(teller: Teller) -> None:
    teller.enqueued("a")
    teller.fails("a", "no luck")
    found = record(teller)
    assert (found.status, found.attempts, found.started_at, found.finished_at) == (Status.READY, 1, None, None)
    assert found.errors == (TaskError("shop.Boom", "no luck", "Traceback \u00e9 \ud800", 1),)


def test_errors_stand_in_the_order_of_their_attempts(teller: Teller) -> None:
    teller.enqueued("a")
    for number in range(1, 12):
        teller.fails("a", f"error {number}")
    teller.dies("a", "the last")
    found = record(teller)
    assert (found.status, found.attempts, found.value) == (Status.FAILED, 12, None)
    assert [(error.attempt, error.message) for error in found.errors] == [
        *((number, f"error {number}") for number in range(1, 12)),
        (12, "the last"),
    ]


def test_a_success_keeps_the_errors_before_it(teller: Teller) -> None:
    teller.enqueued("a")
    teller.fails("a")
    teller.succeeds("a")
    found = record(teller)
    assert (found.status, found.attempts, found.value, len(found.errors)) == (Status.SUCCESSFUL, 2, "[1]", 1)


@pytest.mark.parametrize("value", ["null", '""', "0", "-0.0", "12345678901234567890123", "1e-300", '"\\ud800"', "[]"])
def test_a_value_comes_back_as_the_text_it_was(teller: Teller, value: str) -> None:
    teller.enqueued("a")
    teller.succeeds("a", value)
    assert record(teller).value == value


def test_a_value_of_megabytes_comes_back_whole(teller: Teller) -> None:
    value = '"' + "x" * 3_000_000 + '"'
    teller.enqueued("a")
    teller.succeeds("a", value)
    assert record(teller).value == value


@pytest.mark.parametrize("id", ["a", "../../a", "a" * 200, "\u4e00" * 200, "a b\\c:*?", "sha256.a"])
def test_any_id_has_a_record_of_its_own(teller: Teller, id: str) -> None:
    teller.enqueued(id, "other")
    teller.succeeds(id, '"' + "x" * 100_000 + '"')
    assert record(teller, id).status is Status.SUCCESSFUL
    assert record(teller, "other").status is Status.READY


@pytest.mark.parametrize("id", ["nowhere", "", "\0", "../a", "x" * 5000])
def test_what_is_no_id_has_none(teller: Teller, id: str) -> None:
    teller.enqueued("a")
    assert list(teller.records.load([id, "a", id])) == ["a"]
    assert teller.records.load([]) == {}


def test_many_are_enqueued_and_loaded_at_once(teller: Teller) -> None:
    names = [f"m{number}" for number in range(230)]
    teller.enqueued(*names)
    assert list(teller.records.load(names)) == names


def test_what_is_enqueued_again_stays_as_it_is(teller: Teller) -> None:
    teller.enqueued("a", "b")
    teller.succeeds("a")
    teller.fails("b")
    teller.enqueued("a", "b", "c")
    teller.enqueued("a")
    found = teller.records.load(["a", "b", "c"])
    assert {id: (told.status, told.attempts) for id, told in found.items()} == {
        "a": (Status.SUCCESSFUL, 1),
        "b": (Status.READY, 1),
        "c": (Status.READY, 0),
    }


def test_a_record_is_forgotten_when_its_retention_has_passed(teller: Teller, clock: Clock) -> None:
    teller.enqueued("a", "b", "c")
    teller.succeeds("a", keep=60)
    teller.succeeds("b", keep=120)
    clock.forward(59)
    teller.records.purge()
    assert sorted(teller.records.load(["a", "b", "c"])) == ["a", "b", "c"]
    clock.forward(10)
    teller.records.purge()
    assert sorted(teller.records.load(["a", "b", "c"])) == ["b", "c"]


def test_waiting_for_what_is_not_there_ends_at_once(teller: Teller) -> None:
    assert teller.records.wait("nowhere", None) is None


def test_waiting_ends_with_the_timeout(teller: Teller) -> None:
    teller.enqueued("a")
    found = teller.records.wait("a", 0.01)
    assert found is not None
    assert found.status is Status.READY


@pytest.mark.parametrize("timeout", [None, PATIENCE])
def test_waiting_ends_when_the_task_does(teller: Teller, timeout: float | None) -> None:
    teller.enqueued("a")
    seen: list[Status | None] = []

    def wait() -> None:
        found = teller.records.wait("a", timeout)
        seen.append(found.status if found else None)

    thread = Thread(target=wait)
    thread.start()
    teller.succeeds("a")
    thread.join(PATIENCE)
    assert seen == [Status.SUCCESSFUL]
