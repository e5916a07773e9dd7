"""What R2 does to a queue file: each verb of the broker, with what a process may find that takes over after it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.bar.queuefile import Row as Task
from tests.bar.queuefile import call, report

from ebbtide.broker import Delivery, Settlement
from ebbtide.brokers.sqlite import SqliteBroker
from ebbtide.message import Message
from ebbtide.queue import Queue

Arm = Callable[[], None]
Act = Callable[[SqliteBroker, Arm], object]

QUEUE = Queue("default", visibility=3600.0)
FIFO = Queue("orders", fifo=True, visibility=3600.0)
NOTHING = Queue("nothing")
LATER = 100_000.0
"""Seconds; the process that drains the file lives past it."""


@dataclass(frozen=True)
class Scenario:
    """One verb. before: lays the file out. act: does the verb, after `arm()`; what it returns is acknowledged.

    old, new: the tasks a later process may find, before the verb and after it; between: further ones it may find while
    the verb consists of several transactions.
    """

    name: str
    before: Callable[[SqliteBroker], object]
    act: Act
    old: dict[str, Task]
    new: dict[str, Task]
    between: tuple[dict[str, Task], ...] = ()


READY_0, READY_1, DELAYED_0, DELAYED_1 = Task("ready", 0), Task("ready", 1), Task("delayed", 0), Task("delayed", 1)
DONE_1, DEAD_1 = Task("done", 1), Task("dead", 1)


def nothing(broker: SqliteBroker) -> None:
    """A file with its tables and no task."""
    broker.depth("default")


def no_file(broker: SqliteBroker) -> None:
    """Not even a file."""


def stored(*messages: Message) -> Callable[[SqliteBroker], object]:
    return lambda broker: broker.send(messages)


def sending(*messages: Message) -> Act:
    def act(broker: SqliteBroker, arm: Arm) -> None:
        if broker.path.exists():
            broker.depth("default")  # opens it; the opening is enumerated where there is no file yet
        arm()
        broker.send(messages)

    return act


def claiming(queue: Queue, limit: int = 10) -> Act:
    def act(broker: SqliteBroker, arm: Arm) -> None:
        broker.depth("default")
        arm()
        broker.receive([queue], limit)

    return act


def holding(verb: Callable[[SqliteBroker, list[Delivery]], object]) -> Act:
    """Claim and start everything unobserved, then do the verb."""

    def act(broker: SqliteBroker, arm: Arm) -> None:
        deliveries = broker.receive([QUEUE], 2)
        for delivery in deliveries:
            broker.begin(delivery)
        arm()
        verb(broker, deliveries)

    return act


def starting(broker: SqliteBroker, arm: Arm) -> None:
    (delivery,) = broker.receive([QUEUE], 1)
    arm()
    broker.begin(delivery)


def settlements(deliveries: list[Delivery], error: str | None = None, **more: Any) -> list[Settlement]:
    return [Settlement(d, report(d.message.id, error=error), **more) for d in deliveries]


def left_by_the_dead(broker: SqliteBroker) -> None:
    """Four tasks of a process that is gone: it had started the first two."""
    broker.send([call(f"m{n}") for n in range(4)])
    path = broker.path
    broker.close()
    pid = os.fork()
    if pid == 0:
        dead = SqliteBroker(path)
        for delivery in dead.receive([QUEUE], 4)[:2]:
            dead.begin(delivery)
        os._exit(0)
    os.waitpid(pid, 0)


def overdue(broker: SqliteBroker, arm: Arm) -> None:
    """A live holder's loans run out; another broker of the process takes them back."""
    short = Queue("default", visibility=1e-6)
    for delivery in broker.receive([short], 2):
        broker.begin(delivery)
    arm()
    broker._upkeep.reclaim()  # what a receive does once a second


def finished(count: int) -> Callable[[SqliteBroker], object]:
    """So many tasks done, their retention and the windows of their keys past."""

    def before(broker: SqliteBroker) -> None:
        broker.send([call(f"m{n}", key=f"k{n}" if n % 2 else None, enqueued_at=0.0) for n in range(count)])
        while deliveries := broker.receive([QUEUE], 1000):
            broker.ack([Settlement(d, report(d.message.id, keep=1e-9)) for d in deliveries])

    return before


def purging(broker: SqliteBroker, arm: Arm) -> None:
    broker.depth("default")
    arm()
    broker.purge()


def buried(broker: SqliteBroker) -> None:
    broker.send([call("m0"), call("m1")])
    broker.bury(settlements(broker.receive([QUEUE], 2), "no use"))


def opened(verb: Callable[[SqliteBroker], object]) -> Act:
    def act(broker: SqliteBroker, arm: Arm) -> None:
        broker.depth("default")
        arm()
        verb(broker)

    return act


def exchange(broker: SqliteBroker, deliveries: list[Delivery]) -> None:
    """What a worker does between two tasks: settle and claim in one write."""
    with broker.together():
        broker.ack(settlements(deliveries[:1]))
        broker.retry(settlements(deliveries[1:], "again"))
        broker.receive([QUEUE], 1)


TWO = (call("m0"), call("m1"))
KEYED = call("m0", key="k", key_window=1e7)
ORDERS = tuple(call(f"order{n}", "orders", group="g") for n in range(3))
BATCH = (
    *(call(f"m{n}") for n in range(4)),
    *(call(f"k{n}", key=f"k{n}", key_window=1e7) for n in range(4)),
    *(call(f"d{n}", run_after=time.time() + LATER) for n in range(4)),
)
BATCH_NEW = {m.id: DELAYED_0 if m.run_after else READY_0 for m in BATCH}
both_ready = {"m0": READY_0, "m1": READY_0}
orders_ready = {m.id: READY_0 for m in ORDERS}
both_started = {"m0": READY_1, "m1": READY_1}
taken_back = {"m0": READY_1, "m1": READY_1, "m2": READY_0, "m3": READY_0}


def both(task: Task) -> dict[str, Task]:
    return {"m0": task, "m1": task}


SCENARIOS = (
    Scenario("first enqueue ever", no_file, sending(call("m0")), {}, {"m0": READY_0}),
    Scenario("enqueue", nothing, sending(call("m0")), {}, {"m0": READY_0}),
    Scenario("enqueue keyed", nothing, sending(KEYED), {}, {"m0": READY_0}),
    Scenario("enqueue under a held key", stored(KEYED), sending(call("m9", key="k")), {"m0": READY_0}, {"m0": READY_0}),
    Scenario("enqueue delayed", nothing, sending(call("m0", run_after=time.time() + LATER)), {}, {"m0": DELAYED_0}),
    Scenario("enqueue many", nothing, sending(*BATCH), {}, BATCH_NEW),
    Scenario("claim", stored(*TWO), claiming(QUEUE), both_ready, both_ready),
    Scenario("claim of a fifo queue", stored(*ORDERS), claiming(FIFO), orders_ready, orders_ready),
    Scenario(
        "claim of what falls due",
        stored(call("m0", run_after=time.time() + 0.001)), claiming(QUEUE),
        {"m0": DELAYED_0}, {"m0": READY_0}, ({"m0": READY_0},),
    ),
    Scenario(
        "start of a task", stored(call("m0")), starting, {"m0": READY_0}, {"m0": READY_1}
    ),
    Scenario("ack, kept", stored(*TWO), holding(lambda b, ds: b.ack(settlements(ds))), both(READY_1), both(DONE_1)),
    Scenario("ack, unkept", stored(*TWO), holding(lambda b, ds: b.ack([Settlement(d) for d in ds])), both(READY_1), {}),
    Scenario(
        "retry", stored(*TWO), holding(lambda b, ds: b.retry(settlements(ds, "again"))), both(READY_1), both(READY_1)
    ),
    Scenario(
        "retry after a wait", stored(*TWO), holding(lambda b, ds: b.retry(settlements(ds, "again", wait=LATER))),
        both(READY_1), both(DELAYED_1),
    ),
    Scenario(
        "retry unspent", stored(*TWO), holding(lambda b, ds: b.retry([Settlement(d, spent=False) for d in ds])),
        both(READY_1), both(READY_0),
    ),
    Scenario("bury", stored(*TWO), holding(lambda b, ds: b.bury(settlements(ds, "no"))), both(READY_1), both(DEAD_1)),
    Scenario("extend", stored(*TWO), holding(lambda b, ds: b.extend(ds, 9.0)), both(READY_1), both(READY_1)),
    Scenario(
        "exchange of settled for claimed", stored(*TWO), holding(exchange),
        both(READY_1), {"m0": DONE_1, "m1": READY_1},
    ),
    Scenario("reclaim from a dead holder", left_by_the_dead, claiming(NOTHING), taken_back, taken_back),
    Scenario("reclaim of overdue loans", stored(*TWO), overdue, both_started, both_started),
    Scenario(
        "purge", finished(600), purging, {f"m{n}": DONE_1 for n in range(600)}, {},
        ({f"m{n}": DONE_1 for n in range(500, 600)},),
    ),
    Scenario("redrive", buried, opened(lambda b: b.redrive(["m0", "m1"])), both(DEAD_1), both_ready),
    Scenario("drop", buried, opened(lambda b: b.drop(["m0", "m1"])), both(DEAD_1), {}),
    Scenario("close", stored(*TWO), opened(lambda b: b.close()), both_ready, both_ready),
)  # fmt: skip
