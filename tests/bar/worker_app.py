"""The app that R1, R6 and R9 give to the real worker, with the faults they plant in it.

BAR_FOLDER: where its queue file and its log are. BAR_FAULT: a fault of FAULTS, or nothing. The log has one line for
each start and end of a task: word, number, process id; all processes append to it, each line in one write.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ebbtide import App, Delivery, Queue, RetryPolicy, Task
from ebbtide.broker import Settlement
from ebbtide.brokers.sqlite import SqliteBroker
from ebbtide.brokers.sqlite.upkeep import Upkeep

FOLDER = Path(os.environ["BAR_FOLDER"])
FAULT = os.environ.get("BAR_FAULT", "")
QUEUE_FILE = "queue.db"
LOG = "log"


class AckFirst(SqliteBroker):
    """Plants a fault: what is received counts as done."""

    def receive(self, queues: Sequence[Queue], limit: int, wait: float = 0.0) -> list[Delivery]:
        deliveries = super().receive(queues, limit, wait)
        self.ack([Settlement(delivery) for delivery in deliveries])
        return deliveries


class NoReclaim(SqliteBroker):
    """Plants a fault: nobody looks after what the dead held."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._upkeep = self._Idle(self._database, time.time)

    class _Idle(Upkeep):
        def reclaim(self) -> int:
            return 0


class Escaping(App):
    """Plants a fault: an error nobody reckoned with comes out of the judging of a message."""

    def task_named(self, name: str) -> Task[Any, Any, Any]:
        return self.tasks[name]


BROKERS: dict[str, Callable[[Path], SqliteBroker]] = {"ack-first": AckFirst, "no-reclaim": NoReclaim}
APPS: dict[str, type[App]] = {"escape": Escaping}

app = APPS.get(FAULT, App)("bar", broker=lambda: BROKERS.get(FAULT, SqliteBroker)(FOLDER / QUEUE_FILE))
_log = os.open(FOLDER / LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def note(word: str, number: int) -> None:
    os.write(_log, f"{word} {number} {os.getpid()}\n".encode())


@app.task
def work(number: int, seconds: float = 0.005) -> None:
    """So long a task, noted at its start and its end."""
    if FAULT == "ignore-sigterm":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    note("start", number)
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        time.sleep(left)
    note("end", number)


class Unspeakable(Exception):
    """An error that cannot be shown."""

    def __str__(self) -> str:
        raise RuntimeError("no")


@app.task(retry=RetryPolicy(attempts=1))
def fail(how: str) -> object:
    """Ends in an unusual way."""
    match how:
        case "exit":
            raise SystemExit(3)
        case "interrupt":
            raise KeyboardInterrupt
        case "generator":
            raise GeneratorExit
        case "unspeakable":
            raise Unspeakable
        case "recursion":
            return fail.function(how)
        case _:
            return object()
