"""G4: reading a hostile message imports, opens, runs and connects nothing.

Python's own audit events tell. Decoding, looking the task up and unpacking its arguments by their annotations are
watched; the modules, codecs and signatures they need are there before, as they are in a worker. One thing may be
opened: a datetime in a known time zone reads that zone's file, once.
"""

from __future__ import annotations

import importlib
import json
import pickle
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID
from zoneinfo import TZPATH

from tests.bar import corpus
from tests.bar.row import Draw, Figure, Miss, Row

from ebbtide.app import App
from ebbtide.brokers.memory import MemoryBroker
from ebbtide.errors import ArgumentError, EnvelopeError, UnknownTask
from ebbtide.message import Message

WATCHED = (
    *("import", "exec", "compile", "open", "marshal.loads", "pickle.find_class", "code.__new__", "os.", "shutil."),
    *("subprocess.", "socket.", "ctypes.", "urllib.", "ftplib.", "http.", "mmap.", "signal.", "sqlite3.", "tempfile."),
)

app = App("g4", broker=MemoryBroker)


class Colour(Enum):
    RED = "red"


@dataclass
class Line:
    price: Decimal
    path: Path | None = None


@app.task
def work(value: Any = None, *rest: Any, **others: Any) -> None: ...


@app.task(name="shop.pay")
def pay(value: datetime | Decimal | str, line: Line | None = None, *rest: UUID, **others: time) -> None: ...


@app.task(name="shop.ship")
def ship(
    value: Colour | Path | bytes, lines: list[Line] | None = None, *rest: timedelta, **others: datetime
) -> None: ...


@app.task(name="shop.call")
def call(value: datetime, *rest: datetime, **others: dict[UUID, set[Colour]]) -> None: ...


TASKS = tuple(app.tasks)
TAGS = ("datetime", "Decimal", "str", "Line", "os.system", "builtins.eval")


class Ear:
    """Counts the audited events while it listens. A hook cannot be taken out again, so there is one."""

    def __init__(self) -> None:
        self.listening = False
        self.heard: Counter[str] = Counter()
        self.zones = 0
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.listening and event == "open" and str(arguments[0]).startswith(TZPATH):
            self.zones += 1
        elif self.listening and event.startswith(WATCHED):
            self.heard[f"{event} {str(arguments[:1])[:60]}"] += 1

    def to(self, act: Callable[[], object]) -> Counter[str]:
        """What is heard of this act."""
        self.heard.clear()
        self.listening = True
        try:
            act()
        finally:
            self.listening = False
        return self.heard


def read(body: bytes) -> None:
    """What a worker does with bytes before it runs anything of the user's."""
    with suppress(EnvelopeError, UnknownTask, ArgumentError):
        message = Message.decode(body)
        app.task_named(message.task).signature.unpack(message.args, message.kwargs)


def read_pickles(body: bytes) -> None:
    """A planted fault: what is no JSON may be a pickle."""
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        with suppress(Exception):
            pickle.loads(body)  # noqa: S301
    read(body)


def read_by_dotted_name(body: bytes) -> None:
    """A planted fault: a task that is not registered is imported by its name."""
    with suppress(EnvelopeError):
        module, _, _ = Message.decode(body).task.rpartition(".")
        with suppress(Exception):
            importlib.import_module(module)
    read(body)


def hostile(random: Random, seeds: list[bytes]) -> bytes:
    """Foreign bytes, mutations, and most often a well-formed call of a real task with hostile arguments."""
    match random.randrange(6):
        case 0:
            return corpus.foreign(random)
        case 1:
            return corpus.mutation(random, seeds)
        case 2:
            return corpus.named(random).encode()
        case _:
            wire = json.loads(seeds[0])
            wire["task"] = random.choice(TASKS)
            wire["args"] = [_argument(random) for _ in range(random.randrange(4))]
            wire["kwargs"] = {random.choice(("value", "line", "a", "__class__")): _argument(random)}
            return json.dumps(wire).encode()


def _argument(random: Random) -> Any:
    name = random.choice(corpus.HOSTILE_NAMES)
    match random.randrange(6):
        case 0:
            offset, zone = random.choice(("", "+02:00", "Z")), random.choice((name, "a/b", "x", "Zip/Zap"))
            return f"2026-03-29T12:00:00{offset}[{zone}]"
        case 1:
            return {"$type": random.choice((*TAGS, name)), "value": name}
        case 2:
            return {"price": random.choice((name, "1.5", 1)), "path": name}
        case 3:
            return corpus.odd_value(random)
        case _:
            return name


def run(draw: Draw) -> Iterator[Figure | Miss]:
    reader = {"pickle": read_pickles, "dotted-name": read_by_dotted_name, None: read}[draw.fault]
    ear = Ear()
    if not ear.to(lambda: importlib.import_module("tests.bar.corpus") and Path(__file__).read_bytes()):
        yield Miss("the ear is deaf: opening a file was not heard")
    seeds = corpus.envelopes(draw.random)
    for task in app.tasks.values():
        _ = task.signature
    events: Counter[str] = Counter()
    understood = 0
    for _ in range(draw.sizes["count"]):
        body = hostile(draw.random, seeds)
        heard = ear.to(lambda body=body: reader(body))  # type: ignore[misc]
        understood += bool(heard) or _is_message(body)
        if heard:
            events.update(heard)
            yield Miss(f"{', '.join(heard)} for {body[:300]!r}")
    yield Figure("hostile messages read", draw.sizes["count"])
    yield Figure("of them with an envelope of ours", understood)
    yield Figure("time-zone files read", ear.zones)
    yield Figure("events heard", events.total())


def _is_message(body: bytes) -> bool:
    try:
        Message.decode(body)
    except EnvelopeError:
        return False
    return True


ROW = Row(
    "G4",
    "reading a hostile message imports, opens, runs and connects nothing",
    run,
    quick={"count": 20_000},
    full={"count": 100_000},
    faults=("pickle", "dotted-name"),
)

if __name__ == "__main__":
    ROW.main()
