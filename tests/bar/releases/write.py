"""Writes what R13 keeps of a layout: a queue file with messages in every state, and their envelopes.

Run it by the code that writes the layout, from the root of its tree, and keep what it made beside this file:

    PYTHONPATH=src python tests/bar/releases/write.py layout-2.tar.gz

It imports nothing of the tests, and of Ebbtide only what layout 1 had already.
"""

from __future__ import annotations

import json
import os
import sys
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ebbtide.broker import Delivery, Settlement
from ebbtide.brokers.sqlite import SqliteBroker
from ebbtide.message import Lineage, Message
from ebbtide.queue import Queue
from ebbtide.result import Report, Status, TaskError

NOW = 1_790_000_000.0
"""When all this was: a moment of 2026."""

FAR = 4_000_000_000.0
"""A moment of 2096."""

DEFAULT, ORDERS = Queue(), Queue("orders", lanes=3, fifo=True)
FAILURE = TaskError("shop.Boom", "no caf\u00e9 \ud800 \U0001f4a5", "Traceback ...", 1)


def call(number: int, queue: str = "default", **more: Any) -> Message:
    """A message of the task `work`; its id says its number."""
    id = f"m{number}"
    return Message(id, "work", queue, Lineage(id), NOW, args=more.pop("args", [number]), **more)


READY = (call(1), call(2, priority=5), call(3, key="held", kwargs={"seconds": 0.001}))
DUE, LATER = call(4, run_after=NOW + 60), call(5, run_after=FAR)
LARGE = call(6, args=[6, 0.0], headers={"traceparent": "x" * 300_000})
STARTED, UNSTARTED = call(7, priority=50), call(8, priority=40)
DONE, RETRIED, DEAD = call(9, priority=99, key="window", key_window=FAR), call(10, priority=99), call(11, priority=99)
ORDERED = (
    call(20, "orders", group="g", lane=1, headers={"traceparent": "00-1-2-3"}),
    call(21, "orders", group="g", lane=2, priority=100),
    Message("m22", "work", "orders", Lineage("m0", "m1", 3, ("a", "b")), NOW, args=[22, None], expires_at=FAR),
)
MESSAGES = (*READY, DUE, LATER, LARGE, STARTED, UNSTARTED, DONE, RETRIED, DEAD, *ORDERED)


def settled(delivery: Delivery, status: Status, error: TaskError | None = None) -> list[Settlement]:
    """A worker's word on one attempt, its record kept for as long as this file."""
    ended = NOW + 1 if status.finished else None
    value = '{"pages": [1, 2.5, null]}' if status is Status.SUCCESSFUL else None
    id = delivery.message.id
    report = Report(id, "work", status, delivery.attempt, FAR, NOW, NOW, ended, value, error)
    return [Settlement(delivery, report)]


def fill(path: Path) -> None:
    """Bring every message into its state, the last two by a process that dies."""
    broker = SqliteBroker(path, clock=lambda: NOW)
    broker.send(MESSAGES)
    done, retried, dead = broker.receive([DEFAULT], 3)
    broker.ack(settled(done, Status.SUCCESSFUL))
    broker.retry(settled(retried, Status.READY, FAILURE))
    broker.bury(settled(dead, Status.FAILED, FAILURE))
    (retried,) = broker.receive([DEFAULT], 1)
    broker.ack(settled(retried, Status.SUCCESSFUL))
    broker.close()
    pid = os.fork()
    if not pid:
        dying = SqliteBroker(path, clock=lambda: NOW)
        started, _ = dying.receive([DEFAULT], 2)
        dying.begin(started)
        os._exit(0)
    os.waitpid(pid, 0)


def main(target: Path) -> None:
    """Make the archive."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        fill(folder / "queue.db")
        envelopes = {message.id: message.encode().decode("ascii") for message in MESSAGES}
        (folder / "envelopes.json").write_text(json.dumps(envelopes, indent=0))
        with tarfile.open(target, "w:gz") as archive:
            for path in sorted(folder.rglob("*")):
                archive.add(path, path.relative_to(folder), recursive=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
