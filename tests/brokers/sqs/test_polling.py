"""Long polls: several queues are waited for at once, a stop ends the wait, and nothing that comes too late is lost."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from threading import Event, Thread

import pytest
from tests.brokers.sqs.stage import deployed, ids, take
from tests.fakes import message

from ebbtide.broker import Delivery
from ebbtide.brokers.sqs.polling import KEPT, Polls, Source
from ebbtide.deploy.rehearsal.server import Server
from ebbtide.errors import StorageError
from ebbtide.queue import Queue

PATIENCE = 30.0
A, B = Source("a", 0, 60.0), Source("b", 0, 60.0)


def delivery(id: str) -> Delivery:
    return Delivery(b"", "a", 0, id, 1)


class Service:
    """Polls that end when a test says so, with what it says."""

    def __init__(self) -> None:
        self.asked: list[tuple[Source, int, int]] = []
        self.given_back: list[str] = []
        self.ended: dict[Source, Event] = {A: Event(), B: Event()}
        self.found: dict[Source, list[Delivery]] = {A: [], B: []}
        self.fault: StorageError | None = None
        self.polls = Polls(self._poll, lambda back: self.given_back.extend(one.receipt for one in back))

    def _poll(self, source: Source, limit: int, seconds: int) -> list[Delivery]:
        self.asked.append((source, limit, seconds))
        self.ended[source].wait(PATIENCE)
        if self.fault:
            raise self.fault
        found, self.found[source] = self.found[source], []
        return found

    def ends(self, source: Source, *receipts: str) -> None:
        self.found[source] = [delivery(receipt) for receipt in receipts]
        self.ended[source].set()


@pytest.fixture
def service() -> Service:
    return Service()


def waiting(wait: Callable[[], list[Delivery]]) -> tuple[Thread, list[list[Delivery]]]:
    heard: list[list[Delivery]] = []
    thread = Thread(target=lambda: heard.append(wait()))
    thread.start()
    return thread, heard


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.001)


def test_all_sources_are_polled_at_once_and_the_first_find_ends_the_wait(service: Service) -> None:
    thread, heard = waiting(lambda: service.polls.wait([A, B], 10, PATIENCE))
    until(lambda: len(service.asked) == 2)
    service.ends(B, "b1")
    thread.join(PATIENCE)
    assert [[one.receipt for one in found] for found in heard] == [["b1"]]
    assert service.asked == [(A, 10, 20), (B, 10, 20)]
    service.ends(A)
    service.polls.close()


def test_what_comes_too_late_is_for_the_next_receiver(service: Service) -> None:
    assert service.polls.wait([A], 10, 0.01) == []
    service.ends(A, "a1", "a2")
    until(lambda: bool(service.polls._found))
    assert [one.receipt for one in service.polls.found([B], 10)] == []
    assert [one.receipt for one in service.polls.found([A], 1)] == ["a1"]
    assert [one.receipt for one in service.polls.wait([A], 10, PATIENCE)] == ["a2"]
    service.polls.close()
    assert service.given_back == []


def test_what_nobody_comes_for_is_given_back(service: Service) -> None:
    assert service.polls.wait([A], 10, 0.01) == []
    service.ends(A, "a1")
    until(lambda: service.given_back == ["a1"])
    assert service.polls.found([A], 10) == []
    assert KEPT < 5


def test_closing_waits_for_polls_and_gives_back_what_they_find(service: Service) -> None:
    assert service.polls.wait([A], 10, 0.01) == []
    closing = Thread(target=service.polls.close)
    closing.start()
    service.ends(A, "a1")
    closing.join(PATIENCE)
    assert service.given_back == ["a1"]


def test_one_poll_of_a_source_is_under_way_at_a_time(service: Service) -> None:
    for _ in range(5):
        assert service.polls.wait([A], 10, 0.001) == []
    assert len(service.asked) == 1
    service.ends(A)
    service.polls.close()


def test_no_more_than_the_limit_is_given_to_one_receiver(service: Service) -> None:
    service.ends(A, "a1", "a2", "a3")
    assert [one.receipt for one in service.polls.wait([A], 2, PATIENCE)] == ["a1", "a2"]
    assert [one.receipt for one in service.polls.wait([A], 2, PATIENCE)] == ["a3"]
    service.polls.close()


def test_a_fault_reaches_who_waits(service: Service) -> None:
    service.fault = StorageError("no network")
    service.ends(A)
    with pytest.raises(StorageError, match="no network"):
        service.polls.wait([A], 10, PATIENCE)


def test_waking_ends_every_wait_empty(service: Service) -> None:
    threads = [waiting(lambda: service.polls.wait([A], 10, PATIENCE)) for _ in range(3)]
    until(lambda: len(service.polls._waiters) == 3)
    service.polls.wake()
    for thread, heard in threads:
        thread.join(PATIENCE)
        assert heard == [[]]
    service.ends(A)
    service.polls.close()


def test_a_signal_may_wake(service: Service) -> None:
    before = signal.signal(signal.SIGUSR1, lambda number, frame: service.polls.wake())
    try:
        begun = time.monotonic()

        def stop() -> None:
            until(lambda: bool(service.asked))
            os.kill(os.getpid(), signal.SIGUSR1)

        timer = Thread(target=stop)
        timer.start()
        assert service.polls.wait([A], 10, PATIENCE) == []
        assert time.monotonic() - begun < PATIENCE
        timer.join()
    finally:
        signal.signal(signal.SIGUSR1, before)
    service.ends(A)
    service.polls.close()


def test_messages_of_any_queue_and_lane_end_a_real_wait(aws: Server) -> None:
    queues = [Queue(), Queue("two", lanes=2)]
    broker = deployed(queues=queues)
    for id, lane in (("a", 0), ("b", 1)):
        thread, heard = waiting(lambda: broker.receive(queues, 10, 2.0))
        broker.send([message(id, queue="two", lane=lane)])
        thread.join(PATIENCE)
        assert [ids(found) for found in heard] == [[id]]
    broker.wake()
    assert take(broker, queues[0]) == []
    broker.close()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_polls_by_itself(aws: Server) -> None:
    queue = Queue()
    broker = deployed(queues=[queue])
    assert broker.receive([queue], 10, 0.01) == []
    context = multiprocessing.get_context("fork")
    answer = context.SimpleQueue()

    def child() -> None:
        answer.put(ids(broker.receive([queue], 10, PATIENCE)))

    until(lambda: not broker._receiver.polls._polling)
    process = context.Process(target=child)
    process.start()
    broker.send([message("a")])
    process.join(PATIENCE)
    assert answer.get() == ["a"]
