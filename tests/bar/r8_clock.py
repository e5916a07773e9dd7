"""R8: a clock that is set, and a process that is frozen, lose nothing and repeat nothing.

While tasks run and wait, the wall clock of the worker and of who enqueues is set back and forth by an hour and a day.
What runs must go on and be done once, what is enqueued must run at once, and what is delayed must follow the clock: an
hour forward brings it, an hour back puts it off. Then the whole worker is stopped (SIGSTOP) for a while, and at last
one process alone for longer than the loan of its task, which another must take over; what the first then says of it
must change nothing.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor

from tests.bar.queuefile import Row as Task
from tests.bar.queuefile import call, damage, folder, rows
from tests.bar.row import Draw, Figure, Miss, Row
from tests.bar.workers import Place, Worker, until

from ebbtide.brokers.sqlite import SqliteBroker

DAY, HOUR = 86_400.0, 3_600.0
STEPS = (-DAY, -HOUR, HOUR, DAY)
AT_ONCE = 2.0
SLACK = 4.0
"""Seconds in which a task that may run at once must have run, and what we allow on top on a busy machine."""

STARTED_WITHIN = 60.0
RUNNING = 1.0  # seconds a task runs across a step
LOAN = 2.0  # seconds, of the queue "short" of worker_app
PROCESSES = 3


class Clock:
    """The wall clock of this row and of its worker."""

    def __init__(self, place: Place) -> None:
        self._file = place.log.with_name("clock")
        self._ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self._ahead

    def set(self, seconds: float) -> None:
        """Set it so far forward or back; for all at the same moment."""
        self._ahead += seconds
        draft = self._file.with_suffix(".draft")
        draft.write_text(str(self._ahead))
        draft.rename(self._file)


class Sender:
    """Enqueues tasks and remembers them."""

    def __init__(self, place: Place, clock: Clock) -> None:
        self.place, self.clock = place, clock
        self.broker = SqliteBroker(place.path, clock=clock)
        self.sent = 0

    def send(self, seconds: float = 0.0, delay: float | None = None, queue: str = "default") -> int:
        now = self.clock()
        due = None if delay is None else now + delay
        number, self.sent = self.sent, self.sent + 1
        kwargs = {"seconds": seconds}
        message = call(str(number), queue, args=[number], kwargs=kwargs, enqueued_at=now, run_after=due)
        self.broker.send([message])
        return number

    def saw(self, word: str, number: int) -> bool:
        return any(line.word == word and line.number == number for line in self.place.lines())


def run(draw: Draw) -> Iterator[Figure | Miss]:
    with folder() as path:
        place = Place(path, draw.fault)
        clock = Clock(place)
        sender = Sender(place, clock)
        worker = place.start("--processes", str(PROCESSES))
        try:
            first = sender.send()
            if not until(lambda: sender.saw("end", first), STARTED_WITHIN):
                yield Miss("the worker did not come up")
                return
            put_off: list[int] = []
            for _ in range(draw.sizes["rounds"]):
                for step in draw.random.sample(STEPS, len(STEPS)):
                    yield from stepped(sender, clock, step, put_off, draw)
            clock.set(2 * DAY * draw.sizes["rounds"])
            if not until(lambda: all(sender.saw("end", number) for number in put_off), AT_ONCE + SLACK):
                yield Miss("what the clock had put off did not run when its time had come")
            yield from frozen(sender, worker, draw)
            given_away = yield from given_up(sender, draw)
            until(lambda: all(task.state == "done" for task in rows(place.path).values()), AT_ONCE + SLACK)
            if worker.process.poll() is not None:
                yield Miss("the worker has ended")
        finally:
            worker.kill()
            sender.broker.close()
        yield from judged(place, sender, given_away)


def stepped(sender: Sender, clock: Clock, step: float, put_off: list[int], draw: Draw) -> Iterator[Figure | Miss]:
    """Set the clock while tasks run, wait and are delayed."""
    running = [sender.send(seconds=RUNNING) for _ in range(PROCESSES)]
    until(lambda: all(sender.saw("start", number) for number in running), AT_ONCE + SLACK)
    waiting = [sender.send() for _ in range(10)]
    delayed = sender.send(delay=abs(step) / 2)
    time.sleep(draw.random.random() / 5)
    clock.set(step)
    began = time.monotonic()
    now = sender.send()
    came = until(lambda: all(sender.saw("end", number) for number in (now, *waiting)), RUNNING + AT_ONCE + SLACK)
    took = time.monotonic() - began
    name = f"{step / HOUR:+.0f} h"
    yield Figure(f"{name}: a task enqueued then, and ten before it, ran after", took, "s")
    if not came:
        yield Miss(f"{name}: {took:.1f} s later not all that was ready has run; promised are {AT_ONCE} s")
    if not until(lambda: all(sender.saw("end", number) for number in running), RUNNING + AT_ONCE + SLACK):
        yield Miss(f"{name}: what was running has not ended")
    if again := twice(sender.place):
        yield Miss(f"{name}: {len(again)} tasks have run more than once, as {again[0]}")
    if step < 0:
        put_off.append(delayed)
        if sender.saw("start", delayed):
            yield Miss(f"{name}: what is due in {abs(step) * 1.5 / HOUR:.1f} h has run")
    elif not until(lambda: sender.saw("end", delayed), AT_ONCE + SLACK):
        yield Miss(f"{name}: what was due in between has not run")


def frozen(sender: Sender, worker: Worker, draw: Draw) -> Iterator[Figure | Miss]:
    """Stop all of the worker for a while, in mid-task. Their queue's timeout is longer: it counts that time, too."""
    running = [sender.send(seconds=RUNNING, queue="patient") for _ in range(PROCESSES)]
    until(lambda: all(sender.saw("start", number) for number in running), AT_ONCE + SLACK)
    os.killpg(worker.process.pid, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as aside:  # for one may have been stopped in the middle of a write, and hold the file
        sent = aside.submit(sender.send)
        time.sleep(draw.sizes["stopped_ms"] / 1000)
        os.killpg(worker.process.pid, signal.SIGCONT)
        began = time.monotonic()
        waiting = sent.result()
    if not until(lambda: all(sender.saw("end", n) for n in (waiting, *running)), RUNNING + AT_ONCE + SLACK):
        yield Miss("the worker was stopped and did not go on")
    yield Figure("all stopped, then went on and had done all after", time.monotonic() - began, "s")


def given_up(sender: Sender, draw: Draw) -> Generator[Figure | Miss, None, int]:
    """Stop one process for longer than the loan of its task; that task's number."""
    number = sender.send(seconds=0.5, queue="short")
    until(lambda: sender.saw("start", number), AT_ONCE + SLACK)
    (pid,) = {line.pid for line in sender.place.lines() if line.number == number}
    os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    try:
        done = Task("done", 2)
        if not until(lambda: rows(sender.place.path)[str(number)] == done, LOAN + AT_ONCE + SLACK):
            yield Miss(f"a stopped process's task was not taken over: {rows(sender.place.path)[str(number)]}")
        yield Figure(f"one stopped: its task, on loan for {LOAN:g} s, was done after", time.monotonic() - began, "s")
        time.sleep(max(0.0, draw.sizes["stopped_ms"] / 1000 - (time.monotonic() - began)))
    finally:
        os.kill(pid, signal.SIGCONT)
    if not until(lambda: sum(x.word == "end" and x.number == number for x in sender.place.lines()) == 2, SLACK):
        yield Miss("the stopped process did not go on")
    canary = sender.send()
    until(lambda: sender.saw("end", canary), AT_ONCE + SLACK)
    if rows(sender.place.path)[str(number)] != done:
        yield Miss(f"its late word changed the record to {rows(sender.place.path)[str(number)]}")
    return number


def twice(place: Place, given_away: int = -1) -> list[int]:
    """What ran more often than it may: once, or, given away, two times."""
    starts = Counter(line.number for line in place.lines() if line.word == "start")
    return [number for number, count in starts.items() if count > 1 + (number == given_away)]


def judged(place: Place, sender: Sender, given_away: int) -> Iterator[Figure | Miss]:
    ended = {line.number for line in place.lines() if line.word == "end"}
    lost = [number for number in range(sender.sent) if number not in ended]
    again = twice(place, given_away)
    yield Figure("tasks, of which lost, of which ran again", f"{sender.sent}, {len(lost)}, {len(again)}")
    if lost:
        yield Miss(f"{len(lost)} tasks never ran, as {lost[0]}")
    if again:
        yield Miss(f"{len(again)} tasks ran more than once, as {again[0]}")
    for id, task in rows(place.path).items():
        if task.state != "done":
            yield Miss(f"task {id} is {task}")
    said = place.said.read_text(errors="replace")
    if trouble := [line for line in said.splitlines() if "takes its place" in line or "trying again" in line]:
        yield Miss(f"the worker told of {len(trouble)} troubles: {trouble[0]}")
    yield from map(Miss, damage(place.path))


ROW = Row(
    "R8",
    "a clock that is set and a process that is frozen lose nothing and repeat nothing",
    run,
    quick={"rounds": 1, "stopped_ms": 3_000},
    full={"rounds": 6, "stopped_ms": 60_000},
    faults=("wall-clock",),
)

if __name__ == "__main__":
    ROW.main()
