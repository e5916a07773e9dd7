"""One round of one contender, run in that contender's environment: `python -m benchmarks.harness.measure`.

The order of things: enqueue one by one with no worker there; start the workers on that backlog (drain);
leave them idle and weigh them; wake them 200 times; give them work as it is made, one by one and in bulk;
stop them; enqueue from eight threads and in bulk with nobody listening. Prints one line of JSON.
"""

import argparse
import importlib
import json
import random
import signal
import statistics
import sys
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks.contenders import WORK
from benchmarks.harness.marks import Marks, Stalled, payload
from benchmarks.harness.workers import Workers

WARM_UP = 10
THREADS = 8
SAMPLES = 200
SETTLE_SECONDS = 3.0
IDLE_SECONDS = 5.0

Figures = dict[str, float | None]


def enqueue_one_by_one(contender: Any, tasks: int) -> float:
    """Tasks a second from one thread."""
    start = time.perf_counter()
    for number in range(tasks):
        contender.send(payload(number))
    return tasks / (time.perf_counter() - start)


def enqueue_in_bulk(contender: Any, tasks: int) -> float:
    """Tasks a second in one call."""
    batch = [payload(number) for number in range(tasks)]
    start = time.perf_counter()
    contender.send_many(batch)
    return tasks / (time.perf_counter() - start)


def enqueue_from_threads(contender: Any, tasks: int) -> float:
    """Tasks a second from eight threads together, once each has sent its first."""
    started: list[float] = []
    errors: list[BaseException] = []
    everybody_connected = threading.Barrier(THREADS, action=lambda: started.append(time.perf_counter()))

    def produce(first: int) -> None:
        try:
            contender.send(payload(tasks + first))
            everybody_connected.wait()
            for number in range(first, tasks, THREADS):
                contender.send(payload(number))
        except Exception as error:
            errors.append(error)
            everybody_connected.abort()

    threads = [threading.Thread(target=produce, args=(first,)) for first in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return tasks / (time.perf_counter() - started[0])


def drain(marks: Marks, tasks: int) -> float:
    """Executions a second from the first to the last of what was waiting."""
    done = marks.wait(tasks).values()
    return (tasks - 1) / (max(done) - min(done)) * 1e9


def end_to_end(marks: Marks, tasks: int, enqueue: Any, contender: Any) -> float:
    """Tasks a second from just before the first enqueue to the last execution."""
    marks.clear()
    start = time.time_ns()
    enqueue(contender, tasks)
    return tasks / (max(marks.wait(tasks).values()) - start) * 1e9


def wake_ups(contender: Any, marks: Marks) -> tuple[float, float]:
    """Median and 99th percentile of the time from before `enqueue` is called to the task's first line, ms."""
    marks.clear()
    sent = []
    for number in range(SAMPLES):
        time.sleep(random.uniform(0.02, 0.04))
        sent.append(time.time_ns())
        contender.send(payload(number))
    started = marks.wait(SAMPLES)
    waits = [(started[number] - sent[number]) / 1e6 for number in range(SAMPLES)]
    return statistics.median(waits), statistics.quantiles(waits, n=100, method="inclusive")[98]


def idle(workers: Workers) -> tuple[float | None, float | None]:
    """Memory in MB, and ms of processor time a second, of workers with nothing to do."""
    time.sleep(SETTLE_SECONDS)
    memory, before = workers.memory_mb(), workers.cpu_ms()
    time.sleep(IDLE_SECONDS)
    after = workers.cpu_ms()
    return memory, None if before is None or after is None else (after - before) / IDLE_SECONDS


def measure(contender: Any, marks: Marks, tasks: int, processes: int, figures: Figures) -> None:
    """Fill in the figures, in an order that lets each phase stand on the one before."""
    contender.prepare()
    for number in range(WARM_UP):
        contender.send(payload(tasks + number))
    figures["enqueue"] = enqueue_one_by_one(contender, tasks)
    with Workers(contender.worker_commands(processes), WORK / "worker.log") as workers:
        try:
            measure_workers(contender, marks, tasks, workers, figures)
        except Stalled as error:
            error.add_note(f"worker processes at that time: {len(workers.pids())}")
            raise
    figures["enqueue_threads"] = enqueue_from_threads(contender, tasks)
    if contender.send_many:
        figures["enqueue_bulk"] = enqueue_in_bulk(contender, tasks)


def measure_workers(contender: Any, marks: Marks, tasks: int, workers: Workers, figures: Figures) -> None:
    """What needs workers: on the backlog, idle, woken, and fed."""
    figures["drain"] = drain(marks, tasks + WARM_UP)
    figures["memory"], figures["idle_cpu"] = idle(workers)
    figures["wake_p50"], figures["wake_p99"] = wake_ups(contender, marks)
    figures["end_to_end"] = end_to_end(marks, tasks, enqueue_one_by_one, contender)
    if contender.send_many:
        figures["end_to_end_bulk"] = end_to_end(marks, tasks, enqueue_in_bulk, contender)
    figures["repeats"] = marks.repeats()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("module")
    parser.add_argument("marks", type=Path)
    parser.add_argument("--tasks", type=int, required=True)
    parser.add_argument("--workers", type=int, required=True)
    asked = parser.parse_args()
    # Ended from outside, the round still stops its workers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    figures: Figures = {}
    answer: dict[str, Any] = {"figures": figures}
    try:
        contender = importlib.import_module(f"benchmarks.contenders.{asked.module}")
        measure(contender, Marks(asked.marks), asked.tasks, asked.workers, figures)
    except Exception as error:
        log = WORK / "worker.log"
        tail = log.read_text(errors="replace")[-2000:] if log.exists() else ""
        said = "; ".join((str(error), *getattr(error, "__notes__", ())))
        answer["error"] = f"{type(error).__name__} after {', '.join(figures)}: {said}\n{tail}"
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
