"""G2: a value that is enqueued arrives equal, through the very queue file, or is refused at the enqueue.

Hypothesis draws values of many types, each for a task annotated with that type, with another, or with none. The task
sends its argument back as its return value, so both ways are judged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from uuid import UUID

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from tests.bar.row import Draw, Figure, Miss, Row

from ebbtide.app import App
from ebbtide.brokers.sqlite import SqliteBroker
from ebbtide.errors import ArgumentError
from ebbtide.execute import execute
from ebbtide.message import Message
from ebbtide.outcome import Failed, Succeeded
from ebbtide.result import Result
from ebbtide.retry import RetryPolicy

BATCH = 100


class Colour(Enum):
    RED = "red"
    BLUE = 2


@dataclass
class Line:
    price: Decimal
    at: datetime | None = None
    tags: list[str] = field(default_factory=list)


class Pair(NamedTuple):
    id: UUID
    number: int


texts = st.text(st.characters(codec=None), max_size=20)  # lone surrogates too
very_long = st.tuples(st.sampled_from((-1, 1)), st.integers(4298, 4301)).map(lambda drawn: drawn[0] * 10 ** drawn[1])
integers = st.integers() | st.integers(-(10**60), 10**60) | st.just(2**53 + 1) | very_long
zones = st.none() | st.timezones()
moments = st.datetimes(timezones=zones)
decimals = st.decimals()
uuids = st.uuids()
plain = st.recursive(
    st.none() | st.booleans() | integers | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)
odd = st.sampled_from(
    [object(), 1 + 2j, range(3), b"x", bytearray(b"y"), ..., int, [{1}], (1, (2,)), {1: 2}, {None: 1}]
)

KINDS: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (Any, plain),
    (None, st.none()),
    (bool, st.booleans()),
    (int, integers),
    (float, st.floats()),
    (str, texts),
    (bytes, st.binary(max_size=20)),
    (Decimal, decimals),
    (datetime, moments),
    (date, st.dates()),
    (time, st.times(timezones=zones)),
    (timedelta, st.timedeltas()),
    (UUID, uuids),
    (Colour, st.sampled_from(Colour)),
    (Path, texts.filter(lambda text: "\0" not in text).map(Path)),
    (PurePosixPath, texts.map(PurePosixPath)),
    (list[Decimal], st.lists(decimals, max_size=4)),
    (dict[str, datetime], st.dictionaries(texts, moments, max_size=4)),
    (dict[int, list[str]], st.dictionaries(integers, st.lists(texts, max_size=3), max_size=4)),
    (dict[UUID, float], st.dictionaries(uuids, st.floats(), max_size=4)),
    (set[int], st.sets(integers, max_size=4)),
    (frozenset[str], st.frozensets(texts, max_size=4)),
    (tuple[int, str], st.tuples(integers, texts)),
    (tuple[date, ...], st.lists(st.dates(), max_size=4).map(tuple)),
    (int | None, st.none() | integers),
    (datetime | str | None, st.none() | moments | texts),
    (Decimal | int | str, decimals | integers | texts),
    (list[Colour | date], st.lists(st.sampled_from(Colour) | st.dates(), max_size=4)),
    (Line, st.builds(Line, decimals, st.none() | moments, st.lists(texts, max_size=3))),
    (Pair, st.builds(Pair, uuids, integers)),
    (object, odd),
]


def same(sent: Any, arrived: Any) -> bool:
    """Whether two values are of one class and equal in every part: 1.0 is no 1, 0.0 no -0.0, 1.50 no 1.5."""
    if type(sent) is not type(arrived):
        return False
    if isinstance(sent, (list, tuple)):
        return len(sent) == len(arrived) and all(map(same, sent, arrived))
    if isinstance(sent, dict):
        return len(sent) == len(arrived) and all(map(same, sent.items(), arrived.items()))
    if isinstance(sent, (set, frozenset)):
        return bool(sent == arrived) and sorted(map(repr, sent)) == sorted(map(repr, arrived))
    if isinstance(sent, Line):
        return all(map(same, vars(sent).values(), vars(arrived).values()))
    if isinstance(sent, int):
        return bool(sent == arrived)  # the longest have no repr
    return repr(sent) == repr(arrived) and (sent != sent or bool(sent == arrived))


def lossy(message: Message, call_next: Callable[[Message], Any]) -> Any:
    """The planted fault: a wire that keeps seconds, doubles and well-formed text, as many do."""
    return call_next(Message(**{**vars_of(message), "args": _lossy(message.args)}))


def vars_of(message: Message) -> dict[str, Any]:
    """A message's fields."""
    return {name: getattr(message, name) for name in Message.__dataclass_fields__}


def _lossy(value: Any) -> Any:
    if isinstance(value, list):
        return [_lossy(item) for item in value]
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode().strip()
    return int(float(value)) if type(value) is int and abs(value) < 10**300 else value


class Trip:
    """The app of one run: a task for each annotation that sends its argument back, and what was found."""

    def __init__(self, path: Path, fault: str | None) -> None:
        middleware = [lossy] if fault == "lossy" else []
        self.app = App("g2", broker=lambda: SqliteBroker(path, durable=False), middleware=middleware)
        self.tasks = [self._task(number, annotation) for number, (annotation, _) in enumerate(KINDS)]
        self.sent: dict[str, tuple[Result[Any], Any]] = {}
        self.arrived: dict[str, Any] = {}
        self.drawn = self.refused = 0
        self.misses: list[str] = []

    def _task(self, number: int, annotation: Any) -> Any:
        def echo(delivery: Any, value: Any) -> Any:
            self.arrived[delivery.message.id] = value
            return value

        echo.__annotations__ = {} if annotation is Any else {"value": annotation, "return": annotation}
        return self.app.task(name=f"echo{number}", takes_context=True, retry=RetryPolicy(attempts=1))(echo)

    def send(self, number: int, value: Any) -> None:
        """Enqueue one value to one task."""
        self.drawn += 1
        try:
            result = self.tasks[number].enqueue(value)
        except ArgumentError as error:
            self.refused += 1
            if "'value'" not in str(error):
                self.misses.append(f"refused without the parameter's name: {error}")
        else:
            self.sent[result.id] = (result, value)
        if len(self.sent) >= BATCH:
            self.judge()

    def judge(self) -> None:
        """Run what was sent and compare."""
        while found := self.app.broker.receive(list(self.app.queues.values()), BATCH):
            for delivery in found:
                self._one(delivery.message.id, delivery.message.task, execute(self.app, delivery))
        self.misses += [f"{result.task} never arrived" for result, _ in self.sent.values()]
        self.sent.clear()
        self.arrived.clear()

    def _one(self, id: str, task: str, outcome: Any) -> None:
        result, value = self.sent.pop(id)
        annotation = KINDS[int(task.removeprefix("echo"))][0]
        told = f"{shown(value)} as {annotation}"
        if isinstance(outcome, Failed):
            self.misses.append(f"taken at the enqueue, refused by the worker: {told}: {outcome.error}")
        elif not isinstance(outcome, Succeeded) or not same(value, self.arrived[id]):
            self.misses.append(f"arrived as {shown(self.arrived.get(id))}: {told}")
        elif not same(value, result.get(0)):
            self.misses.append(f"came back as {shown(result.get(0))}: {told}")


def shown(value: Any) -> str:
    """A value for a person, if it has a repr."""
    try:
        return ascii(value)[:200]
    except ValueError:
        return f"a {type(value).__name__} too long to show"


def run(draw: Draw) -> Iterator[Figure | Miss]:
    with TemporaryDirectory(prefix="bar-") as folder:
        trip = Trip(Path(folder) / "queue.db", draw.fault)
        numbers = st.integers(0, len(KINDS) - 1)
        own = numbers.flatmap(lambda number: st.tuples(st.just(number), KINDS[number][1]))
        other = st.tuples(numbers, st.one_of(*(values for _, values in KINDS)))
        quiet = settings(
            max_examples=draw.sizes["count"],
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )

        @seed(draw.seed)
        @quiet
        @given(own | own | other)
        def send(drawn: tuple[int, Any]) -> None:
            trip.send(*drawn)

        send()
        trip.judge()
        trip.app.close()
    yield Figure("values", trip.drawn)
    yield Figure("refused at the enqueue", trip.refused)
    yield Figure("arrived equal, there and back", trip.drawn - trip.refused - len(trip.misses))
    yield from map(Miss, trip.misses)
    if trip.drawn < draw.sizes["count"]:
        yield Miss(f"only {trip.drawn} values were drawn")


ROW = Row(
    "G2",
    "a value arrives equal, or is refused at the enqueue",
    run,
    quick={"count": 1_000},
    full={"count": 10_000},
    faults=("lossy",),
)

if __name__ == "__main__":
    ROW.main()
