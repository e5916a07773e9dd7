"""R9: SIGTERM ends a worker in good order.

It takes nothing new; a task that ends within the grace is done; one that does not is back in the queue right after it,
its attempt unspent; and the worker ends at the grace's end at the latest. A second SIGTERM, or Ctrl-C, ends the grace.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bar.queuefile import Row as Task
from tests.bar.queuefile import call, damage, folder, rows
from tests.bar.row import Draw, Figure, Miss, Row
from tests.bar.workers import Place, Worker, until

from ebbtide.brokers.sqlite import SqliteBroker

AFTERWARDS = 1.0
SLACK = 2.0
"""Seconds promised after the grace, and what we allow on top on a busy machine; the figures are printed."""

STARTED_WITHIN = 60.0
READY, DONE = Task("ready", 0), Task("done", 1)


def terminate(worker: Worker) -> None:
    worker.process.send_signal(signal.SIGTERM)


def interrupt(worker: Worker) -> None:
    worker.process.send_signal(signal.SIGINT)


def terminate_all(worker: Worker) -> None:
    """As systemd does: the supervisor and its processes."""
    os.killpg(worker.process.pid, signal.SIGTERM)


def terminate_twice(worker: Worker) -> None:
    terminate(worker)
    time.sleep(0.5)  # a second within 0.2 s counts as the same
    terminate(worker)


@dataclass(frozen=True)
class Stop:
    """One way to stop a worker that runs one task, with others waiting behind it.

    seconds: how long the task runs. grace: the worker's. within: seconds to its end, from the first signal. then: what
    the task's row says after it; the others' must be as before.
    """

    name: str
    signal: Callable[[Worker], None]
    seconds: float
    grace: float
    within: float
    then: Task


STOPS = (
    Stop("a task shorter than the grace", terminate, 1.0, 4.0, 1.0, DONE),
    Stop("a task shorter than the grace, all signalled", terminate_all, 1.0, 4.0, 1.0, DONE),
    Stop("a task longer than the grace", terminate, 60.0, 1.0, 1.0, READY),
    Stop("no grace", terminate, 60.0, 0.0, 0.0, READY),
    Stop("a second SIGTERM", terminate_twice, 60.0, 30.0, 0.5, READY),
    Stop("Ctrl-C", interrupt, 60.0, 1.0, 1.0, READY),
    Stop("nothing to do", terminate, 0.0, 30.0, 0.0, DONE),
)


def stopped(stop: Stop, path: Path, draw: Draw) -> Iterator[Figure | Miss]:
    place = Place(path, draw.fault)
    broker = SqliteBroker(place.path)
    broker.send([call("first", args=[0], kwargs={"seconds": stop.seconds})])
    worker = place.start("--processes", "1", "--grace", str(stop.grace))
    try:
        word = "start" if stop.seconds else "end"
        if not until(lambda: any(line.word == word for line in place.lines()), STARTED_WITHIN):
            yield Miss(f"{stop.name}: the worker did not come up")
            return
        if stop.seconds:
            broker.send([call(f"behind-{number}", args=[number]) for number in range(1, 4)])
        time.sleep(draw.random.random() / 4)
        began = time.monotonic()
        stop.signal(worker)
        if stop.seconds:
            broker.send([call("after", args=[9])])
        back = until(lambda: rows(place.path)["first"] == stop.then, stop.within + AFTERWARDS + SLACK)
        settled = time.monotonic() - began
        ended = until(lambda: worker.process.poll() is not None, stop.within + AFTERWARDS + SLACK)
        took = time.monotonic() - began
    finally:
        worker.kill()
    broker.close()
    yield Figure(f"{stop.name}: settled, ended", f"{settled:.2f}, {took:.2f} s, expected at {stop.within} s")
    found = rows(place.path)
    if not back:
        yield Miss(f"{stop.name}: after {settled:.1f} s the task is {found['first']}, not {stop.then}")
    if not ended or took > stop.within + AFTERWARDS + SLACK:
        yield Miss(f"{stop.name}: it took {took:.1f} s to end, promised are {stop.within + AFTERWARDS} s")
    elif worker.process.returncode:
        yield Miss(f"{stop.name}: exit code {worker.process.returncode}")
    for id, task in found.items():
        if id != "first" and task != READY:
            yield Miss(f"{stop.name}: {id} was taken: {task}")
    yield from (Miss(f"{stop.name}: {what}") for what in damage(place.path))


def run(draw: Draw) -> Iterator[Figure | Miss]:
    for number in range(draw.sizes["rounds"]):
        for stop in STOPS:
            with folder() as path:
                found = list(stopped(stop, path, draw))
            missed = any(isinstance(what, Miss) for what in found)
            yield from found if number == 0 or missed else ()
            if missed and draw.fault:
                return
    yield Figure("stops in all", draw.sizes["rounds"] * len(STOPS))


ROW = Row(
    "R9",
    "SIGTERM ends a worker in good order",
    run,
    quick={"rounds": 1},
    full={"rounds": 10},
    faults=("ignore-sigterm",),
)

if __name__ == "__main__":
    ROW.main()
