"""S4: one bad message of ten costs the nine nothing, and ends among the dead letters with its reason.

A queue as SQS keeps it, on a clock of its own, is worked off by the real handler: ten messages in a batch, one of them
bad in one of many ways, among them one that kills the process each time. The nine run once (a neighbour of the killer
may be run again only if both were new), the bad one is received as often as its retries allow and then buried with its
error, attempt and trace; what may be retried waits as its policy says.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from random import Random
from typing import Any

from tests.bar.deployed import Child, Line, SimulatedQueue, Write, deployed, failed_in, function_of, quiet
from tests.bar.row import Draw, Figure, Miss, Row
from tests.on_lambda.stage import Context

from ebbtide.app import App
from ebbtide.errors import Retry
from ebbtide.message import Message
from ebbtide.on_lambda.handler import Function
from ebbtide.queue import Queue
from ebbtide.retry import RetryPolicy

ATTEMPTS = 4
BASE, CAP = 8.0, 20.0
NET = ATTEMPTS + 20
"""The template's maxReceiveCount."""

ROUNDS = 100
"""Invocations in which a queue must be worked off."""

REASONS: dict[str, tuple[str, int]] = {
    "raises": ("builtins.ValueError", ATTEMPTS),
    "asks": ("ebbtide.errors.Retry", ATTEMPTS),
    "exits": ("builtins.SystemExit", ATTEMPTS),
    "never": ("builtins.KeyError", 1),
    "odd": ("ebbtide.errors.CallRefused", 1),
    "unknown": ("ebbtide.errors.UnknownTask", 1),
    "garbage": ("ebbtide.errors.EnvelopeError", 1),
    "arguments": ("ebbtide.errors.CallRefused", 1),
    "kills": ("ebbtide.errors.WorkerDied", ATTEMPTS),
}
"""What is bad about the bad one, what it is buried for, and how often it is started before."""


class Failing(Function):
    """Plants the fault: where one fails, the whole batch does."""

    def __call__(self, event: Any, context: Any) -> Any:
        answer = super().__call__(event, context)
        every = [{"itemIdentifier": one["messageId"]} for one in event["Records"]]
        return {"batchItemFailures": every if answer["batchItemFailures"] else []}


def shop(write: Write) -> App:
    """The app; what its tasks do is written down."""
    app = deployed(Queue(timeout=10, attempts=ATTEMPTS, results=60), write)
    policy = RetryPolicy(attempts=ATTEMPTS, base=BASE, cap=CAP, never=(KeyError,))

    @app.task(retry=policy, takes_context=True)
    def work(delivery: Any, what: str) -> Any:
        write({"verb": "run", "id": delivery.receipt})
        match what:
            case "raises":
                raise ValueError(what)
            case "asks":
                raise Retry(after=5)
            case "exits":
                raise SystemExit(1)
            case "never":
                raise KeyError(what)
            case "kills":
                os._exit(9)
        return object() if what == "odd" else None

    return app


class History:
    """One queue worked off: nine good messages and a bad one."""

    def __init__(self, random: Random, what: str, kind: type[Function]) -> None:
        self._what = what
        self._kind = kind
        self._queue = SimulatedQueue()
        self._runs: dict[str, int] = {}
        self._waits: list[float] = []
        work = shop(lambda line: None).tasks["work"]
        bodies: list[Message | str] = [work.message("good") for _ in range(9)]
        bad = self._bad(work)
        bodies.insert(random.randint(0, 9), bad)
        self.bad = bad.id if isinstance(bad, Message) else f"poison-{bodies.index(bad)}"
        self._queue.send(bodies)

    def _bad(self, work: Any) -> Message | str:
        message: Message = work.message(self._what)
        changes: dict[str, dict[str, Any]] = {"unknown": {"task": "wrok"}, "arguments": {"args": [1, 2, 3]}}
        changed = changes.get(self._what)
        if self._what == "garbage":
            return "this is no message"
        return Message(**{**vars(message), **changed}) if changed else message

    def run(self) -> Iterator[Miss]:
        """Work it off, and judge."""
        rounds = 0
        while self._queue.forward() and rounds < ROUNDS:
            rounds += 1
            self._invoke(self._queue.receive(10))
        if self._queue.kept:
            yield Miss(f"{self._what}: {len(self._queue.kept)} messages are left after {rounds} invocations")
        yield from self._judged()

    def _invoke(self, records: list[dict[str, Any]]) -> None:
        event = {"Records": records}
        if self._what == "kills":
            lines, _ = Child(lambda write: function_of(shop(write), self._kind)(event, Context()), 60.0).lines()
        else:
            lines = list[Line]()
            answer = function_of(shop(lines.append), self._kind)(event, Context())
            lines.append({"verb": "answer", "answer": answer})
        answers = [line["answer"] for line in lines if line["verb"] == "answer"]
        told = [line for line in lines if line["verb"] != "answer"]
        for line in told:
            if line["verb"] == "run":
                self._runs[line["id"]] = self._runs.get(line["id"], 0) + 1
            if line["verb"] == "retry" and line["spent"]:
                self._waits.append(line["wait"])
        self._queue.apply(records, told, failed_in(answers[0]) if answers else None)

    def _judged(self) -> Iterator[Miss]:
        reason, starts = REASONS[self._what]
        letter = self._queue.dead.get(self.bad)
        others = {id: runs for id, runs in self._runs.items() if id != self.bad}
        most = 2 if self._what == "kills" else 1
        if len(others) != 9 or max(others.values()) > most:
            yield Miss(f"{self._what}: good neighbours ran {sorted(others.values())} times")
        if set(self._queue.dead) - {self.bad}:
            yield Miss(f"{self._what}: good messages are dead letters")
        if letter is None:
            yield Miss(f"{self._what}: the bad one is no dead letter")
        elif letter.get("error") != reason or letter["attempt"] < starts:
            yield Miss(f"{self._what}: buried for {letter.get('error')} in attempt {letter['attempt']}, not {reason}")
        elif self._what in ("raises", "exits", "never") and not letter["traceback"]:
            yield Miss(f"{self._what}: buried without a trace")
        if self._queue.receives[self.bad] > NET:
            yield Miss(f"{self._what}: received {self._queue.receives[self.bad]} times")
        if self._what in ("raises", "exits") and self._runs[self.bad] != starts:
            yield Miss(f"{self._what}: ran {self._runs[self.bad]} times, not {starts}")
        if self._what == "asks" and set(self._waits) != {5.0}:
            yield Miss(f"it asked for 5 s and was given {sorted(set(self._waits))}")
        if any(wait > CAP for wait in self._waits) or len(self._waits) != (starts - 1 if self._what != "kills" else 0):
            yield Miss(f"{self._what}: waits of {self._waits} s between {starts} attempts")


KINDS: dict[str | None, type[Function]] = {None: Function, "fail-whole-batch": Failing}


def run(draw: Draw) -> Iterator[Figure | Miss]:
    quiet()
    kind = KINDS[draw.fault]
    for _ in range(draw.sizes["histories"]):
        for what in REASONS:
            yield from History(draw.random, what, kind).run()
    yield Figure("histories, ten messages each", draw.sizes["histories"] * len(REASONS))


ROW = Row(
    "S4",
    "one bad message of ten costs the others nothing and is buried with its reason",
    run,
    quick={"histories": 8},
    full={"histories": 200},
    faults=("fail-whole-batch",),
)

if __name__ == "__main__":
    ROW.main()
