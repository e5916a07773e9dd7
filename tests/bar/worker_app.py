"""The app that R1, R6 and R9 give to the real worker, with the faults they plant in it.

BAR_FOLDER: where its queue file and its log are. BAR_QUEUE: the queue file's name there. BAR_FAULT: a fault, or
nothing. The log has one line for each start and end of a task: word, number, process id; all processes append to it,
each line in one write.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ebbtide import App, Delivery, Queue, RetryPolicy, Task
from ebbtide.broker import Settlement
from ebbtide.brokers.sqlite import SqliteBroker, broker, upkeep
from ebbtide.brokers.sqlite.upkeep import Upkeep
from ebbtide.errors import StorageFull

FOLDER = Path(os.environ["BAR_FOLDER"])
FAULT = os.environ.get("BAR_FAULT", "")
QUEUE_FILE = os.environ.get("BAR_QUEUE", "queue.db")
LOG = "log"
SHORT_LOAN = 2.0


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


class Swallowing(SqliteBroker):
    """Plants a fault: that the disk is full is no reason not to go on as if all had been written."""

    @contextmanager
    def together(self) -> Iterator[None]:
        with suppress(StorageFull), super().together():
            yield


class WallClock(SqliteBroker):
    """Plants a fault: loans end by the wall clock."""

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        super().__init__(path, clock=clock)
        for module in (broker, upkeep):
            module.time = SimpleNamespace(time=clock, monotonic=clock, sleep=time.sleep)  # type: ignore[attr-defined]


class Escaping(App):
    """Plants a fault: an error nobody reckoned with comes out of the judging of a message."""

    def task_named(self, name: str) -> Task[Any, Any, Any]:
        return self.tasks[name]


def clock() -> float:
    """The wall clock, set as far forward or back as the file "clock" says, in seconds."""
    try:
        return time.time() + float((FOLDER / "clock").read_text())
    except FileNotFoundError:
        return time.time()


BROKERS: dict[str, Callable[[Path], SqliteBroker]] = {
    "ack-first": AckFirst,
    "no-reclaim": NoReclaim,
    "swallow": Swallowing,
    "wall-clock": partial(WallClock, clock=clock),
}
APPS: dict[str, type[App]] = {"escape": Escaping}

BROKER = BROKERS.get(FAULT, partial(SqliteBroker, clock=clock))

app = APPS.get(FAULT, App)(
    "bar",
    queues=[Queue("short", timeout=600.0, visibility=SHORT_LOAN), Queue("patient", timeout=600.0)],
    broker=lambda: BROKER(FOLDER / QUEUE_FILE),
    clock=clock,
)
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
