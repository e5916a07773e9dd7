"""A deployed function for rows of the bar: a queue as SQS keeps it on a clock of its own, and a handler that is real.

The broker is that of `tests.on_lambda.stage`; it writes down what it is told, line by line, so that the parent of a
process that was killed knows all that came before.
"""

from __future__ import annotations

import json
import logging
import os
import select
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.on_lambda.stage import Mapped, record

from ebbtide.app import App
from ebbtide.broker import Delivery, Permit, Settlement
from ebbtide.message import Message
from ebbtide.on_lambda.handler import Function
from ebbtide.on_lambda.limits import Watch
from ebbtide.on_lambda.settings import Settings
from ebbtide.queue import Queue

Line = dict[str, Any]
Write = Callable[[Line], None]

VISIBILITY = 360.0
"""Seconds until what was neither deleted nor given back is seen again."""


class Journal(Mapped):
    """A broker that writes down every verb. Attempts are counted as a stage counts them, by the queue's ledger."""

    def __init__(self, write: Write) -> None:
        super().__init__()
        self._write = write
        self._over: list[str] = []

    def delivered(self, records: Sequence[dict[str, Any]]) -> list[Delivery]:
        return [
            Delivery(one["body"].encode(), "default", 0, one["receiptHandle"], one["attributes"].get("attempt", 1))
            for one in records
        ]

    def begin(self, delivery: Delivery) -> Permit:
        self._write({"verb": "begin", "id": delivery.receipt})
        return Permit.RUN

    def ack(self, settled: Sequence[Settlement]) -> int:
        return self._settle("ack", settled)

    def retry(self, settled: Sequence[Settlement]) -> int:
        return self._settle("retry", settled)

    def bury(self, settled: Sequence[Settlement]) -> int:
        return self._settle("bury", settled)

    def flush(self) -> None:
        for id in self._over:
            self._write({"verb": "delete", "id": id})
        self._over.clear()

    def _settle(self, verb: str, settled: Sequence[Settlement]) -> int:
        for one in settled:
            error = one.report.error if one.report else None
            about: Line = {"wait": one.wait, "spent": one.spent, "attempt": one.delivery.attempt}
            if error:
                about |= {"error": error.exception_class, "traceback": bool(error.traceback)}
            self._write({"verb": verb, "id": one.delivery.receipt, **about})
            if verb != "retry":
                self._over.append(one.delivery.receipt)
        return len(settled)


@dataclass
class Kept:
    """One message on the simulated queue."""

    id: str
    body: Message | str
    group: str | None
    visible_at: float = 0.0
    receives: int = 0
    starts: int = 0  # in the ledger
    begun: bool = False  # and there at this receipt


class SimulatedQueue:
    """One SQS queue on a virtual clock: receive counts, visibility, and on a FIFO queue groups that wait."""

    def __init__(self) -> None:
        self.now = 0.0
        self.kept: dict[str, Kept] = {}
        self.dead: dict[str, Line] = {}
        self.receives: dict[str, int] = {}

    def send(self, bodies: Iterable[Message | str], groups: Iterable[str | None] | None = None) -> None:
        for number, body in enumerate(bodies):
            id = f"poison-{number}" if isinstance(body, str) else body.id
            group = None if groups is None else list(groups)[number]
            self.kept[id] = Kept(id, body, group)

    def receive(self, most: int) -> list[dict[str, Any]]:
        """Records of what is visible, in the order sent; of a group nothing behind what is in flight."""
        found: list[dict[str, Any]] = []
        held: set[str] = set()
        for kept in self.kept.values():
            if kept.group is not None and kept.group in held:
                continue
            if kept.visible_at > self.now:
                held |= {kept.group} if kept.group is not None else set()
            elif len(found) < most:
                found.append(self._record(kept))
        return found

    def _record(self, kept: Kept) -> dict[str, Any]:
        kept.receives += 1
        kept.begun = False
        kept.visible_at = self.now + VISIBILITY
        self.receives[kept.id] = kept.receives
        made = record(kept.body, kept.receives, group=kept.group)
        made["messageId"] = made["receiptHandle"] = kept.id
        made["attributes"]["attempt"] = 1 if kept.receives == 1 else 2 + kept.starts
        return made

    def apply(self, records: list[dict[str, Any]], lines: Iterable[Line], failed: list[str] | None) -> None:
        """What became of these. failed: the ids the function named; None: it died."""
        for line in lines:
            kept = self.kept.get(line["id"])
            if kept is None:
                continue
            match line["verb"]:
                case "begin":
                    kept.begun = kept.receives > 1
                    kept.starts += kept.begun
                case "retry":
                    kept.visible_at = self.now + line["wait"]
                    kept.starts -= not line["spent"] and (kept.begun or kept.receives == 1)
                case "bury":
                    self.dead[kept.id] = line
                case "delete":
                    del self.kept[kept.id]
        for one in records if failed is not None else []:
            if one["messageId"] not in (failed or []):
                self.kept.pop(one["messageId"], None)

    def forward(self) -> bool:
        """Move the clock to when something is visible next; whether anything is left."""
        self.now = max(self.now, min((kept.visible_at for kept in self.kept.values()), default=self.now))
        return bool(self.kept)


def quiet() -> None:
    """Have the function's own log lines go nowhere: they are not what a row shows."""
    logging.getLogger("ebbtide.lambda").setLevel(logging.CRITICAL + 1)


def deployed(queue: Queue, write: Write) -> App:
    """An app of stage `prod` whose broker writes down what it is told."""
    return App("t", queues=[queue], broker=lambda: Journal(write))


def function_of(app: App, kind: type[Function] = Function, margin: float = 2.0, watch: Watch | None = None) -> Function:
    """Its function. All of a process share a watch, which is a thread, unless told otherwise."""
    return kind(app, Settings("t:app", "default", "prod", margin=margin), watch=watch or _WATCH)


_WATCH = Watch()


def failed_in(answer: Any) -> list[str]:
    """The ids an answer names. Raises ValueError for an answer of another shape."""
    if not isinstance(answer, dict) or list(answer) != ["batchItemFailures"]:
        raise ValueError(f"the answer is {answer!r:.200}")
    for failure in answer["batchItemFailures"]:
        if not isinstance(failure, dict) or list(failure) != ["itemIdentifier"]:
            raise ValueError(f"a failure is {failure!r:.200}")
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


class Child:
    """One invocation in a process of its own, which may die; `seconds` after its start it is killed as by Lambda."""

    def __init__(self, invoke: Callable[[Write], Any], seconds: float) -> None:
        reader, writer = os.pipe()
        self._reader = reader
        self._heard = b""
        self._ends = time.monotonic() + seconds
        self.pid = os.fork()
        if not self.pid:
            os.close(reader)
            code = 70
            try:
                answer = invoke(lambda line: _say(writer, line))
                _say(writer, {"verb": "answer", "answer": answer})
                code = 0
            finally:
                os._exit(code)
        os.close(writer)

    def lines(self) -> tuple[list[Line], bool]:
        """All it said, and whether it had to be killed."""
        killed = False
        while True:
            left = self._ends - time.monotonic()
            if left <= 0 and not killed:
                killed = True
                os.kill(self.pid, 9)
            ready, _, _ = select.select([self._reader], [], [], max(0.0, left) if not killed else None)
            if ready:
                part = os.read(self._reader, 65_536)
                if not part:
                    break
                self._heard += part
        os.close(self._reader)
        os.waitpid(self.pid, 0)
        return [json.loads(line) for line in self._heard.splitlines()], killed


def _say(writer: int, line: Line) -> None:
    os.write(writer, json.dumps(line).encode() + b"\n")
