"""S2: when time is nearly up nothing is started that cannot end, and nothing is killed without a record.

First on a clock of its own: batches with durations and time left drawn at random, zero and below among them. What is
started fits by its declared limit, unless it is the first; what is not is named and given back unspent. Then in real
processes that are killed when their time is up, as Lambda does: tasks that sleep, that swallow the interruption, that
hang in C, on the event loop and beside it. Each must have ended by itself, and each of its messages have its record.
"""

from __future__ import annotations

import asyncio
import ctypes
import time
from collections.abc import Iterator
from random import Random
from typing import Any

from tests.bar.deployed import Child, Line, Write, deployed, failed_in, function_of, quiet
from tests.bar.row import Draw, Figure, Miss, Row
from tests.fakes import NOON, Clock
from tests.on_lambda.stage import Context, Mapped, record

from ebbtide.app import App
from ebbtide.on_lambda.handler import Function
from ebbtide.on_lambda.limits import Watch
from ebbtide.queue import Queue

MARGIN = 1.0
TIMEOUT = 0.4
"""Seconds, in the real part."""

LATE = 3.0
"""Seconds after its end at which a process is found to be too late; Lambda has none, a busy machine may need them."""

AT_ONCE = 6
TIMED_OUT = "ebbtide.errors.TaskTimeout"


class Virtual:
    """What Lambda hands over, on a virtual clock."""

    aws_request_id = "virtual"

    def __init__(self, clock: Clock, left: float) -> None:
        self._clock = clock
        self._end = clock.now + left

    def get_remaining_time_in_millis(self) -> int:
        return int((self._end - self._clock.now) * 1000)


class Careless(Function):
    """Plants the fault: the time left is not asked for."""

    def __call__(self, event: Any, context: Any) -> Any:
        return super().__call__(event, Context(600.0))


class Blind(Watch):
    """Plants the fault: nobody sees when something runs on."""

    def start(self, receipt: str, seconds: float, late: Any) -> None:
        pass


FAULTS: dict[str | None, type[Function]] = {None: Function, "ignore-context": Careless, "no-watch": Function}


def planned(random: Random, kind: type[Function]) -> Iterator[Miss]:
    """One batch on a virtual clock, judged."""
    clock, broker = Clock(), Mapped()
    timeout, margin = random.uniform(1, 60), random.choice((0.5, 2.0, 5.0))
    app = App("t", queues=[Queue(timeout=timeout)], broker=lambda: broker, clock=clock)
    started: list[tuple[str, float]] = []
    end = NOON + random.choice((0.0, -3.0, margin, random.uniform(0, 3 * timeout + margin), 10 * timeout))

    @app.task(takes_context=True)
    def work(delivery: Any, seconds: float) -> None:
        started.append((delivery.receipt, end - clock.now))
        clock.forward(min(seconds, delivery.deadline - clock.now))

    records = [
        record(work.message(random.uniform(0, 1.2 * timeout)), random.choice((1, 1, 2)))
        for _ in range(random.randint(1, 10))
    ]
    named = failed_in(function_of(app, kind, margin)({"Records": records}, Virtual(clock, end - NOON)))
    for place, (_, left) in enumerate(started):
        if left < margin + timeout - 0.01 and (place or left <= margin):
            yield Miss(f"started with {left:.2f} s left, a limit of {timeout:.2f} s and a margin of {margin} s")
    if clock.now > max(end - margin, NOON) + 0.01:
        yield Miss(f"a task ran until {clock.now - end + margin:.2f} s into the margin")
    unstarted = [one["messageId"] for one in records if one["messageId"] not in dict(started)]
    if sorted(named) != sorted(unstarted) or sorted(broker.given_back) != sorted(unstarted):
        yield Miss(
            f"{len(unstarted)} were not started, {len(named)} named, {len(broker.given_back)} given back unspent"
        )


def hang_in_c() -> None:
    """Wait in C for a lock one holds oneself: no signal's handler is run there."""
    library, lock = ctypes.CDLL(None), ctypes.create_string_buffer(128)
    library.pthread_mutex_lock(lock)
    library.pthread_mutex_lock(lock)


def shop(write: Write, context: Context) -> App:
    """Tasks that end in time, and tasks that do not."""
    app = deployed(Queue(timeout=TIMEOUT, results=60), write)

    @app.task(takes_context=True)
    def work(delivery: Any, what: str) -> None:
        write({"verb": "run", "id": delivery.receipt, "left": context.get_remaining_time_in_millis() / 1000})
        if what == "c":
            hang_in_c()
        while what in ("sleeps", "swallows"):
            try:
                time.sleep(60)
            except Exception:
                if what == "sleeps":
                    raise
        time.sleep(0.02)

    @app.task(takes_context=True)
    async def awork(delivery: Any, what: str) -> None:
        write({"verb": "run", "id": delivery.receipt, "left": context.get_remaining_time_in_millis() / 1000})
        if what == "blocks":
            hang_in_c()
        while what in ("sleeps", "swallows"):
            try:
                await asyncio.sleep(60)
            except BaseException:
                if what == "sleeps":
                    raise
        await asyncio.sleep(0.02)

    return app


KINDS = [("work", what) for what in ("ends", "ends", "sleeps", "swallows", "c")]
KINDS += [("awork", what) for what in ("ends", "ends", "sleeps", "swallows", "blocks")]


class Invocation:
    """One invocation in a process of its own, with the time it has."""

    def __init__(self, random: Random, fault: str | None) -> None:
        chosen = [random.choice(KINDS) for _ in range(random.randint(1, 6))]
        tasks = shop(lambda line: None, Context()).tasks
        self._sent = {message.id: name for message, name in ((tasks[t].message(w), w) for t, w in chosen)}
        records = []
        for id, (task, what) in zip(self._sent, chosen, strict=True):
            made = record(tasks[task].message(what))
            body = made["body"].replace(made["messageId"], id)
            records.append({**made, "messageId": id, "receiptHandle": id, "body": body})
        self._seconds = random.choice((-1.0, 0.5, random.uniform(1.1, 3.0), random.uniform(2.0, 4.0)))

        def invoke(write: Write) -> Any:
            context = Context(self._seconds)
            watch = Blind() if fault == "no-watch" else Watch()
            return function_of(shop(write, context), FAULTS[fault], MARGIN, watch)({"Records": records}, context)

        self._child = Child(invoke, max(0.0, self._seconds) + LATE)

    def judged(self) -> Iterator[Miss]:
        lines, killed = self._child.lines()
        if killed:
            yield Miss(f"a process with {self._seconds:.1f} s was killed: {sorted(set(self._sent.values()))}")
            return
        answers = [failed_in(line["answer"]) for line in lines if line["verb"] == "answer"]
        starts = [line for line in lines if line["verb"] == "run"]
        for place, line in enumerate(starts):
            if line["left"] < MARGIN + TIMEOUT - 0.3 and (place or line["left"] < MARGIN - 0.3):
                yield Miss(f"started with {line['left']:.2f} s left")
        for id, what in self._sent.items():
            fault = self._record_of(id, what, lines, {line["id"] for line in starts}, answers)
            if fault:
                yield Miss(f"{what}: {fault}")

    def _record_of(
        self, id: str, what: str, lines: list[Line], started: set[str], answers: list[list[str]]
    ) -> str | None:
        """What is wrong with the record of one message; None: nothing."""
        said = [line for line in lines if line.get("id") == id and line["verb"] in ("ack", "retry", "bury")]
        if len(said) != 1:
            return f"settled {len(said)} times"
        (line,) = said
        over = line["verb"] == "ack"
        if over and what != "ends":
            return "acknowledged, though it never ended"
        if id not in started and (over or line["spent"]):
            return "settled as if it had been started"
        if id in started and not over and line["spent"] and line.get("error") != TIMED_OUT:
            return f"failed with {line.get('error')}"
        if id in started and not over and not line["spent"] and answers:
            return "given back, though it was started and the process went on"
        if not answers and over and {"verb": "delete", "id": id} not in lines:
            return "done, and left on the queue when the process ended"
        if answers and (id in answers[0]) == over:
            return "the answer says something else"
        return None


def run(draw: Draw) -> Iterator[Figure | Miss]:
    quiet()
    for _ in range(draw.sizes["batches"]):
        yield from planned(draw.random, FAULTS[draw.fault])
    yield Figure("batches on a virtual clock", draw.sizes["batches"])
    left = draw.sizes["processes"]
    while left > 0:
        some = [Invocation(draw.random, draw.fault) for _ in range(min(AT_ONCE, left))]
        left -= len(some)
        for invocation in some:
            yield from invocation.judged()
    yield Figure("processes", draw.sizes["processes"])


ROW = Row(
    "S2",
    "nothing is started that cannot end in time, and nothing is killed without a record",
    run,
    quick={"batches": 500, "processes": 12},
    full={"batches": 10_000, "processes": 240},
    faults=("ignore-context", "no-watch"),
)

if __name__ == "__main__":
    ROW.main()
