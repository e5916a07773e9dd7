"""The app that C1, C2 and C5 give to schedulers: its schedules, its clock and its faults come from outside.

BAR_FOLDER: where the queue file, the clock and the log are. BAR_SCHEDULES: a JSON list of expression, zone and what is
made up of missed ticks, one task each. BAR_FAULT: a fault of BROKERS, or nothing. The clock is a file of three numbers:
what it showed at some moment of the monotonic clock, that moment, and how fast it runs. Each run of a task appends
the name of its schedule and the tick to the log, in one write.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from ebbtide import App, Delivery, Schedule
from ebbtide.brokers.sqlite import SqliteBroker
from ebbtide.message import Message
from ebbtide.ticks import Cursor
from ebbtide.trigger import Missed

FOLDER = Path(os.environ["BAR_FOLDER"])
FAULT = os.environ.get("BAR_FAULT", "")


def clock() -> float:
    """The time by the clock in the folder."""
    shown, at, speed = map(float, (FOLDER / "clock").read_text().split())
    return shown + (time.monotonic() - at) * speed


class Keyless(SqliteBroker):
    """What the faults have in common: the key of a tick does not come to their rescue."""

    def send(self, messages: Sequence[Message]) -> list[str]:
        return super().send([replace(message, key=None) for message in messages])


class NoFence(Keyless):
    """Plants a fault: nobody looks whether the cursor was moved meanwhile."""

    def fire(self, name: str, seen: Cursor, tick: float, messages: Sequence[Message]) -> bool:
        return super().fire(name, self.cursors([name])[name], tick, messages)


class CursorFirst(Keyless):
    """Plants a fault: the cursor is one write, the messages are another."""

    def fire(self, name: str, seen: Cursor, tick: float, messages: Sequence[Message]) -> bool:
        if not super().fire(name, seen, tick, []):
            return False
        time.sleep(0.1)
        self.send(messages)
        return True


BROKERS: dict[str, Callable[..., SqliteBroker]] = {
    "no-fence": NoFence,
    "cursor-first": CursorFirst,
    "back-with-the-clock": Keyless,
}


app = App(
    "clock",
    broker=lambda: BROKERS.get(FAULT, SqliteBroker)(FOLDER / "queue.db", durable=False, clock=clock),
    clock=clock,
)


def declare(number: int, expression: str, zone: str, missed: Missed) -> None:
    """One schedule on one task. The fault only-one gives each the default policy."""
    schedule = Schedule(expression, timezone=zone, missed="one" if FAULT == "only-one" else missed)

    @app.task(schedule, name=f"task{number}", takes_context=True)
    def work(delivery: Delivery) -> None:
        headers = delivery.message.headers
        log = os.open(FOLDER / "log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(log, f"{headers['schedule']}\t{headers['tick']}\n".encode())
        os.close(log)


for place, given in enumerate(json.loads(os.environ["BAR_SCHEDULES"])):
    declare(place, *given)
