"""G3: an envelope of any other version is refused by that name, whatever else is in it; a worker keeps its bytes."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from tests.bar import corpus
from tests.bar.row import Draw, Figure, Miss, Row

from ebbtide.app import App
from ebbtide.brokers.sqlite import SqliteBroker
from ebbtide.errors import EnvelopeError
from ebbtide.execute import execute
from ebbtide.message import VERSION, Message
from ebbtide.queue import Queue

QUEUE = Queue()
NO_VERSION = object()


def decode_any_version(body: bytes) -> Message:
    """The planted fault: a decoder that takes the version for a formality."""
    wire = json.loads(body)
    wire["v"] = VERSION
    return Message.decode(json.dumps(wire).encode())


def other_version(random: Random) -> Any:
    """Something that is not our version, most often a number."""
    number = random.choice((random.randrange(-5, 50), random.randrange(-(2**70), 2**70), random.uniform(-5, 50)))
    odd = (
        None,
        True,
        False,
        float(VERSION),
        str(VERSION),
        [VERSION],
        {"v": VERSION},
        "",
        "v1",
        "1.0",
        "\ud800",
        NO_VERSION,
    )
    version = random.choice((number, number, number, *odd))
    return version if type(version) is not int or version != VERSION else VERSION + 1


def envelope(random: Random, version: Any) -> bytes:
    """An envelope of that version: like ours, or as some other Ebbtide may write it."""
    wire = json.loads(random.choice(corpus.envelopes(random)))
    if version is NO_VERSION:
        del wire["v"]
    else:
        wire["v"] = version
    for _ in range(random.choice((0, 0, 1, 3))):
        wire[random.choice((*wire, "new", "extra", "payload"))] = corpus.odd_value(random)
        wire |= {} if version is NO_VERSION else {"v": version}
    if version is NO_VERSION:
        wire.pop("v", None)
    members = list(wire.items())
    random.shuffle(members)
    return json.dumps(dict(members)).encode()


def refusal(body: bytes, decode: Callable[[bytes], Message]) -> str | None:
    """What is wrong with how these bytes are refused."""
    try:
        message = decode(body)
    except EnvelopeError as error:
        return None if str(error).startswith("envelope version ") else f"refused, but not by its version: {error}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return f"taken for a message of {message.task!r}"


def run(draw: Draw) -> Iterator[Figure | Miss]:
    decode = decode_any_version if draw.fault == "any-version" else Message.decode
    bodies = [envelope(draw.random, other_version(draw.random)) for _ in range(draw.sizes["count"])]
    for body in bodies:
        if wrong := refusal(body, decode):
            yield Miss(f"{wrong}: {body[:120]!r}")
    yield Figure("envelopes refused by their version", len(bodies))
    yield from _by_a_worker(bodies[: draw.sizes["stored"]])


def _by_a_worker(bodies: list[bytes]) -> Iterator[Figure | Miss]:
    with TemporaryDirectory(prefix="bar-") as folder:
        path = Path(folder) / "queue.db"
        broker = SqliteBroker(path, durable=False)
        app = App("g3", broker=lambda: broker)
        app.submit([])
        _store(path, bodies)
        while found := broker.receive([QUEUE], 100):
            for delivery in found:
                execute(app, delivery)
        letters = {letter.id: letter for letter in broker.dead(limit=len(bodies) + 1)}
        app.close()
    for number, body in enumerate(bodies):
        letter = letters.get(f"m{number}")
        if letter is None or letter.body != body:
            yield Miss(f"its bytes are not among the dead letters: {body[:120]!r}")
        elif not letter.error.message.startswith("envelope version ") or letter.attempts != 1:
            yield Miss(f"set aside after {letter.attempts} attempts for {letter.error}: {body[:120]!r}")
    yield Figure("dead letters with their bytes and reason", len(letters))


def _store(path: Path, bodies: list[bytes]) -> None:
    """Put them into the file as another Ebbtide would have."""
    row = (
        "insert into tasks (id, task, queue, lane, state, rank, body, enqueued_at) values (?, 'work', ?, 0, 1, 0, ?, 0)"
    )
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany(row, [(f"m{number}", QUEUE.name, body) for number, body in enumerate(bodies)])


ROW = Row(
    "G3",
    "an envelope of any other version is refused by name",
    run,
    quick={"count": 5_000, "stored": 500},
    full={"count": 100_000, "stored": 5_000},
    faults=("any-version",),
)

if __name__ == "__main__":
    ROW.main()
