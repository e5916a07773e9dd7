"""What many tests share: a clock that stands still, an app in memory, and a worker's loop without a worker."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from ebbtide.app import App, Middleware
from ebbtide.broker import Delivery
from ebbtide.brokers.memory import MemoryBroker
from ebbtide.execute import decide, execute, runs_async, settle
from ebbtide.message import Lineage, Message
from ebbtide.outcome import Outcome
from ebbtide.queue import Queue

NOON = 1_800_000_000.0
"""Seconds since 1970: where the clock of a test stands."""


class Clock:
    """Seconds since 1970, standing still until moved."""

    def __init__(self, now: float = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += seconds


def memory_app(
    *queues: Queue,
    clock: Callable[[], float] | None = None,
    middleware: Sequence[Middleware] = (),
    depth_budget: int = 100,
    max_payload: int = 1_000_000,
) -> App:
    """An app on a broker in memory, both by one clock."""
    now = clock or Clock()
    return App(
        "t",
        queues=queues,
        broker=lambda: MemoryBroker(now),
        clock=now,
        middleware=middleware,
        depth_budget=depth_budget,
        max_payload=max_payload,
    )


def receive(app: App, limit: int = 10) -> list[Delivery]:
    """What a worker of all the app's queues would get now."""
    return app.broker.receive([queue for queue in app.queues.values() if queue.is_ours], limit)


def perform(app: App, delivery: Delivery) -> Outcome:
    """Run and settle one delivery, in an event loop if it needs one."""
    if not runs_async(app, delivery):
        return execute(app, delivery)
    outcome = asyncio.run(decide(app, delivery))
    settle(app, [(delivery, outcome)])
    return outcome


def run_ready(app: App) -> list[Outcome]:
    """Perform all that is ready, and what becomes ready by that."""
    outcomes: list[Outcome] = []
    while found := receive(app, 1):
        outcomes += [perform(app, delivery) for delivery in found]
    return outcomes


def message(id: str = "m1", task: str = "work", queue: str = "default", **fields: Any) -> Message:
    """A message as some task's enqueue would make it."""
    fields.setdefault("enqueued_at", NOON)
    return Message(id, task, queue, Lineage(root=id), **fields)
