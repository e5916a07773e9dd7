"""S3: under a key the effect happens once, whatever SQS delivers twice and wherever a holder dies.

A history is one key on a stage's table, in memory and on a clock of its own. Threads enqueue under the key, taking
turns at random, and die at any step: before and after each write to the table, and around SQS's answer. What reached
SQS is delivered two to five times, by holders that take turns, fail, stall past their deadline or die. SQS forgets a
message only when told to, and delivers copies after that too.

The effect must have happened once, but for holders that died between it and their word on it, of which no queue can
know; other arguments under the held key must be refused; nothing may be left over; and the key must be free at its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Any

from tests.bar.row import Draw, Figure, Miss, Row
from tests.bar.turns import Died, Turns
from tests.brokers.sqs.fake_table import FakeTable
from tests.fakes import NOON, Clock, message

from ebbtide.broker import Delivery, Permit
from ebbtide.brokers.sqs.keys import SENDING, Keys, key_id
from ebbtide.errors import KeyConflict
from ebbtide.message import Message
from ebbtide.table import ALWAYS, Condition, Value

THREADS = 8
LIMIT = 30.0
"""Seconds a holder has."""

WINDOW = 600.0
STEPS = 12
"""A process that is to die does so within so many steps, if it lives that long."""

CRASHING, ROUNDS = 4, 16
"""Rounds of deliveries in which holders die, and in which all must have come to its end."""


class Unconditional(FakeTable):
    """Plants the fault: what is written is written."""

    def _unless_broken(self, only_if: Condition) -> Condition:
        return ALWAYS


class NoExpiry(FakeTable):
    """Plants the fault: a dead holder's deadline and a dead sender's minute never pass."""

    def change(self, id: str, changes: Mapping[str, Value | None], **more: Any) -> bool:
        return super().change(id, {**changes, **dict.fromkeys(changes.keys() & {"until", "gone"}, 1e12)}, **more)


class Unfenced(FakeTable):
    """Plants the fault: a holder that lost the key still has a word on it."""

    def _unless_broken(self, only_if: Condition) -> Condition:
        return [[test for test in row if test[0] != "fence"] for row in only_if]


FAULTS: dict[str | None, type[FakeTable]] = {
    None: FakeTable,
    "unconditional": Unconditional,
    "no-expiry": NoExpiry,
    "unfenced": Unfenced,
}


class History:
    """One key's story."""

    def __init__(self, random: Random, table: type[FakeTable]) -> None:
        self.random = random
        self.turns = Turns(random)
        self.table = table(self.turns.step)
        self.clock = Clock()
        self.keys = Keys(self.table, self.clock)
        self.window = random.choice([0.0, WINDOW])
        self.queue: dict[str, Message] = {}  # what SQS has
        self.sent: list[Message] = []
        self.effects = self.unspoken = self.copies = 0
        self.misses: list[str] = []

    def run(self) -> None:
        self.enqueue()
        self.refuse("while it is held")
        rounds = 0
        while self.queue and rounds < ROUNDS:
            self.deliver(list(self.queue.values()), dying=rounds < CRASHING)
            self.clock.forward(self.random.choice([0.0, LIMIT / 2, LIMIT]))
            rounds += 1
        self.deliver(self.sent, dying=False)  # copies that come late
        self.judge()

    def enqueue(self) -> None:
        """A few callers enqueue the same call, until one of them has."""
        numbers = iter(range(1000))
        for attempt in range(20):
            some = [f"m{next(numbers)}" for _ in range(self.random.randint(1, 3))]
            self.turns.run([(self._sender(id), self._fate(attempt < 3)) for id in some])
            if self.queue and self.random.random() < 0.7:
                return
            self.clock.forward(self.random.choice([0.0, SENDING]))
        if not self.queue:
            self.misses.append("the key is blocked: nobody can enqueue any more")

    def _sender(self, id: str) -> Callable[[], None]:
        def send() -> None:
            call = self.call(id)
            if self.keys.reserve(call) is None:
                self.turns.step()
                self.queue[id] = call
                self.sent.append(call)
                self.turns.step()
                self.keys.queued([call])

        return send

    def call(self, id: str, argument: int = 1) -> Message:
        return message(id, key="k", key_window=self.window, enqueued_at=self.clock(), args=[argument])

    def deliver(self, messages: list[Message], dying: bool) -> None:
        """Two to five copies of each, a few at once."""
        copies = [one for one in messages for _ in range(self.random.randint(2, 5))]
        self.random.shuffle(copies)
        stalled: list[Delivery] = []
        for at in range(0, len(copies), THREADS):
            some = copies[at : at + THREADS]
            self.turns.run([(self._holder(one, dying, stalled), self._fate(dying)) for one in some])
        if stalled:  # it wakes up past its deadline, while others are at it
            self.clock.forward(LIMIT)
            jobs = [(self._late(delivery), None) for delivery in stalled]
            self.turns.run([*jobs, *((self._holder(one, False, []), None) for one in copies[: THREADS - len(jobs)])])

    def _holder(self, sent: Message, dying: bool, stalled: list[Delivery]) -> Callable[[], None]:
        self.copies += 1
        delivery = Delivery(sent.encode(), "default", 0, f"receipt {self.copies}", 1)
        course = self.random.choices(["work", "fail", "stall"], [6, 2, 2] if dying else [1, 0, 0])[0]

        def hold() -> None:
            permit = self.keys.begin(delivery, self.clock() + LIMIT)
            self.turns.step()
            if permit is Permit.RUN and course == "stall":
                stalled.append(delivery)
            elif permit is Permit.RUN and course == "fail":
                self.keys.again(delivery, 0.0)
            elif permit is Permit.RUN:
                self._work(delivery)
            if permit is Permit.DONE:
                self.queue.pop(sent.id, None)

        return hold

    def _work(self, delivery: Delivery) -> None:
        self.effects += 1
        try:
            self.turns.step()
            self.keys.done(delivery)
        except Died:
            item = self.table.items.get(key_id(delivery.message), {})
            self.unspoken += item.get("state") != "done"  # it may have died after its word was taken
            raise
        self.turns.step()
        self.queue.pop(delivery.message.id, None)

    def _late(self, delivery: Delivery) -> Callable[[], None]:
        return lambda: self.keys.again(delivery, 0.0)

    def _fate(self, dying: bool) -> int | None:
        return self.random.randrange(STEPS) if dying and self.random.random() < 0.5 else None

    def refuse(self, when: str) -> None:
        """Enqueue the same key with other arguments, which must be refused: but for one whose only sender died without
        a word and more than a minute ago."""
        item = self.table.items[key_id(self.call("other"))]
        try:
            self.keys.reserve(self.call("other", 2))
        except KeyConflict:
            return
        if item["state"] != "sending" or float(item["gone"]) > self.clock():
            self.misses.append(f"other arguments under the key were taken {when}")

    def judge(self) -> None:
        if self.queue:
            self.misses.append(f"{len(self.queue)} messages are blocked after {ROUNDS} rounds")
        if self.effects - self.unspoken != 1:
            self.misses.append(f"{self.effects} effects, of which {self.unspoken} died before their word")
        if self.clock() < NOON + self.window:
            self.refuse("within its window")
        self.clock.forward(max(self.window, SENDING))
        if self.keys.reserve(self.call("next")) is not None:
            self.misses.append("the key is not free at the end of its window")


def run(draw: Draw) -> Iterator[Figure | Miss]:
    deaths = repeated = copies = 0
    for number in range(draw.sizes["histories"]):
        history = History(draw.random, FAULTS[draw.fault])
        history.run()
        deaths, copies = deaths + history.turns.deaths, copies + history.copies
        repeated += history.unspoken
        yield from (Miss(f"history {number}: {what}") for what in history.misses)
        if history.misses and draw.fault:
            return
    yield Figure("histories", draw.sizes["histories"])
    yield Figure("deliveries", copies)
    yield Figure("processes that died", deaths)
    yield Figure("effects repeated, as their holder died before its word", repeated)
    if deaths < draw.sizes["histories"]:
        yield Miss(f"only {deaths} deaths: this run proves too little")


ROW = Row(
    "S3",
    "under a key the effect happens once, whatever is delivered twice and wherever a holder dies",
    run,
    quick={"histories": 300},
    full={"histories": 10_000},
    faults=("unconditional", "no-expiry", "unfenced"),
)

if __name__ == "__main__":
    ROW.main()
