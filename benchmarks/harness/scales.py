"""One operation of Ebbtide's on the scales: `python -m benchmarks.harness.scales WAY TASKS [PROCESSES]`.

The ways: `enqueue` one by one, `threads` from eight of them, `many` in one call; `loop` claims 100, runs and settles
them, without a worker; `drain` by workers; `together` and `together-many` with workers waiting, until all have run.
Prints the user and the system seconds which one task cost in this process and in the workers. A worker's are read
inside its tasks, from its first to its last, so that no start and no end of a process is in them.
"""

import json
import os
import resource
import struct
import sys
import time

from benchmarks.contenders import VARIANT, WORK
from benchmarks.harness.command import exit_on_signals
from benchmarks.harness.marks import payload
from benchmarks.harness.produce import Way, from_threads, in_bulk, one_by_one
from benchmarks.harness.weighing import Cost
from benchmarks.harness.workers import Workers
from ebbtide import App, Queue
from ebbtide.execute import decide, finish, settle

WARM_UP = 50
CLAIM = 100
STALLED_AFTER = 60.0
RECORD = struct.Struct("!qdd")
WEIGHTS = WORK / "weights"

queue = Queue("bench", results=0) if VARIANT == "no-results" else Queue("bench")
durability = "?durability=fast" if VARIANT == "fast" else ""
app = App("bench", broker=f"sqlite:///{WORK / 'ebbtide.db'}{durability}", queues=[queue])
file = os.open(WEIGHTS, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

WAYS: dict[str, Way] = {
    "enqueue": one_by_one,
    "threads": from_threads,
    "many": in_bulk,
    "together": one_by_one,
    "together-many": in_bulk,
}


@app.task(queue="bench")
def weigh(payload: str) -> None:
    """Note what this process has used up so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    os.write(file, RECORD.pack(os.getpid(), used.ru_utime, used.ru_stime))


class Producer:
    """The two members of a contender that enqueueing needs."""

    @staticmethod
    def send(payload: str) -> None:
        weigh.enqueue(payload)

    @staticmethod
    def send_many(payloads: list[str]) -> None:
        weigh.enqueue_many([(payload,) for payload in payloads])


def produced(way: str, tasks: int) -> Cost:
    """What enqueueing cost this process, a task."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    WAYS[way](Producer, range(tasks))
    after = resource.getrusage(resource.RUSAGE_SELF)
    return Cost((after.ru_utime - before.ru_utime) / tasks, (after.ru_stime - before.ru_stime) / tasks)


def worked() -> Cost:
    """What running cost the workers, a task."""
    by_process: dict[int, list[Cost]] = {}
    for process, user, system in RECORD.iter_unpack(WEIGHTS.read_bytes()):
        by_process.setdefault(process, []).append(Cost(user, system))
    steps = sum(len(costs) - 1 for costs in by_process.values())
    user = sum(costs[-1].user - costs[0].user for costs in by_process.values())
    return Cost(user / steps, sum(costs[-1].system - costs[0].system for costs in by_process.values()) / steps)


def looped(tasks: int) -> Cost:
    """What claiming, running and settling in hundreds cost this process, a task."""
    missing = tasks - app.broker.depth(queue.name)[0].ready
    if missing > 0:
        Producer.send_many([payload(number) for number in range(missing)])
    before, left = resource.getrusage(resource.RUSAGE_SELF), tasks
    while left > 0:
        taken = app.broker.receive([queue], CLAIM)
        settle(app, [(delivery, finish(decide(app, delivery))) for delivery in taken])
        left -= len(taken)
    after = resource.getrusage(resource.RUSAGE_SELF)
    return Cost((after.ru_utime - before.ru_utime) / tasks, (after.ru_stime - before.ru_stime) / tasks)


def wait(tasks: int) -> None:
    """Until so many have run."""
    deadline = time.monotonic() + STALLED_AFTER
    while WEIGHTS.stat().st_size < tasks * RECORD.size:
        if time.monotonic() > deadline:
            raise SystemExit(f"not done after {STALLED_AFTER:.0f} s: {(WORK / 'worker.log').read_text()[-1000:]}")
        time.sleep(0.02)


def cost_of(way: str, tasks: int, processes: int) -> Cost:
    """What one task cost, producer and workers together."""
    if way == "loop":
        return looped(tasks)
    Producer.send_many([payload(number) for number in range(tasks if way == "drain" else WARM_UP)])
    if not processes:
        return produced(way, tasks)
    command = ["ebbtide", "worker", "benchmarks.harness.scales:app", "--processes", str(processes)]
    with Workers([command], WORK / "worker.log"):
        if way == "drain":
            wait(tasks)
            return worked()
        wait(WARM_UP)
        os.truncate(file, 0)
        mine = produced(way, tasks)
        wait(tasks)
    theirs = worked()
    return Cost(mine.user + theirs.user, mine.system + theirs.system)


if __name__ == "__main__":
    exit_on_signals()
    print(json.dumps(cost_of(sys.argv[1], int(sys.argv[2]), int((*sys.argv, "0")[3]))))
