"""One point, or one climb, of the scaling chart, in a process and a folder of its own, on Ebbtide as it is by default:

    python -m benchmarks.harness.loads workers PROCESSES TASKS      empty tasks run by so many worker processes
    python -m benchmarks.harness.loads busy PROCESSES TASKS         tasks of a millisecond of processor time
    python -m benchmarks.harness.loads payload BYTES TASKS          enqueued in calls of 100, then run by two processes
    python -m benchmarks.harness.loads backlog WAITING,... TASKS    with so many waiting, which is kept up

Prints a line of JSON: rates in tasks a second, by series.
"""

import json
import os
import sys
import time
from pathlib import Path

from benchmarks.contenders import WORK
from benchmarks.contenders.ebbtide_sqlite import app, busy, noop, queue, worker_commands
from benchmarks.harness.command import exit_on_signals
from benchmarks.harness.marks import PAYLOAD_BYTES, Marks, payload
from benchmarks.harness.rates import Numbers, steady_rate
from benchmarks.harness.workers import Workers
from ebbtide.execute import decide, finish, settle

PROCESSES = 2
CALL = 100
"""Tasks in one call, and in one claim of the loop."""

WORTH_WORKERS = 1000
"""Waiting tasks that keep two workers busy for longer than they take to start."""

FILL = 5000
LEAST_SECONDS = 1.0

numbers = Numbers()


def fill(tasks: int, size: int = PAYLOAD_BYTES, call: int = FILL) -> range:
    """Enqueue so many empty tasks; their numbers."""
    mine = numbers.take(tasks)
    for start in range(mine.start, mine.stop, call):
        noop.enqueue_many([(payload(number, size),) for number in range(start, min(start + call, mine.stop))])
    return mine


def workers(processes: int, tasks: int, marks: Marks) -> dict[str, float]:
    """Empty tasks."""
    return {"empty tasks": run(fill(tasks), processes, marks)}


def busy_workers(processes: int, tasks: int, marks: Marks) -> dict[str, float]:
    """Tasks with something to do."""
    mine = numbers.take(tasks)
    busy.enqueue_many([(payload(number),) for number in mine])
    return {"tasks of 1 ms CPU": run(mine, processes, marks)}


def payloads(size: int, tasks: int, marks: Marks) -> dict[str, float]:
    """In and out again."""
    fill(1)  # makes the file
    start = time.perf_counter()
    mine = fill(tasks, size, CALL)
    enqueued = tasks / (time.perf_counter() - start)
    return {"enqueue_many": enqueued, "run by two workers": run(mine, PROCESSES, marks)}


def backlog(waiting: int, tasks: int, marks: Marks) -> dict[str, float]:
    """With so many waiting: by a loop without worker processes, then by two of them where there is enough to do."""
    fill(waiting - ready())
    found = {"claimed in a loop": loop(waiting)}
    if waiting >= WORTH_WORKERS:
        fill(waiting - ready())
        with Workers(worker_commands(PROCESSES), WORK / "worker.log"):
            found["two workers"] = steady_rate(marks.next(min(waiting, tasks)))
    return found


def loop(waiting: int) -> float:
    """Claim up to 100, run them, settle them; what was taken is put back unmeasured."""
    done, seconds = 0, 0.0
    while seconds < LEAST_SECONDS:
        start = time.perf_counter()
        taken = app.broker.receive([queue], min(waiting, CALL))
        settle(app, [(delivery, finish(decide(app, delivery))) for delivery in taken])
        seconds += time.perf_counter() - start
        done += len(taken)
        fill(len(taken))
    return done / seconds


def run(mine: range, processes: int, marks: Marks) -> float:
    """Have workers run at least these; their rate."""
    with Workers(worker_commands(processes), WORK / "worker.log"):
        return steady_rate(marks.wait(mine).values())


def ready() -> int:
    return app.broker.depth(queue.name)[0].ready


def main() -> None:
    exit_on_signals()
    kind, given, tasks = sys.argv[1], sys.argv[2], int(sys.argv[3])
    marks = Marks(Path(os.environ["BENCH_MARKS"]))
    if kind == "backlog":
        for waiting in map(int, given.split(",")):
            print(json.dumps({"x": waiting, "rates": backlog(waiting, tasks, marks)}), flush=True)
        return
    point = {"workers": workers, "busy": busy_workers, "payload": payloads}[kind]
    print(json.dumps({"x": int(given), "rates": point(int(given), tasks, marks)}))


if __name__ == "__main__":
    main()
