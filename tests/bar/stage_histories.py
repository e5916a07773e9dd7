"""Whole histories of a deployed app in the simulator: what its tasks do is drawn, and what goes wrong around them.

Each call is told by its arguments what it does, in which attempt. A history notes what was acknowledged and every start
and end, lets time pass until the queues are empty, and then says which promises were broken:

- nothing that was acknowledged is lost: it succeeded, or it is a dead letter;
- a dead letter has a reason of ours, and its record says FAILED with the same one;
- nothing starts more often than its attempts, but for what SQS gave twice;
- nothing dies that could have succeeded, but by its machines dying as often as it had attempts;
- in a FIFO group nothing starts before all that came before it has ended.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any, NamedTuple

from tests.aws.simulator.account import Account
from tests.aws.simulator.faults import Faults
from tests.aws.simulator.stage import Stage, Wiring

from ebbtide.app import App
from ebbtide.errors import Retry, StorageError
from ebbtide.message import Message
from ebbtide.queue import Queue
from ebbtide.result import Status
from ebbtide.retry import RetryPolicy

DAY = 86_400.0
LONGEST = 12 * DAY
"""Seconds a history may take: less than SQS keeps a message."""

FAR = 25
"""So many starts of one message prove that nobody counts them; it then ends, for there is more to do."""

ENDS = ("well", "fails", "fails-first", "again", "dies", "dies-first", "hangs-first")


class Call(NamedTuple):
    """What one call does. end: one of ENDS; first: in so many attempts; takes: seconds; children: calls it sends."""

    end: str
    first: int
    takes: float
    children: int = 0


class Start(NamedTuple):
    """One start of a task: which attempt it was told it was, and how it ended (None: it was killed)."""

    attempt: int
    at: float
    ended: str | None


class World(NamedTuple):
    """What one history is drawn from. ends: as drawn, each as often as it stands there."""

    queue: Queue
    faults: Faults
    messages: int
    ends: tuple[str, ...]
    groups: int = 0


class History:
    """One app, deployed, and what becomes of its messages."""

    def __init__(self, seed: int, world: World, stage: type[Stage] = Stage) -> None:
        self.random, self.world = Random(seed), world
        self._luck = random.getstate()
        random.seed(seed)  # of which backoff draws its jitter
        self.account = Account(seed)
        self.calls: dict[str, Call] = {}
        self.order: dict[str, list[str]] = {}  # ids by group, as they were acknowledged
        self.starts: dict[str, list[Start]] = {}
        self.ended: dict[str, float] = {}
        """When a message first came to an end that counts: it succeeded, or was set aside."""
        self.stage = stage(self.account, self._declare)

    def _declare(self, wiring: Wiring) -> App:
        app = App("shop", queues=[self.world.queue], **wiring)

        @app.task(
            queue=self.world.queue.name,
            retry=RetryPolicy(self.world.queue.attempts, base=5, cap=120),
            takes_context=True,
        )
        def work(context: Any, end: str, first: int, takes: float, children: int) -> str:
            message: Message = context.message
            return self._run(app, message.id, context.attempt, Call(end, first, takes, children))

        return app

    # What a task does

    def _run(self, app: App, id: str, attempt: int, call: Call) -> str:
        starts, timeline = self.starts.setdefault(id, []), self.account.timeline
        number = len(starts)
        starts.append(Start(attempt, timeline.now, None))
        if number >= FAR:
            return id
        timeline.sleep(call.takes)
        early = number < call.first
        if call.end == "dies" or (call.end == "dies-first" and early):
            timeline.kill()
        if call.end == "hangs-first" and early:
            timeline.sleep(DAY)
        for _ in range(call.children if number == 0 else 0):
            self._submit(app, Call("well", 0, 0.1), None)
        ended = {"fails": "error", "fails-first": "error" if early else "well", "again": "retry" if early else "well"}
        starts[number] = Start(attempt, starts[number].at, ended.get(call.end, "well"))
        if ended.get(call.end) == "error":
            raise ValueError(f"{call.end}, start {number + 1}")
        if ended.get(call.end) == "retry":
            raise Retry(after=self.random.choice((0, 7, 1000)))
        self.ended.setdefault(id, timeline.now)
        return id

    # Sending

    def send(self) -> None:
        """Enqueue all, over a while; what the broker would not take is tried again by its caller, as a new call."""
        for _ in range(self.world.messages):
            first = self.random.randint(1, self.world.queue.attempts - 1) if self.world.queue.attempts > 1 else 0
            takes = self.random.choice((0.01, 0.5, 5, self.world.queue.timeout * 0.9))
            children = self.random.choice((0, 0, 0, 0, 2))
            call = Call(self.random.choice(self.world.ends), first, takes, children)
            self._submit(
                self.stage.app, call, f"g{self.random.randrange(self.world.groups)}" if self.world.groups else None
            )
            if self.random.random() < 0.05:
                self.account.timeline.sleep(self.random.choice((1, 30, 400)))

    def _submit(self, app: App, call: Call, group: str | None) -> None:
        task = app.tasks["work"]
        options: dict[str, Any] = {"lane": self.random.randrange(self.world.queue.lanes)}
        if group is not None:
            options["group"] = group
            options["lane"] = 0
        elif self.random.random() < 0.1:
            options["delay"] = self.random.choice((1, 600, 900, 5000))
        message: Message = task.using(**options).message(*call)
        try:
            app.submit([message])
        except StorageError:
            return
        self.calls[message.id] = call
        if group is not None:
            self.order.setdefault(group, []).append(message.id)

    # The end of it

    def play(self) -> list[str]:
        """Everything from the first enqueue to the last message; what was broken."""
        try:
            self.account.faults = self.world.faults
            self.send()
            quiet = self.stage.run_until_done(LONGEST, look=300)
            self.account.faults = Faults()
            return list(self._broken(quiet))
        finally:
            self.stage.close()
            random.setstate(self._luck)

    def _broken(self, quiet: bool) -> Iterator[str]:
        if not quiet:
            yield f"{self.stage.left()} messages are still there after {LONGEST / DAY:.0f} days"
        dead = {}
        for letter in self.stage.dead_letters:
            id, said = self._id(letter["body"]), letter["attributes"]
            dead[id] = said
            if letter["moved"] or "ebbtide.reason" not in said:
                yield f"{id} ({self.calls.get(id)}) is dead without a reason; starts {self.starts.get(id)}"
        for id, call in self.calls.items():
            starts = self.starts.get(id, [])
            if not any(start.ended == "well" for start in starts) and id not in dead:
                yield f"{id} ({call}) is lost: {starts}"
            if id in dead and not self._may_die(call, starts):
                yield f"{id} ({call}) is dead, {dead[id]}: {starts}"
            most = self.world.queue.attempts
            if len(starts) > most and not self._repeats():
                yield f"{id} ({call}) started {len(starts)} times: {starts}"
        yield from self._records(dead)
        if self.world.groups:
            yield from self._order(dead)

    @staticmethod
    def _id(body: str) -> str:
        return Message.decode(body.encode()).id

    def _repeats(self) -> bool:
        """Whether a message may be given to two at a time: by SQS, or because a throttled batch ran past its loan."""
        faults = self.world.faults
        return bool(faults.duplicate or faults.ghost or faults.late or faults.invoke or faults.phases)

    def _may_die(self, call: Call, starts: list[Start]) -> bool:
        if call.end in ("fails", "dies"):
            return True
        most, faults = self.world.queue.attempts, self.world.faults
        if faults.lost_before or faults.lost_after or faults.throttled or faults.unanswered:
            return True  # a machine's death, or a start that was noted and not made, spends an attempt
        return len(starts) >= most - 1 or max((start.attempt for start in starts), default=0) >= most - 1

    def _records(self, dead: dict[str, Any]) -> Iterator[str]:
        records = self.stage.app.results.load(list(self.calls))
        for id, call in self.calls.items():
            record = records.get(id)
            well = any(start.ended == "well" for start in self.starts.get(id, ()))
            if record is None:
                yield f"{id} has no record"
            elif id in dead and not well and record.status is not Status.FAILED:
                yield f"{id} ({call}) is dead, its record says {record.status}"
            elif id not in dead and record.status is not Status.SUCCESSFUL:
                yield f"{id} ({call}) has ended well, its record says {record.status}"

    def _order(self, dead: dict[str, Any]) -> Iterator[str]:
        for ids in self.order.values():
            over = 0.0
            for id in ids:
                first = min((start.at for start in self.starts.get(id, ())), default=None)
                if first is not None and first < over - 0.001:  # a dead letter says when to the millisecond
                    yield f"{id} started at {first}, before what came before it in its group had ended at {over}"
                ends = [self.ended[id]] if id in self.ended else []
                if "ebbtide.buried_at" in dead.get(id, ()):
                    ends.append(float(dead[id]["ebbtide.buried_at"]))
                over = max(over, min(ends, default=over))

    def figures(self) -> Counter[str]:
        """What came of it."""
        starts = [start for each in self.starts.values() for start in each]
        return Counter(
            {
                "acknowledged": len(self.calls),
                "starts": len(starts),
                "killed": sum(start.ended is None for start in starts),
                "dead letters": len(self.stage.dead_letters),
                "throttled invocations": sum(f.throttles for f in self.stage.functions.values()),
                "pollers lost": sum(mapping.lost for mapping in self.stage.mappings),
            }
        )


def world(draw: Random, fifo: bool = False, kind: str = "all") -> World:
    """A world drawn by chance. kind: "all", or "calm" where only tasks go wrong."""
    timeout = draw.choice((3.0, 60.0, 400.0, 800.0))
    batch = draw.choice((1, 3, 10)) if fifo else draw.choice((1, 3, 10, 50))
    queue = Queue(
        "work",
        timeout=timeout,
        lanes=1 if fifo else draw.choice((1, 3)),
        attempts=draw.choice((1, 2, 3, 5)),
        fifo=fifo,
        batch=batch,
        batch_window=draw.choice((0.0, 2.0)) if batch <= 10 and not fifo else 0.0 if fifo else 2.0,
    )
    faults = Faults()
    if kind == "all":
        faults = Faults(
            duplicate=_some(draw, 0.1),
            ghost=_some(draw, 0.1),
            entry=_some(draw, 0.1),
            throttled=_some(draw, 0.02),
            unanswered=_some(draw, 0.02),
            stale=_some(draw, 0.5),
            silent=_some(draw, 1.0),
            invoke=_some(draw, 0.5),
            phases=draw.choice((0.0, 0.0, 300.0, 2000.0)),
            lost_before=_some(draw, 0.1),
            lost_after=_some(draw, 0.1),
            late=_some(draw, 0.1),
        )
    ends = ("well",) * 6 + tuple(draw.sample(ENDS, draw.randint(0, len(ENDS))))
    return World(queue, faults, draw.randint(5, 60), ends, draw.choice((1, 3)) if fifo else 0)


def _some(draw: Random, most: float) -> float:
    """A probability: none most often."""
    return draw.choice((0.0, 0.0, draw.random() * most))
