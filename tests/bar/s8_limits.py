"""S8: what is too big is refused at enqueue by the same error everywhere, and what SQS refuses of a batch is not lost.

First, calls of all sizes around the limits, and with every sort of character that SQS does not take, are enqueued on
SQLite and on SQS: both must refuse them in the same words, or both deliver the very same envelope. Then thousands of
messages go in batches through an SQS that fails single entries, throttles calls and loses answers: whatever was
acknowledged must be on its queue, once unless an answer was lost, and whatever was refused by name must not. The
same goes for receiving and deleting them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from typing import Any

from tests.aws.simulator.account import Account
from tests.aws.simulator.faults import Faults
from tests.aws.simulator.sqs import SqsClient
from tests.aws.simulator.stage import Stage, Wiring
from tests.bar.queuefile import folder
from tests.bar.row import Draw, Figure, Miss, Row

from ebbtide.app import App
from ebbtide.broker import Delivery, Settlement
from ebbtide.brokers.sqlite import SqliteBroker
from ebbtide.errors import EbbtideError, PartlyStored, StorageError
from ebbtide.message import Message
from ebbtide.queue import Queue

MOST = 1_200_000
"""Bytes: the app's max_payload here; more than SQS takes, so that the bucket is used."""

INLINE, SQS_MOST = 262_144, 1_048_576
AROUND = tuple(limit + more for limit in (INLINE, SQS_MOST, MOST) for more in (-1, 0, 1))
BAD = (
    "\x00",
    "\x01",
    "\x1f",
    "\x7f",
    "\x85",
    "\ud800",
    "\udfff",
    "\ufffe",
    "\uffff",
    "\U0001f600",
    "\r\n",
    "<aws.scheduler.x>",
)
"""Characters SQS refuses, and some that it takes; the last one is a word that Scheduler would replace."""

NAMES = ("g", "g" * 128, "gr\u00fcn", "a b", "\u65e5\u672c\u8a9e", "\U0001f600", "..", "AWS.x", "'; drop table tasks")
"""Groups and keys, of which SQS takes the first two as they are."""

QUEUES = (Queue("default"), Queue("other", lanes=2), Queue("ordered", fifo=True))


Entries = Sequence[Mapping[str, Any]]


class Deaf(SqsClient):
    """Plants the fault: nobody hears which entries failed."""

    def _send_message_batch(self, QueueUrl: str, Entries: Entries, **_: Any) -> dict[str, Any]:
        answer = super()._send_message_batch(QueueUrl, Entries)
        return {name: value for name, value in answer.items() if name != "Failed"}


class Cut(SqsClient):
    """Plants the fault: the limit of SQS itself is what refuses, in SQS's words."""

    def _send_message_batch(self, QueueUrl: str, Entries: Entries, **_: Any) -> dict[str, Any]:
        if any(len(entry["MessageBody"]) > 1000 for entry in Entries):
            raise self.refusal("SendMessageBatch", "BatchRequestTooLong", "it is too long")
        return super()._send_message_batch(QueueUrl, Entries)


def stage_of(draw: Draw, seed: int) -> Stage:
    """An app on AWS whose queues nobody polls but this row."""

    class Chosen(Stage):
        queue_service = {"ignore-failed": Deaf, "sqs-refuses": Cut}.get(draw.fault or "", SqsClient)

    def undeployed(template: dict[str, Any]) -> None:
        for name in [n for n, r in template["Resources"].items() if r["Type"] == "AWS::Lambda::EventSourceMapping"]:
            del template["Resources"][name]

    return Chosen(Account(seed), declare, undeployed)


def declare(wiring: Wiring) -> App:
    app = App("shop", queues=QUEUES, max_payload=MOST, **wiring)
    for queue in QUEUES:
        app.task(queue=queue.name, name=queue.name)(work)
    return app


def work(text: str, more: Mapping[str, str] | None = None) -> None:
    """What they all do."""


# The same on every broker


def run(draw: Draw) -> Iterator[Figure | Miss]:
    yield from _compared(draw)
    yield from _counted(draw)


def _compared(draw: Draw) -> Iterator[Figure | Miss]:
    stage = stage_of(draw, draw.random.getrandbits(32))
    refused = delivered = 0
    with folder() as place:
        here = SqliteBroker(place / "queue.db", durable=False, clock=stage.account.timeline)
        on_sqlite = declare({"broker": lambda: here, "clock": stage.account.timeline})
        try:
            for message in _calls(draw.random, on_sqlite, draw.sizes["calls"]):
                one, other = _outcome(on_sqlite, message), _outcome(stage.app, message)
                if one != other:
                    yield Miss(f"{_shown(message)}: SQLite gives {one[:2]}, SQS {other[:2]}"[:600])
                refused, delivered = refused + bool(one[0]), delivered + (not one[0])
        finally:
            here.close()
            stage.close()
    yield Figure("calls refused alike", refused)
    yield Figure("calls delivered alike", delivered)
    if not refused or not delivered:
        yield Miss(f"{refused} calls were refused, {delivered} delivered: this proves too little")


def _calls(random: Random, app: App, count: int) -> Iterator[Message]:
    """Calls of every size around a limit, then of random text."""
    task = app.tasks["default"]
    for size in AROUND:
        for call in (task.using(), task.using(delay=1000)):
            yield call.message("x" * (size - len(call.message("").encode())))
    for _ in range(count):
        bad = "".join(random.choice(BAD) for _ in range(3))
        queue = random.choice(QUEUES)
        options: dict[str, Any] = {}
        if random.random() < 0.5:
            options["group"] = random.choice(NAMES)
        if random.random() < 0.5:
            options["key"] = random.choice(NAMES) + str(random.getrandbits(40))
        yield app.tasks[queue.name].using(**options).message(bad, more={bad: bad})


def _outcome(app: App, message: Message) -> tuple[Any, ...]:
    """The error's class and words; or what is then received."""
    try:
        app.submit([message])
    except EbbtideError as error:
        return type(error).__name__, str(error)
    if message.run_after is not None:
        app.now.sleep(message.run_after - app.now() + 90)  # type: ignore[attr-defined]  # the simulator's own clock
    queue = app.queues[message.queue]
    found = app.broker.receive([queue], 1)
    app.broker.ack([Settlement(delivery) for delivery in found])
    return "", [delivery.body == message.encode() for delivery in found], [d.message == message for d in found]


def _shown(message: Message) -> str:
    size, args, key = len(message.encode()), ascii(message.args)[:80], ascii(message.key)[:40]
    return f"{size:,} bytes {args}, group {message.group!a}, key {key}"


# Nothing of a batch is lost


def _counted(draw: Draw) -> Iterator[Figure | Miss]:
    stage = stage_of(draw, draw.random.getrandbits(32))
    silent = draw.random.choice((0.0, 0.01))
    faults = Faults(entry=draw.random.uniform(0.05, 0.35), throttled=0.02, unanswered=silent)
    try:
        acknowledged, missing = _sent(draw, stage, faults)
        there = Counter(Message.decode(m.body.encode()).id for queue in stage.work for m in queue.stored.values())
        yield Figure("acknowledged", len(acknowledged))
        yield Figure("refused by name", len(missing))
        lost = [id for id in acknowledged if not there[id]]
        yield from (Miss(f"{id} was acknowledged and is not there") for id in lost[:10])
        yield Figure("lost", len(lost))
        twice, unknown = sum(count > 1 for count in there.values()), len(missing & set(there))
        ordered = Counter(Message.decode(m.body.encode()).id for q in stage.work if q.fifo for m in q.stored.values())
        yield Figure("calls whose answer is lost", silent)
        yield Figure("refused by name and there all the same", unknown)
        yield Figure("there twice, as an answer was lost", twice)
        if (not silent and (twice or unknown)) or any(count > 1 for count in ordered.values()):
            yield Miss(f"{twice} messages are there twice, and {unknown} that were said to be missing are there")
        yield from _taken(stage, faults, there)
    finally:
        stage.close()


def _sent(draw: Draw, stage: Stage, faults: Faults) -> tuple[set[str], set[str]]:
    acknowledged: set[str] = set()
    missing: set[str] = set()
    left = draw.sizes["messages"]
    while left > 0:
        task = stage.app.tasks[draw.random.choice(QUEUES).name]
        text = "x" * draw.random.choice((1, 1, 100, 20_000, 200_000))
        count = min(left, draw.random.choice((1, 3, 10, 30)) if len(text) < 200_000 else 8)
        batch = [task.message(text) for _ in range(count)]
        left -= count
        stage.account.faults = faults
        try:
            acknowledged |= set(stage.app.broker.send(batch))
        except PartlyStored as error:
            acknowledged |= set(error.stored)
            missing |= set(error.missing)
        except StorageError:
            missing |= {message.id for message in batch}
        stage.account.faults = Faults()
    return acknowledged, missing


def _taken(stage: Stage, faults: Faults, there: Counter[str]) -> Iterator[Figure | Miss]:
    """Receive and delete them all, by hand: every message that was there has to come, and nothing may stay."""
    seen: Counter[str] = Counter()
    until = stage.account.timeline.now + 86_400
    while any(queue.stored for queue in stage.work) and stage.account.timeline.now < until:
        stage.account.faults = faults
        found = _tried(lambda: stage.app.broker.receive(QUEUES, 50))
        seen.update(delivery.message.id for delivery in found)
        settled = [Settlement(delivery) for delivery in found]
        _tried(lambda: stage.app.broker.ack(settled))  # noqa: B023 - it is called here and now
        stage.account.faults = Faults()
        if not found:
            stage.account.timeline.sleep(60)
    left = sum(len(queue.stored) for queue in stage.work)
    yield Figure("received", len(seen))
    yield Figure("of these again, as they could not be deleted", sum(count > 1 for count in seen.values()))
    if left:
        yield Miss(f"{left} messages cannot be got rid of")
    if unseen := set(there) - set(seen):
        yield Miss(f"{len(unseen)} messages were never received, as {sorted(unseen)[0]}")


def _tried(do: Callable[[], Any]) -> Sequence[Delivery]:
    try:
        found = do()
    except StorageError:
        return []
    return found if isinstance(found, list) else []


ROW = Row(
    "S8",
    "what is too big is refused alike on every broker, and no part of a batch is lost",
    run,
    quick={"calls": 60, "messages": 600},
    full={"calls": 3_000, "messages": 10_000},
    faults=("ignore-failed", "sqs-refuses"),
)

if __name__ == "__main__":
    ROW.main()
