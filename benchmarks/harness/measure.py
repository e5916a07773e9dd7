"""One round of one contender, run in that contender's environment: `python -m benchmarks.harness.measure`.

The order of things, the same for all: enqueue busy tasks, start the workers, let them run them, stop them. Enqueue
one by one with no worker there; start the workers on that backlog (drain); leave them idle and weigh them; wake them
300 times; give them work as it is made, one by one, from eight threads and in bulk; stop them. Enqueue from eight
threads and in bulk with nobody listening. Prints one line of JSON.
"""

import argparse
import importlib
import json
import random
import time
from pathlib import Path
from typing import Any

from benchmarks.contenders import WORK
from benchmarks.harness.command import exit_on_signals
from benchmarks.harness.marks import Marks, Stalled, payload
from benchmarks.harness.produce import Way, from_threads, in_bulk, one_by_one
from benchmarks.harness.rates import Numbers, median_and_p99, rate_until_last, steady_rate
from benchmarks.harness.workers import Workers

MOST_BUSY = 2000
SAMPLES = 300
SETTLE_SECONDS = 3.0
IDLE_SECONDS = 5.0
AT_LEAST = 1.0
"""Seconds that bulk phases are repeated for; one call may be over in a tenth of that."""

Figures = dict[str, float | None]


class Round:
    """What all phases share: the contender, the numbers of its tasks, what they left behind, and the figures."""

    def __init__(self, contender: Any, marks: Marks, tasks: int, processes: int, figures: Figures) -> None:
        self.contender, self.marks = contender, marks
        self.tasks, self.processes, self.figures = tasks, processes, figures
        self.numbers = Numbers()

    def run(self) -> None:
        """Fill in the figures, in an order that lets each phase stand on the one before."""
        self.contender.prepare()
        busy = self.numbers.take(min(self.tasks, MOST_BUSY))
        for number in busy:
            self.contender.send_busy(payload(number))
        with self.workers() as workers:
            self.figures["busy"] = steady_rate(self.wait(busy, workers).values())
        backlog = self.numbers.take(self.tasks)
        self.figures["enqueue"] = one_by_one(self.contender, backlog)
        with self.workers() as workers:
            self.figures["drain"] = steady_rate(self.wait(backlog, workers).values())
            self.with_workers(workers)
        self.figures["repeats"] = self.marks.repeats()
        self.figures["enqueue_threads"] = from_threads(self.contender, self.numbers.take(self.tasks))
        if self.contender.send_many:
            self.figures["enqueue_bulk"] = self.bulk()

    def workers(self) -> Workers:
        return Workers(self.contender.worker_commands(self.processes), WORK / "worker.log")

    def wait(self, numbers: range, workers: Workers) -> dict[int, int]:
        try:
            return self.marks.wait(numbers)
        except Stalled as error:
            error.add_note(f"worker processes at that time: {len(workers.pids())}")
            raise

    def with_workers(self, workers: Workers) -> None:
        """What needs them idle, woken, and fed."""
        self.figures["memory"], self.figures["idle_cpu"] = idle(workers)
        self.figures["wake_p50"], self.figures["wake_p99"] = self.wake_ups(workers)
        self.figures["end_to_end"] = self.end_to_end(one_by_one, workers)
        self.figures["end_to_end_threads"] = self.end_to_end(from_threads, workers)
        if self.contender.send_many:
            self.figures["end_to_end_bulk"] = self.end_to_end(in_bulk, workers)

    def wake_ups(self, workers: Workers) -> tuple[float, float]:
        """Median and 99th percentile of the time from before `enqueue` is called to the task's first line, ms."""
        numbers, sent = self.numbers.take(SAMPLES), []
        for number in numbers:
            time.sleep(random.uniform(0.02, 0.04))
            sent.append(time.monotonic_ns())
            self.contender.send(payload(number))
        started = self.wait(numbers, workers)
        return median_and_p99([(started[n] - when) / 1e6 for n, when in zip(numbers, sent, strict=True)])

    def end_to_end(self, way: Way, workers: Workers) -> float:
        """Tasks a second from just before the first enqueue to the last execution; again if that was over at once."""
        tasks, seconds = 0, 0.0
        while seconds < AT_LEAST:
            numbers = self.numbers.take(self.tasks)
            start = time.monotonic_ns()
            way(self.contender, numbers)
            done = self.wait(numbers, workers)
            seconds += len(numbers) / rate_until_last(len(numbers), start, done.values())
            tasks += len(numbers)
        return tasks / seconds

    def bulk(self) -> float:
        """Tasks a second in calls of all tasks each, with nobody listening."""
        tasks, seconds = 0, 0.0
        while seconds < AT_LEAST:
            seconds += self.tasks / in_bulk(self.contender, self.numbers.take(self.tasks))
            tasks += self.tasks
        return tasks / seconds


def idle(workers: Workers) -> tuple[float | None, float | None]:
    """Memory in MB, and ms of processor time a second, of workers with nothing to do."""
    time.sleep(SETTLE_SECONDS)
    memory, before = workers.memory_mb(), workers.cpu_ms()
    time.sleep(IDLE_SECONDS)
    after = workers.cpu_ms()
    return memory, None if before is None or after is None else (after - before) / IDLE_SECONDS


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("module")
    parser.add_argument("marks", type=Path)
    parser.add_argument("--tasks", type=int, required=True)
    parser.add_argument("--workers", type=int, required=True)
    asked = parser.parse_args()
    exit_on_signals()  # so that the round still stops its workers
    figures: Figures = {}
    answer: dict[str, Any] = {"figures": figures}
    try:
        contender = importlib.import_module(f"benchmarks.contenders.{asked.module}")
        Round(contender, Marks(asked.marks), asked.tasks, asked.workers, figures).run()
    except Exception as error:
        log = WORK / "worker.log"
        tail = log.read_text(errors="replace")[-2000:] if log.exists() else ""
        said = "; ".join((str(error), *getattr(error, "__notes__", ())))
        answer["error"] = f"{type(error).__name__} after {', '.join(figures)}: {said}\n{tail}"
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
