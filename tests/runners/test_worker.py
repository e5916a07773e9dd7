"""One worker process: inside the test's own where it is logic, a real one where its end or its signals matter."""

import asyncio
import json
import signal
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.brokers.sqlite.processes import sleepers_in
from tests.fakes import message
from tests.runners import crew_app
from tests.runners.crew import Crew, alive, until
from tests.triggers.reading import sample

from ebbtide.app import App
from ebbtide.broker import Broker, Delivery, Permit, Settlement
from ebbtide.brokers.memory import MemoryBroker
from ebbtide.brokers.sqlite import SqliteBroker
from ebbtide.errors import DeclarationError, StorageError
from ebbtide.outcome import NotYet, Outcome, Skipped, Succeeded
from ebbtide.queue import Queue
from ebbtide.result import Result, Status
from ebbtide.retry import RetryPolicy
from ebbtide.runners.pace import MOMENT
from ebbtide.runners.worker import Settings, Worker
from ebbtide.triggers.topic import Topic

ORDERS = "arn:aws:sns:eu-west-1:123456789012:orders"

NEVER = 1e9
"""Seconds of grace: a stopped worker ends its process after it, which is the test's own where it runs inside."""

SUCCESSFUL, READY, FAILED = Status.SUCCESSFUL, Status.READY, Status.FAILED


class Noting(MemoryBroker):
    """Notes how many were taken at once, and fails when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[int] = []
        self.failing: dict[str, int] = {}
        self.permits: list[Permit] = []

    def begin(self, delivery: Delivery) -> Permit:
        self._may_fail("begin")
        return self.permits.pop(0) if self.permits else Permit.RUN

    def receive(self, queues: Sequence[Queue], limit: int, wait: float = 0.0) -> list[Delivery]:
        self._may_fail("receive")
        found = super().receive(queues, limit, wait)
        self.taken += [len(found)] if found else []
        return found

    def ack(self, settled: Sequence[Settlement]) -> int:
        self._may_fail("ack")
        return super().ack(settled)

    def retry(self, settled: Sequence[Settlement]) -> int:
        self._may_fail("retry")
        return super().retry(settled)

    def _may_fail(self, verb: str) -> None:
        if self.failing.get(verb, 0):
            self.failing[verb] -= 1
            raise StorageError(f"{verb} failed")


class Wordless(SqliteBroker):
    """The real one, but it leaves faulthandler, which is pytest's here, alone."""

    def last_words(self) -> int | None:
        return None


class Desk:
    """An app, and a worker that drains it inside this process."""

    def __init__(self, broker: Broker, *queues: Queue) -> None:
        self.app = App("desk", queues=queues, broker=lambda: broker)
        self.ended: list[tuple[Delivery, Outcome]] = []
        self.trouble: list[str] = []

    def drain(self, names: Iterable[str] = ("default",), **settings: int) -> Worker:
        """Run what there is."""
        worker = self.worker(names, **settings)
        worker.run()
        return worker

    def worker(self, names: Iterable[str] = ("default",), **settings: int) -> Worker:
        return Worker(
            self.app,
            [self.app.queues[name] for name in names],
            Settings(drain=True, grace=NEVER, **settings),
            report=lambda delivery, outcome: self.ended.append((delivery, outcome)),
            trouble=lambda error: self.trouble.append(str(error)),
        )


@pytest.fixture
def noting() -> Noting:
    return Noting()


@pytest.fixture
def desk(noting: Noting, own_alarm: None) -> Desk:
    return Desk(noting, Queue("other"), Queue("laned", lanes=2), Queue("batched", batch=4))


def overlap(crew: Crew) -> int:
    """How many tasks ran at once, at most, by the log."""
    running = most = 0
    for line in crew.lines():
        running += {"start": 1, "end": -1}.get(line.word, 0)
        most = max(most, running)
    return most


# What is claimed


def test_quick_tasks_are_claimed_more_and_more_at_once(desk: Desk, noting: Noting) -> None:
    @desk.app.task
    def work(number: int) -> None: ...

    work.enqueue_many([(number,) for number in range(500)])
    desk.drain()
    assert noting.taken[0] == 1
    assert max(noting.taken) > 1  # many more, where the machine is not busy
    assert sum(noting.taken) >= len(desk.ended) == 500  # where it is, some are handed back


def test_slow_tasks_are_claimed_one_at_a_time(desk: Desk, noting: Noting) -> None:
    @desk.app.task
    def work(number: int) -> None:
        time.sleep(1.5 * MOMENT)

    work.enqueue_many([(number,) for number in range(6)])
    desk.drain()
    assert noting.taken == [1] * 6


def test_a_def_task_runs_on_the_main_thread_and_alone(desk: Desk) -> None:
    where: list[str] = []

    @desk.app.task
    def work() -> None:
        where.append(threading.current_thread().name)

    for _ in range(5):
        work.enqueue()
    desk.drain()
    assert where == ["MainThread"] * 5


def test_only_the_queues_it_is_for_are_served(desk: Desk) -> None:
    @desk.app.task
    def here() -> None: ...

    @desk.app.task(queue="other")
    def there() -> None: ...

    results = [here.enqueue(), there.enqueue()]
    desk.drain(["default"])
    assert [result.refresh().status for result in results] == [SUCCESSFUL, READY]


def test_no_more_async_tasks_are_taken_than_may_run_at_once(desk: Desk) -> None:
    running = most = 0

    @desk.app.task
    async def work(number: int) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.005)
        running -= 1

    work.enqueue_many([(number,) for number in range(40)])
    desk.drain(concurrency=7)
    assert len(desk.ended) == 40
    assert most == 7


def test_threads_are_for_def_tasks_and_do_not_limit_the_async_ones(desk: Desk) -> None:
    here: set[int] = set()
    barrier = threading.Barrier(2)

    @desk.app.task
    async def meet(number: int) -> None:
        here.add(number)
        while len(here) < 20:
            await asyncio.sleep(0.001)

    @desk.app.task
    def pair() -> str:
        barrier.wait(20)
        return threading.current_thread().name

    meet.enqueue_many([(number,) for number in range(20)])
    results = [pair.enqueue(), pair.enqueue()]
    desk.drain(threads=2)
    assert len(here) == 20
    assert {result.get(0)[:12] for result in results} == {"ebbtide-task"}


def test_a_message_that_is_none_of_ours_or_names_no_task_is_buried_and_the_rest_goes_on(
    desk: Desk, noting: Noting
) -> None:
    @desk.app.task
    def work() -> int:
        return 1

    desk.app.broker.send([message("m1", "nobody")])
    result = work.enqueue()
    desk.drain()
    assert [letter.error.exception_class for letter in noting.dead()] == ["ebbtide.errors.UnknownTask"]
    assert result.get(0) == 1


# The end


def test_a_worker_that_drains_ends_when_the_queues_are_empty(desk: Desk) -> None:
    assert desk.drain().drained


def test_it_waits_for_a_retry_that_is_due_soon(desk: Desk) -> None:
    @desk.app.task(retry=RetryPolicy(attempts=3, base=0.2), takes_context=True)
    def work(delivery: Delivery) -> int:
        if delivery.attempt < 3:
            raise ValueError("not yet")
        return delivery.attempt

    result = work.enqueue()
    assert desk.drain().drained
    assert result.get(0) == 3


def test_it_waits_for_what_is_due_within_a_minute_and_leaves_what_is_delayed_further(desk: Desk) -> None:
    @desk.app.task
    def work() -> int:
        return 1

    far, soon = work.using(delay=3600).enqueue(), work.using(delay=0.3).enqueue()
    desk.drain()
    assert soon.get(0) == 1
    assert far.refresh().status is READY


def test_it_does_not_wait_for_a_lane_the_queue_no_longer_has(desk: Desk) -> None:
    desk.app.broker.send([message("m1", queue="laned", lane=7)])
    assert desk.drain(["laned"]).drained


def test_what_tasks_enqueue_is_run_before_a_draining_worker_ends(desk: Desk) -> None:
    @desk.app.task
    def work(left: int) -> None:
        if left:
            work.enqueue(left - 1)

    work.enqueue(5)
    desk.drain()
    assert len(desk.ended) == 6


def test_a_stopped_worker_takes_nothing_more_and_gives_back_what_it_has_not_started(desk: Desk, noting: Noting) -> None:
    @desk.app.task
    def work(number: int) -> None:
        if noting.taken[-1] > 3:  # it is the first of several
            worker.stop()

    work.enqueue_many([(number,) for number in range(300)])
    worker = desk.worker()
    worker.run()
    assert not worker.drained
    assert sum(noting.taken) - len(desk.ended) == noting.taken[-1] - 1  # so many were given back
    assert noting.depth("default")[0].ready == 300 - len(desk.ended)
    assert {delivery.attempt for delivery in noting.receive([Queue()], 300)} == {1}


# Trouble with the storage


@pytest.mark.parametrize("verb", ["receive", "ack"])
def test_storage_that_fails_for_a_while_is_told_and_then_it_goes_on(desk: Desk, noting: Noting, verb: str) -> None:
    ran: list[int] = []

    @desk.app.task
    def work(number: int) -> int:
        ran.append(number)
        return number

    results = [work.enqueue(number) for number in range(3)]
    noting.failing[verb] = 2
    desk.drain()
    assert desk.trouble == [f"{verb} failed"] * 2
    assert ran == [0, 1, 2]
    assert [result.get(0) for result in results] == [0, 1, 2]


def test_a_repeated_message_is_not_lost_when_what_ended_before_it_cannot_be_settled(desk: Desk, noting: Noting) -> None:
    @desk.app.task
    def warm_up() -> None: ...

    @desk.app.task
    def before() -> None:
        noting.failing["ack"] = 1

    @desk.app.task
    def repeated() -> int:
        return 1

    before.enqueue()
    result = repeated.enqueue()
    first, second = noting.receive([Queue()], 2)
    noting.retry([Settlement(first, spent=False), Settlement(second)])
    for number in range(80):  # so that both are claimed at once, amid others
        warm_up.using(priority=1 if number < 40 else -1).enqueue()
    desk.drain()
    assert desk.trouble == ["ack failed"]
    assert result.wait(0).attempts == 2


def test_what_ended_is_not_lost_when_the_commit_of_its_end_fails(tmp_path: Path, own_alarm: None) -> None:
    class FailingOnce(Wordless):
        """Claims, then fails, so that the whole write is rolled back."""

        failures = 1

        def receive(self, queues: Sequence[Queue], limit: int, wait: float = 0.0) -> list[Delivery]:
            found = super().receive(queues, limit, wait)
            if ran and self.failures:
                self.failures -= 1
                raise StorageError("the disk is full")
            return found

    ran: list[int] = []
    broker = FailingOnce(tmp_path / "queue.db", durable=False)
    desk = Desk(broker)

    @desk.app.task
    def work(number: int) -> int:
        ran.append(number)
        return number

    results = [work.enqueue(number) for number in range(3)]
    desk.drain()
    assert desk.trouble == ["the disk is full"]
    assert ran == [0, 1, 2]
    assert [result.get(0) for result in results] == [0, 1, 2]
    broker.close()


def test_what_ended_last_is_settled_even_if_the_storage_fails_just_then(desk: Desk, noting: Noting) -> None:
    @desk.app.task
    def work() -> int:
        noting.failing["ack"] = 2
        worker.stop()
        return 1

    result = work.enqueue()
    worker = desk.worker()
    worker.run()
    assert result.get(0) == 1
    assert set(desk.trouble) == {"ack failed"}


# Real processes: slow tasks, long tasks, tasks that overrun


def test_behind_a_task_that_turns_out_slow_nothing_waits(crew: Crew) -> None:
    first = crew_app.quick.enqueue_many([(number,) for number in range(60)])
    slow = crew_app.gated.enqueue(100, "gate")
    behind = crew_app.quick.enqueue_many([(number,) for number in range(200, 230)])
    one = crew.one_process()
    crew.noted("start", 100)
    for result in first:  # what ended before it is settled while it still runs
        result.wait(20)
    until(lambda: crew_app.app.broker.depth("default")[0].ready == 30)
    other = crew.one_process()
    for result in behind:  # and another process runs what was claimed behind it
        assert result.wait(20).attempts == 1
    assert {line.pid for line in crew.lines("ran") if line.number >= 200} == {other.pid}
    assert slow.refresh().status is Status.RUNNING
    crew.open("gate")
    assert slow.get(20) == 100
    assert {line.pid for line in crew.lines("end")} == {one.pid}


def test_a_task_longer_than_its_visibility_runs_once(crew: Crew) -> None:
    result = crew_app.lasting.enqueue(1.2)
    crew.one_process()
    crew.one_process()
    assert result.wait(20).attempts == 1
    assert result.errors == []
    assert len(crew.lines("start")) == 1


def test_a_task_that_overruns_is_ended_with_its_process_and_comes_back(crew: Crew) -> None:
    result = crew_app.stuck_once.enqueue()
    assert crew.one_process(["tight"]).ended() == -signal.SIGALRM
    crew.one_process(["tight"], drain=True).ended()
    assert result.get(20) == 2
    (error,) = result.refresh().errors
    assert (error.exception_class, error.attempt) == ("ebbtide.errors.TaskTimeout", 1)
    assert "in stuck_once" in error.traceback


def test_an_async_one_is_cancelled_and_its_neighbours_go_on(crew: Crew) -> None:
    neighbour = crew_app.agated.enqueue(1, "gate")
    one = crew.one_process()
    crew.noted("start", 1)
    result = crew_app.dawdle.enqueue()
    assert result.wait(20).status is FAILED
    assert [error.exception_class for error in result.errors] == ["ebbtide.errors.TaskTimeout"]
    assert "in dawdle" in result.errors[0].traceback
    crew.open("gate")
    assert neighbour.wait(20).attempts == 1
    assert {line.pid for line in crew.lines()} == {one.pid}


def test_an_async_one_that_will_not_be_cancelled_is_ended_by_the_timer(crew: Crew) -> None:
    result = crew_app.stubborn_once.enqueue()
    assert crew.one_process(["tight"]).ended() == -signal.SIGALRM
    crew.one_process(["tight"], drain=True).ended()
    assert result.get(20) == 2
    assert [error.exception_class for error in result.refresh().errors] == ["ebbtide.errors.TaskTimeout"]


# Real processes: many at once


def test_async_tasks_run_many_at_once(crew: Crew) -> None:
    results = crew_app.meet.enqueue_many([(number, 50) for number in range(50)])
    one = crew.one_process()
    assert {result.get(20) for result in results} == {one.pid}


def test_def_tasks_run_one_at_a_time_and_on_four_threads_four_at_once(crew: Crew) -> None:
    crew.open("gate")
    results = crew_app.gated.enqueue_many([(number, "gate") for number in range(8)])
    crew.one_process(drain=True).ended()
    assert [result.get(0) for result in results] == list(range(8))
    assert overlap(crew) == 1
    met = [crew_app.meet_four.enqueue() for _ in range(4)]
    four = crew.one_process(threads=4)
    assert {result.get(20) for result in met} == {four.pid}


def test_one_that_kills_its_process_takes_nobody_with_it_to_the_dead_letters(crew: Crew) -> None:
    innocents = crew_app.innocent.enqueue_many([(number,) for number in range(6)])
    deadly = crew_app.deadly.enqueue(6)
    crew.worker()
    assert [result.get(30) for result in innocents] == [2] * 6
    assert deadly.wait(30).status is FAILED
    assert len(deadly.errors) == 3
    assert all("Fatal Python error: Aborted" in error.message for error in deadly.errors)
    assert all("in deadly" in error.traceback for error in deadly.errors)
    later = [line for line in crew.lines() if line.pid != crew.lines()[0].pid and line.number != crew_app.DEADLY]
    for start, end in zip(later[::2], later[1::2], strict=True):  # whoever was suspect ran alone
        assert (start.word, end.word, start.number) == ("start", "end", end.number)


def test_a_suspect_that_waits_to_run_alone_may_be_run_by_another_process(crew: Crew) -> None:
    suspect = crew_app.leave_once.enqueue(1)
    assert crew.one_process().ended() == 1
    neighbour = crew_app.agated.enqueue(7, "gate")
    one = crew.one_process()
    crew.noted("start", 7)
    other = crew.one_process(["brief"])
    assert suspect.wait(20).attempts == 2  # its loan of 0.3 s did not run out while it waited
    assert [error.attempt for error in suspect.errors] == [1]
    assert crew.noted("start", 2).pid in (one.pid, other.pid)
    crew.open("gate")
    assert neighbour.wait(20).attempts == 1


# Real processes: stops


def running_one(crew: Crew) -> Result[int]:
    """A task that runs until its gate is opened, and others behind it."""
    result = crew_app.gated.enqueue(1, "gate")
    crew_app.quick.enqueue_many([(2,), (3,)])
    crew.noted("start", 1)
    return result


def untouched(crew: Crew) -> None:
    """What waited behind the running task was not taken, and nobody paid for it."""
    assert crew.lines("ran") == []
    assert crew_app.app.broker.depth("default")[0].running == 0


def test_after_sigterm_what_runs_may_end_and_nothing_new_is_taken(crew: Crew) -> None:
    one = crew.one_process(grace=30)
    result = running_one(crew)
    one.send(signal.SIGTERM)
    crew_app.quick.enqueue(4)
    crew.open("gate")
    assert one.ended() == 0
    assert result.wait(0).status is SUCCESSFUL
    untouched(crew)
    assert crew_app.app.broker.depth("default")[0].ready == 3


@pytest.mark.parametrize("kind", ["def", "threads", "async"])
def test_what_outlives_the_grace_is_given_back_unspent(crew: Crew, kind: str) -> None:
    one = crew.one_process(grace=0.2, threads=2 if kind == "threads" else 0)
    task = crew_app.agated if kind == "async" else crew_app.gated
    result = task.enqueue(1, "gate")
    crew.noted("start", 1)
    began = time.monotonic()
    one.send(signal.SIGTERM)
    assert one.ended() == 0
    assert time.monotonic() - began >= 0.2
    assert (result.refresh().status, result.attempts, result.errors) == (READY, 0, [])
    crew.open("gate")
    crew.one_process(drain=True).ended()
    assert result.wait(0).attempts == 1


def test_told_to_give_back_at_once_it_does_not_wait_for_the_grace(crew: Crew) -> None:
    one = crew.one_process(grace=60)
    result = running_one(crew)
    one.send(signal.SIGTERM)
    one.send(signal.SIGQUIT)
    assert one.ended(20) == 0
    assert (result.refresh().status, result.attempts) == (READY, 0)
    untouched(crew)


def test_a_second_sigterm_changes_nothing(crew: Crew) -> None:
    one = crew.one_process(grace=30)
    result = running_one(crew)
    for _ in range(20):
        one.send(signal.SIGTERM)
        time.sleep(0.01)
    crew.open("gate")
    assert one.ended() == 0
    assert result.wait(0).status is SUCCESSFUL


def test_an_idle_one_ends_promptly(crew: Crew) -> None:
    first = crew_app.quick.enqueue(1)
    one = crew.one_process(grace=30)
    first.wait(20)
    until(lambda: sleepers_in(crew.folder / "queue.db-run"))  # asleep, or just about to be
    began = time.monotonic()
    one.send(signal.SIGTERM)
    assert one.ended() == 0
    assert time.monotonic() - began < 3


# Real processes: the whole worker


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_the_whole_group_is_one_stop(crew: Crew, stop: signal.Signals) -> None:
    worker = crew.worker("--grace", "0.6")
    result = running_one(crew)
    began = time.monotonic()
    worker.send_all(stop)
    crew_app.quick.enqueue(4)
    assert worker.ended() == 0
    assert time.monotonic() - began >= 0.6  # a second stop would have ended the grace
    assert (result.refresh().status, result.attempts) == (READY, 0)
    untouched(crew)
    assert worker.said.count("\n") == 1  # no traceback of anybody


def test_a_process_that_its_task_ends_with_exit_code_0_is_replaced_too(crew: Crew) -> None:
    result = crew_app.leave_once.enqueue(0)
    worker = crew.worker()
    assert result.get(20) == 2
    assert "ended with exit code 0; another takes its place" in worker.said
    assert "ended by the task itself (os._exit)" in result.refresh().errors[0].message


def test_when_the_supervisor_is_killed_its_processes_stop_as_for_sigterm(crew: Crew) -> None:
    worker = crew.worker("--grace", "0.2", "-p", "2")
    gates = [crew_app.gated.enqueue(number, "gate") for number in range(2)]
    pids = {crew.noted("start", number).pid for number in range(2)}
    worker.send(signal.SIGKILL)
    until(lambda: not any(map(alive, pids)))
    assert [(result.refresh().status, result.attempts) for result in gates] == [(READY, 0)] * 2


def test_two_processes_that_drain_both_end_and_only_then(crew: Crew) -> None:
    crew_app.quick.enqueue_many([(number,) for number in range(40)])
    fails = crew_app.fail.enqueue()
    slow = crew_app.gated.enqueue(100, "gate")
    worker = crew.worker("--drain", "-p", "2")
    crew.noted("start", 100)
    until(lambda: len(crew.lines("ran")) >= 41)
    assert worker.process.poll() is None
    crew.open("gate")
    assert worker.ended() == 0
    assert slow.wait(0).status is SUCCESSFUL
    assert (fails.wait(0).status, fails.attempts) == (FAILED, 2)


# What may start


@pytest.mark.parametrize("threads", [0, 1])
def test_only_what_the_broker_permits_is_started(noting: Noting, own_alarm: None, threads: int) -> None:
    desk = Desk(noting, Queue("default", timeout=300))  # longer than a draining worker waits
    runs: list[int] = []

    @desk.app.task
    def work(number: int) -> None:
        runs.append(number)

    noting.permits = [Permit.DONE, Permit.BUSY]
    work.enqueue_many([(number,) for number in range(3)])
    desk.drain(threads=threads)
    assert runs == [2]
    assert [type(outcome) for _, outcome in desk.ended][:2] == [Skipped, NotYet]
    depth = noting.depth("default")[0]
    assert (depth.ready, depth.delayed, depth.running) == (0, 1, 0)


# Tasks that gather, bodies of others, dead letters that a task takes, queues of others


def gathering_desk(desk: Desk, queue: str = "batched") -> tuple[Any, list[list[int]]]:
    calls: list[list[int]] = []

    @desk.app.task(queue=queue, gathers=True, retry=RetryPolicy(attempts=2, base=0))
    def note(numbers: list[int]) -> None:
        calls.append(numbers)
        if 13 in numbers:
            raise ValueError("unlucky")

    return note, calls


def test_a_task_that_gathers_is_called_for_what_waits_up_to_its_queues_batch(desk: Desk) -> None:
    note, calls = gathering_desk(desk)
    results = note.enqueue_many([(number + 100,) for number in range(40)])
    desk.drain(["batched"])
    assert sorted(number for call in calls for number in call) == list(range(100, 140))
    assert max(map(len, calls)) == 4
    assert len(desk.ended) == 40
    assert {result.refresh().status for result in results} == {SUCCESSFUL}


def test_other_tasks_of_the_queue_run_as_ever_beside_one_that_gathers(desk: Desk) -> None:
    note, calls = gathering_desk(desk)

    @desk.app.task(queue="batched")
    def other(number: int) -> None:
        calls.append([-number])

    for number in range(1, 5):
        note.enqueue(number)
        other.enqueue(number)
    desk.drain(["batched"])
    assert sorted(number for call in calls for number in call) == [-4, -3, -2, -1, 1, 2, 3, 4]
    assert max(map(len, calls)) > 1
    assert len(desk.ended) == 8


def test_after_a_failure_each_is_tried_alone(desk: Desk) -> None:
    note, calls = gathering_desk(desk)
    good, bad = note.enqueue_many([(1,), (13,)])
    desk.drain(["batched"])
    assert calls[-2:] == [[1], [13]]
    assert [result.refresh().status for result in (good, bad)] == [SUCCESSFUL, FAILED]


def test_on_threads_no_more_calls_run_at_once_than_there_are_threads(desk: Desk) -> None:
    running = most = 0
    lock = threading.Lock()

    @desk.app.task(queue="batched", gathers=True)
    def note(numbers: list[int]) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.005)
        with lock:
            running -= 1

    note.enqueue_many([(number,) for number in range(40)])
    desk.drain(["batched"], threads=2)
    assert len(desk.ended) == 40
    assert most <= 2


def test_an_async_task_gathers_and_keeps_to_the_concurrency(desk: Desk) -> None:
    calls: list[list[int]] = []

    @desk.app.task(queue="batched", gathers=True)
    async def note(numbers: list[int]) -> None:
        calls.append(numbers)
        await asyncio.sleep(0.001)

    note.enqueue_many([(number,) for number in range(12)])
    desk.drain(["batched"], concurrency=1)
    assert sorted(number for call in calls for number in call) == list(range(12))
    assert max(map(len, calls)) == 4


def test_what_the_broker_does_not_permit_does_not_ride(desk: Desk, noting: Noting) -> None:
    note, calls = gathering_desk(desk)
    note.enqueue_many([(1,), (2,), (3,)])
    noting.permits = [Permit.RUN, Permit.DONE, Permit.RUN]
    desk.drain(["batched"])
    assert calls == [[1, 3]]
    assert [outcome for _, outcome in desk.ended if isinstance(outcome, Skipped)] == [Skipped()]


def test_in_a_file_all_that_ride_together_are_settled(tmp_path: Path, own_alarm: None) -> None:
    broker = Wordless(tmp_path / "queue.db", durable=False)
    desk = Desk(broker, Queue("batched", batch=4))
    note, calls = gathering_desk(desk)
    results = note.enqueue_many([(number,) for number in (1, 2, 13, 4, 5)])
    desk.drain(["batched"])
    assert [13] in calls
    assert max(map(len, calls)) > 1  # four, but that a busy machine may have given some back
    assert [result.refresh().status for result in results] == [SUCCESSFUL, SUCCESSFUL, FAILED, SUCCESSFUL, SUCCESSFUL]
    desk.app.close()


def test_a_body_of_another_system_is_run_if_a_trigger_reads_it(desk: Desk) -> None:
    seen: list[str] = []

    @desk.app.task(Topic(ORDERS))
    def ship(message: str) -> None:
        seen.append(f"ship {message}")

    body = json.dumps({**sample("sns"), "TopicArn": ORDERS, "Message": "7"}).encode()
    desk.app.submit([message("m1", "ship").as_written(body)])
    desk.drain()
    assert seen == ["ship 7"]

    @desk.app.task(Topic(ORDERS))
    def bill(message: str) -> None:
        seen.append(f"bill {message}")

    desk.app.submit([message("m2", "ship").as_written(body)])
    desk.drain()
    assert sorted(seen[1:]) == ["bill 7", "ship 7"]  # one message asked for both, each of which is one of its own
    assert [type(outcome) for _, outcome in desk.ended] == [Succeeded, Skipped, Succeeded, Succeeded]


def test_a_body_that_nobody_reads_is_a_dead_letter_with_the_reason(desk: Desk, noting: Noting) -> None:
    @desk.app.task(Topic(ORDERS))
    def ship(message: str) -> None: ...

    desk.app.submit([message("m1", "ship").as_written(b'{"Type": "Notification", "TopicArn": "a:b:c:d:e:other"}')])
    desk.drain()
    (letter,) = noting.dead()
    assert "no trigger of queue 'default' reads" in letter.error.message


def test_a_dead_letter_that_a_task_takes_is_run_by_it(tmp_path: Path, own_alarm: None) -> None:
    broker = Wordless(tmp_path / "queue.db", durable=False)
    desk, taken = Desk(broker, Queue("orders", dead_letters="report", attempts=1)), list[int]()

    @desk.app.task(queue="orders")
    def charge(order: int) -> None:
        raise ValueError("no money")

    @desk.app.task
    def report(order: int) -> None:
        taken.append(order)

    results = charge.enqueue_many([(7,), (8,)])
    desk.drain(["orders", "default"])
    assert sorted(taken) == [7, 8]
    assert [result.refresh().status for result in results] == [FAILED, FAILED]
    assert broker.dead() == []
    desk.app.close()


def test_a_worker_does_not_start_where_dead_letters_have_nobody_to_take_them(noting: Noting) -> None:
    desk = Desk(noting, Queue("orders", dead_letters="reprot"))
    with pytest.raises(DeclarationError, match="no such task"):
        desk.worker(["orders"])


def test_what_a_thread_of_a_task_enqueues_is_of_its_chain(desk: Desk) -> None:
    depths: list[int] = []

    @desk.app.task
    def spread() -> None:
        thread = threading.Thread(target=lambda: depths.append(spread.message().lineage.depth))
        thread.start()
        thread.join()

    spread.enqueue()
    desk.drain()
    assert depths == [1]
