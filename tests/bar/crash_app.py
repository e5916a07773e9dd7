"""The app of R7: tasks that take their process with them, and a good one.

BAR_FOLDER: where its queue file and its log are. BAR_FAULT: "no-crash-count", or nothing. The log is like the one of
`worker_app`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tests.bar.crashes import CRASHES

from ebbtide import App, Delivery, Queue
from ebbtide.brokers.sqlite import SqliteBroker

FOLDER = Path(os.environ["BAR_FOLDER"])


class Forgetful(SqliteBroker):
    """Plants a fault: it does not count the times a message took its worker with it."""

    def receive(self, queues: Sequence[Queue], limit: int, wait: float = 0.0) -> list[Delivery]:
        return [replace(delivery, attempt=1, fate=None) for delivery in super().receive(queues, limit, wait)]


BROKER = Forgetful if os.environ.get("BAR_FAULT") == "no-crash-count" else SqliteBroker
app = App("bar", broker=lambda: BROKER(FOLDER / "queue.db"))
_log = os.open(FOLDER / "log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def note(word: str, number: int) -> None:
    os.write(_log, f"{word} {number} {os.getpid()}\n".encode())


@app.task
def crash(number: int, how: str) -> None:
    note("start", number)
    CRASHES[how]()


@app.task
def work(number: int) -> None:
    note("start", number)
    note("end", number)
