"""Random histories of one broker beside its model, and the shortest one that shows a difference.

A history is a list of steps, each a verb and a seed of its own, so that steps can be left out and the others still do
what they can. A broker is brought along by a `Subject`: holders on one store, and how a holder dies.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from random import Random
from typing import NamedTuple

from tests.brokers.model import Difference, Model, Promises, letter
from tests.fakes import Clock, message

from ebbtide.broker import Broker, DeadLetters, Delivery, Depth, Settlement, total
from ebbtide.errors import KeyConflict
from ebbtide.message import Message
from ebbtide.purge import STATES, Chosen, Purgeable
from ebbtide.queue import Queue
from ebbtide.result import Records, Report, Status, TaskError

NOTHING = Queue("nothing")
HOLDERS = 3


class Embedded(Broker, DeadLetters, Records, Purgeable):
    """A broker that lists its dead letters, keeps the records and can be emptied."""


class Subject(ABC):
    """A broker under judgement: several holders, all on one new store, which live by `clock`."""

    promises = Promises()
    verbs: frozenset[str] | None = None
    """Those it has; None: all."""
    settles_once = True
    """Whether a loan that was settled, or has run out, is at once over for its holder; else when another one has it."""
    resends = True
    """Whether a message that is sent again is stored once."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def prepare(self, queues: Sequence[Queue]) -> None:
        """These are the queues there will be."""
        return None

    def fitting(self, message: Message) -> Message:
        """The message, without what this broker's promises leave out."""
        return message

    @abstractmethod
    def holder(self, number: int) -> Embedded:
        """One of the holders; several numbers may share one."""

    def die(self, number: int) -> bool:
        """Have this holder die, and its loans come back, now. False if this broker does not know of holders."""
        return False

    def recover(self) -> None:
        """Have loans that have run out come back, now."""
        self.holder(0).receive([NOTHING], 1)

    def amiss(self) -> list[str]:
        """What is wrong with the store itself."""
        return []

    @abstractmethod
    def close(self) -> None:
        """The end of it."""


class Step(NamedTuple):
    """One step: what to do, and the seed of how."""

    verb: str
    seed: int


class History:
    """One subject and its model, side by side. Every verb raises Difference if they part."""

    def __init__(self, subject: Subject, random: Random) -> None:
        self.subject = subject
        self.model = Model(subject.clock(), subject.promises)
        self.queues = [_queue(random, name) for name in ("one", "two", "three")]
        subject.prepare(self.queues)
        self.mine: list[list[Delivery]] = [[] for _ in range(HOLDERS)]  # every delivery a holder ever had
        self.sent: list[Message] = []
        self.told: list[str] = []

    def play(self, step: Step) -> None:
        if self.subject.verbs is not None and step.verb not in self.subject.verbs:
            return
        random = Random(step.seed)
        who = random.randrange(HOLDERS)
        VERBS[step.verb](self, random, who, self.subject.holder(who))

    def tell(self, *words: object) -> None:
        self.told.append(" ".join(map(str, words)))

    def agree(self, what: str, got: object, wanted: object) -> None:
        self.tell(what, "->", got)
        if got != wanted:
            raise Difference(f"{what} gives {got}, it should be {wanted}")

    # Sending

    def send(self, random: Random, who: int, broker: Embedded) -> None:
        stem = f"m{random.getrandbits(32):x}"
        batch = [self._message(random, f"{stem}-{number}") for number in range(random.choice((1, 1, 1, 2, 5, 20)))]
        if random.random() < 0.05 and self.subject.resends:
            batch.append(random.choice(batch))
        batch = [message for message in batch if not self.model.unforeseeable(message)]
        wanted = self.model.send(batch)
        got: list[str] | None
        try:
            got = broker.send(batch)
        except KeyConflict:
            got = None
        if got is not None:
            self.sent += batch
        self.agree(f"send {[_shown(m) for m in batch]}", got, wanted)

    def _message(self, random: Random, id: str) -> Message:
        now, chance = self.subject.clock(), random.random
        if self.sent and chance() < 0.02 and self.subject.resends:
            return random.choice(self.sent)
        made = message(
            id,
            task=random.choice(("walk", "run")),
            queue=random.choice(self.queues).name,
            lane=random.choice((0, 0, 1, 2)),
            args=["x" * 300_000] if chance() < 0.002 else random.choice(([], [1], [1.0], [True], [[1, {"a": None}]])),
            kwargs=random.choice(({}, {}, {"a": 1, "b": 2}, {"b": 2, "a": 1})),
            enqueued_at=now,
            run_after=now + random.choice((-5, 0, 1, 10, 100)) if chance() < 0.25 else None,
            key=random.choice("kl") if chance() < 0.2 else None,
            key_window=random.choice((0.0, 0.0, 30.0)),
            group=random.choice("gh") if chance() < 0.6 else None,
            priority=random.choice((0, 0, 0, 5, -5)),
        )
        return self.subject.fitting(made)

    # Receiving

    def receive(self, random: Random, who: int, broker: Embedded) -> None:
        queues = random.sample(self.queues, random.choice((1, 1, 2, 3)))
        limit = random.choice((1, 1, 2, 3, 10))
        deliveries = broker.receive(queues, limit)
        given = [(d.message.id, d.lane, d.attempt) for d in deliveries]
        self.tell(f"{who} receives {limit} of {[queue.name for queue in queues]} -> {given}")
        self.model.received(queues, limit, deliveries)
        self.mine[who] += deliveries
        for delivery in deliveries:
            if random.random() < 0.5:
                self.tell(f"{who} begins {delivery.message.id}")
                broker.begin(delivery)
                self.model.begin(delivery)

    # Settling

    def ack(self, random: Random, who: int, broker: Embedded) -> None:
        settled = [self._ended(random, delivery, None) for delivery in self._picked(random, who)]
        settled = [s if random.random() < 0.8 else Settlement(s.delivery) for s in settled]
        settled = self._repeated(random, settled)
        kept = [bool(s.report and s.report.keep) for s in settled]
        self.agree(f"{who} acks {_ids(settled)}, kept {kept}", broker.ack(settled), self.model.ack(settled))

    def retry(self, random: Random, who: int, broker: Embedded) -> None:
        settled = []
        for delivery in self._picked(random, who):
            wait = random.choice((0.0, 0.0, 1.0, 20.0, 5000.0))
            unspent = Settlement(delivery, None, wait, spent=False)
            spent = self._ended(random, delivery, "again")._replace(wait=wait)
            if self.subject.settles_once or self.model.held(delivery):
                settled.append(random.choice((spent, spent, unspent)))
        settled = self._repeated(random, settled)
        how = [(s.wait, s.spent) for s in settled]
        self.agree(f"{who} retries {_ids(settled)}, {how}", broker.retry(settled), self.model.retry(settled))

    def bury(self, random: Random, who: int, broker: Embedded) -> None:
        settled = self._repeated(random, [self._ended(random, d, "enough") for d in self._picked(random, who)])
        self.agree(f"{who} buries {_ids(settled)}", broker.bury(settled), self.model.bury(settled))

    def extend(self, random: Random, who: int, broker: Embedded) -> None:
        picked = self._picked(random, who)
        told = f"{who} extends {[d.message.id for d in picked]}"
        self.agree(told, broker.extend(picked, 3600.0), self.model.extend(picked))

    def _picked(self, random: Random, who: int) -> list[Delivery]:
        """Mostly loans of its own that still hold; also late ones, ended ones, and now and then another's."""
        if random.random() < 0.1 and self.subject.settles_once:
            who = random.randrange(HOLDERS)
        current = [delivery for delivery in self.mine[who] if self.model.held(delivery)]
        pool = current if random.random() < 0.8 else self.mine[who]
        if not self.subject.settles_once:
            pool = [delivery for delivery in pool if self.model.held(delivery) or self.model.taken_over(delivery)]
            pool = list({delivery.message.id: delivery for delivery in pool}.values())
        return random.sample(pool, min(len(pool), random.choice((1, 1, 2, 4))))

    def _repeated(self, random: Random, settled: list[Settlement]) -> list[Settlement]:
        twice = settled and self.subject.settles_once and random.random() < 0.05
        return [*settled, settled[0]] if twice else settled

    def _ended(self, random: Random, delivery: Delivery, error: str | None) -> Settlement:
        """A holder's word on a task that succeeded, or failed with this error."""
        now, sent, attempt = self.subject.clock(), delivery.message, delivery.attempt
        status = {None: Status.SUCCESSFUL, "again": Status.READY, "enough": Status.FAILED}[error]
        failure = error and TaskError("shop.Boom", f"{error} {attempt} \ud800", "Traceback", attempt)
        if error == "enough" and delivery.fate and random.random() < 0.5:
            failure = delivery.fate
        return Settlement(
            delivery,
            Report(
                *(sent.id, sent.task, status, attempt),
                keep=random.choice((0.0, 10.0, 60.0, 1e6)),
                enqueued_at=sent.enqueued_at,
                started_at=now - 2.5,
                finished_at=None if error == "again" else now - 0.5,
                value=None if error else f"[{attempt}]",
                error=failure or None,
            ),
        )

    def turn(self, random: Random, who: int, broker: Embedded) -> None:
        """What a worker does: it settles, and takes the next, in one write."""
        with random.choice((broker.together, nullcontext))():
            for verb in random.sample((History.ack, History.retry, History.bury), random.randint(1, 3)):
                verb(self, random, who, broker)
            self.receive(random, who, broker)

    # Losing and waiting

    def run_out(self, random: Random, who: int, broker: Embedded) -> None:
        picked = self._picked(random, who)
        told = f"{who} lets run out {[d.message.id for d in picked]}"
        self.agree(told, broker.extend(picked, 0.0), self.model.extend(picked))
        self.subject.recover()
        for delivery in picked:
            self.model.run_out(delivery)
        self.model.received([NOTHING], 1, [])

    def die(self, random: Random, who: int, broker: Embedded) -> None:
        if self.subject.die(who):
            self.tell(f"{who} dies")
            for delivery in self.mine[who]:
                self.model.die(delivery)
            self.model.received([NOTHING], 1, [])

    def clock(self, random: Random, who: int, broker: Embedded) -> None:
        seconds = random.choice((0.5, 1.0, 5.0, 15.0, 60.0, 200.0, -0.5, -7.0, -100.0))
        self.tell(f"the clock goes {seconds:+} s")
        self.subject.clock.forward(seconds)
        self.model.now = self.subject.clock()

    # Looking, dead letters, forgetting

    def depth(self, random: Random, who: int, broker: Embedded) -> None:
        self._depth(random.choice((*self.queues, NOTHING)).name, broker)

    def _depth(self, name: str, broker: Embedded) -> None:
        depths = (broker.depth(name), self.model.depth(name))
        got, wanted = depths if self.subject.promises.exact else map(_roughly, depths)
        self.agree(f"depth of {name}", got, wanted)

    def load(self, random: Random, who: int, broker: Embedded) -> None:
        ids = [message.id for message in random.sample(self.sent, min(len(self.sent), 10))] + ["nowhere"]
        records = broker.load(ids)
        self.tell("load", ids)
        self.model.loaded(ids, records)

    def dead(self, random: Random, who: int, broker: Embedded) -> None:
        queue, limit = random.choice((None, random.choice(self.queues).name)), random.choice((2, 100))
        after = random.choice((None, None, random.choice(self.sent).id if self.sent else None))
        self._dead(broker, queue, limit, after if self.subject.promises.exact else None)

    def _dead(self, broker: Embedded, queue: str | None, limit: int, after: str | None) -> None:
        got = [letter(found) for found in broker.dead(queue, limit, after)]
        wanted = self.model.dead(queue, limit, after)
        if not self.subject.promises.exact:
            got, wanted = [_first_half(one) for one in got], [_first_half(one) for one in wanted]
        self.agree(f"{limit} dead letters of {queue} after {after}", got, wanted)

    def redrive(self, random: Random, who: int, broker: Embedded) -> None:
        ids = self._some_dead(random)
        self.agree(f"redrive {ids}", broker.redrive(ids), self.model.redrive(ids))

    def drop(self, random: Random, who: int, broker: Embedded) -> None:
        ids = self._some_dead(random)
        self.agree(f"drop {ids}", broker.drop(ids), self.model.drop(ids))

    def _some_dead(self, random: Random) -> list[str]:
        dead = [id for id, task in self.model.tasks.items() if task.status is Status.FAILED]
        others = [message.id for message in random.sample(self.sent, min(len(self.sent), 1))]
        return random.sample(dead, min(len(dead), random.choice((1, 2)))) + others

    def purge(self, random: Random, who: int, broker: Embedded) -> None:
        count = broker.purge()
        self.tell(f"purge -> {count}")
        self.model.purged(count)

    def remove(self, random: Random, who: int, broker: Embedded) -> None:
        unsure = [id for id, task in self.model.tasks.items() if task.perhaps_gone]
        self.model.loaded(unsure, broker.load(unsure))  # which settles it
        queues = tuple(queue.name for queue in random.sample(self.queues, random.randint(1, 2)))
        states = tuple(random.sample(STATES, random.randint(1, 2)))
        chosen = Chosen(queues, states, self.subject.clock() - random.choice((0.0, 5.0, 60.0)))
        self.agree(f"may remove {chosen}", broker.purgeable(chosen), self.model.purgeable(chosen))
        self.agree("remove", sum(broker.remove(chosen)), self.model.remove(chosen))

    def end(self) -> None:
        """All that can be seen, once more."""
        broker = self.subject.holder(0)
        for queue in self.queues:
            self._depth(queue.name, broker)
        if self.subject.verbs is None or "load" in self.subject.verbs:
            ids = [message.id for message in self.sent]
            self.model.loaded(ids, broker.load(ids))
        self._dead(broker, None, 100_000, None)
        for what in self.subject.amiss():
            raise Difference(what)


def _queue(random: Random, name: str) -> Queue:
    lanes = random.choice((1, 1, 3))
    limits = (None, None, random.choice((1, 2)), [random.choice((None, 1, 2)) for _ in range(lanes)])
    return Queue(name, visibility=3600.0, lanes=lanes, concurrency=random.choice(limits), fifo=random.random() < 0.4)


def _roughly(depths: Sequence[Depth]) -> tuple[int, int]:
    """How many are ready, and how many not yet."""
    every = total(depths)
    return every.ready, every.delayed + every.running


def _first_half(one: tuple[object, ...]) -> tuple[object, ...]:
    """Of a dead letter its id, task, queue and lane, the error's class, and the attempts."""
    error = one[4]
    return (*one[:4], error.exception_class if isinstance(error, TaskError) else error, one[5])


def _ids(settled: Sequence[Settlement]) -> list[str]:
    return [settlement.delivery.message.id for settlement in settled]


def _shown(m: Message) -> str:
    more = {
        name: getattr(m, name)
        for name in ("lane", "run_after", "key", "key_window", "group", "priority", "kwargs")
        if getattr(m, name)
    }
    return f"{m.id}: {m.task}({str(m.args)[:30]}) on {m.queue} {more}"


VERBS: dict[str, Callable[[History, Random, int, Embedded], None]] = {
    name: getattr(History, name)
    for name in (
        *("send", "receive", "ack", "retry", "bury", "extend", "turn", "run_out", "die", "clock"),
        *("depth", "load", "dead", "redrive", "drop", "purge", "remove"),
    )
}
_OFTEN = {"send": 6, "receive": 10, "ack": 5, "retry": 5, "turn": 3, "clock": 2, "bury": 2, "redrive": 2}


def steps(random: Random, count: int) -> list[Step]:
    """A history of so many steps."""
    weights = [_OFTEN.get(verb, 1) for verb in VERBS]
    return [Step(verb, random.getrandbits(32)) for verb in random.choices(list(VERBS), weights, k=count)]


Make = Callable[[Clock], Subject]


def played(make: Make, seed: int, history: Sequence[Step]) -> tuple[str | None, list[str]]:
    """What is amiss after this history on a new store, if anything, and what was done until then."""
    subject = make(Clock())
    side_by_side = History(subject, Random(seed))
    try:
        for step in history:
            side_by_side.play(step)
        side_by_side.end()
    except Difference as difference:
        return str(difference), side_by_side.told
    except Exception as error:
        return f"{type(error).__name__}: {error}", side_by_side.told
    finally:
        subject.close()
    return None, side_by_side.told


def shortest(make: Make, seed: int, history: Sequence[Step], tries: int = 400) -> list[Step]:
    """A history with as few steps as can be found that still goes amiss."""
    best, chunk = list(history), len(history) // 2
    while chunk and tries > 0:
        shorter = next(
            (s for s in _without(best, chunk) if (tries := tries - 1) >= 0 and played(make, seed, s)[0]), None
        )
        if shorter is None:
            chunk //= 2
        else:
            best = shorter
    return best


def _without(history: list[Step], chunk: int) -> Iterator[list[Step]]:
    for start in reversed(range(0, len(history), chunk)):
        yield history[:start] + history[start + chunk :]
