"""R13: what an older release wrote opens, runs and reads as it was; what a newer one wrote is refused, and unchanged.

tests/bar/releases has one archive for each layout of the queue file there ever was, written by the code of its time
(`write.py` says how) with a message in every state, two of them held by a process that died.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from tests.bar.queuefile import damage, folder, query
from tests.bar.row import Draw, Figure, Miss, Row
from tests.bar.workers import ROOT, TARGET, Place, until

from ebbtide.broker import Delivery, Settlement
from ebbtide.brokers.sqlite import SqliteBroker
from ebbtide.brokers.sqlite.schema import VERSION
from ebbtide.errors import EnvelopeError, StorageError
from ebbtide.message import Lineage, Message
from ebbtide.queue import Queue
from ebbtide.result import Report, Status, TaskError

RELEASES = Path(__file__).parent / "releases"
NOW = 1_790_000_000.0
FAR = 4_000_000_000.0
DEFAULT, ORDERS = Queue(), Queue("orders", lanes=3, fifo=True)
FAILURE = TaskError("shop.Boom", "no caf\u00e9 \ud800 \U0001f4a5", "Traceback ...", 1)
VALUE = '{"pages": [1, 2.5, null]}'
STARTED_WITHIN, SETTLED_WITHIN = 60.0, 30.0


class Gone(NamedTuple):
    """What a record should say now: status, attempts, value, errors."""

    status: Status
    attempts: int
    value: str | None = None
    errors: tuple[TaskError, ...] = ()


WAITING = {f"m{number}": Gone(Status.READY, 0) for number in (1, 2, 3, 4, 5, 6, 20, 21, 22)}
ENDED = {
    "m9": Gone(Status.SUCCESSFUL, 1, VALUE),
    "m10": Gone(Status.SUCCESSFUL, 2, VALUE, (FAILURE,)),
    "m11": Gone(Status.FAILED, 1, None, (FAILURE,)),
}
"""Of every message of an archive but m7 and m8, whose holder died, while running m7."""

IN_TURN = ["m7", "m8", "m2", "m1", "m3", "m4", "m6"]
RUN_BY_THE_WORKER = {1, 2, 3, 4, 6, 7, 8, 11}


class Blind(sqlite3.Connection):
    """Plants the fault: every file seems to be of the layout we know."""

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        return super().execute(f"select {VERSION}" if sql == "pragma user_version" else sql, parameters)


def run(draw: Draw) -> Iterator[Figure | Miss]:
    archives = sorted(RELEASES.glob("layout-*.tar.gz"))
    kept = {int(path.name.removeprefix("layout-").removesuffix(".tar.gz")) for path in archives}
    yield Figure("layouts kept", ", ".join(map(str, sorted(kept))))
    yield from (Miss(f"layout {number} is not kept in {RELEASES.name}") for number in set(range(1, VERSION)) - kept)
    for archive in archives:
        for part in (_read, _newer) if draw.fault else (_read, _worked, _newer):
            with folder() as place:
                with tarfile.open(archive) as packed:
                    packed.extractall(place, filter="data")
                if draw.fault == "version-bumped":
                    _set_version(place / "queue.db", VERSION)
                try:
                    yield from (Miss(f"{archive.name}: {wrong}") for wrong in part(place, draw.fault))
                except StorageError as error:
                    yield Miss(f"{archive.name}: {error}")


def _read(place: Path, fault: str | None) -> Iterator[str]:
    """The library goes on where the release stopped."""
    path = place / "queue.db"
    broker = SqliteBroker(path, clock=lambda: NOW + 3600)
    envelopes: dict[str, str] = json.loads((place / "envelopes.json").read_text("ascii"))
    for id, body in envelopes.items():
        yield from _undecoded(id, body.encode("ascii"))
    yield from _unlike(broker, WAITING | ENDED)
    taken = broker.receive([DEFAULT], 100)
    if [delivery.message.id for delivery in taken] != IN_TURN:
        yield f"{[delivery.message.id for delivery in taken]} came, in that order; it should be {IN_TURN}"
    first = broker.receive([ORDERS], 100)
    broker.ack([_done(delivery) for delivery in first])
    last = broker.receive([ORDERS], 100)
    if (got := [sorted(d.message.id for d in some) for some in (first, last)]) != [["m20", "m22"], ["m21"]]:
        yield f"the groups came as {got}"
    for delivery in (*taken, *first, *last):
        if delivery.body != envelopes[delivery.message.id].encode("ascii"):
            yield f"{delivery.message.id} came with other bytes than it was sent with"
    letters = [(letter.id, letter.error, letter.attempts) for letter in broker.dead()]
    if letters != [("m11", FAILURE, 1)]:
        yield f"the dead letters are {letters}"
    if (died := taken[0]).attempt != 2 or died.fate is None:
        yield f"{died.message.id} came as attempt {died.attempt} with the fate {died.fate}"
    yield from _kept_up(broker, [*taken, *last])
    broker.close()
    yield from damage(path)
    if (version := query(path, "pragma user_version")[0][0]) != VERSION:
        yield f"it is of layout {version} after it was opened, not {VERSION}"


def _undecoded(id: str, body: bytes) -> Iterator[str]:
    try:
        message = Message.decode(body)
    except EnvelopeError as error:
        yield f"the envelope of {id}: {error}"
    else:
        if message.id != id or Message.decode(message.encode()) != message:
            yield f"the envelope of {id} reads as {message}"


def _unlike(broker: SqliteBroker, wanted: dict[str, Gone]) -> Iterator[str]:
    records = broker.load([*wanted])
    for id, right in wanted.items():
        record = records.get(id)
        if record is None or (record.status, record.attempts, record.value, record.errors) != right:
            yield f"the record of {id} is {record}, it should be {right}"


def _kept_up(broker: SqliteBroker, held: list[Delivery]) -> Iterator[str]:
    """Keys hold, loans end, dead letters are redriven, the rest waits."""
    for key, holder, args in (("held", "m3", [3]), ("window", "m9", [9])):
        kwargs = {"seconds": 0.001} if key == "held" else {}
        again = Message("new", "work", "default", Lineage("new"), NOW, args=args, kwargs=kwargs, key=key)
        if (ids := broker.send([again])) != [holder]:
            yield f"the key {key!r} is held by {ids}, it should be {holder}"
    if (effect := broker.ack([_done(delivery) for delivery in held])) != len(held):
        yield f"{effect} of {len(held)} acknowledgements took effect"
    if broker.redrive(["m11"]) != 1:
        yield "the dead letter cannot be redriven"
    (again_,) = broker.receive([DEFAULT], 100)
    if (again_.message.id, again_.attempt) != ("m11", 1) or broker.ack([_done(again_)]) != 1:
        yield f"redriven, {again_.message.id} came as attempt {again_.attempt}, or could not be acknowledged"
    (depth,) = broker.depth("default")
    if depth[:4] != (0, 1, 0, 0):
        yield f"in the end there is {depth}"


def _done(delivery: Delivery) -> Settlement:
    id = delivery.message.id
    report = Report(id, "work", Status.SUCCESSFUL, delivery.attempt, 60.0, NOW, NOW, NOW, "null")
    return Settlement(delivery, report)


def _worked(place: Path, fault: str | None) -> Iterator[str]:
    """A worker runs what is there, after the command line has redriven what was dead."""
    at = Place(place, None)
    redriven = _cli(place, "dlq", "redrive", TARGET, "m11")
    if redriven.returncode:
        yield f"ebbtide dlq redrive: {redriven.stdout + redriven.stderr}"
    worker = at.start("--processes", "1")
    wanted = set(RUN_BY_THE_WORKER)
    try:
        until(at.lines, STARTED_WITHIN)
        until(lambda: {line.number for line in at.lines() if line.word == "end"} >= wanted, SETTLED_WITHIN)
    finally:
        worker.terminate()
        worker.process.wait(STARTED_WITHIN)
    ended = sorted(line.number for line in at.lines() if line.word == "end")
    if ended != sorted(wanted):
        yield f"a worker ran {ended}, it should have run each of {sorted(wanted)} once: {at.said.read_text()[-500:]}"
    yield from damage(at.path)


def _newer(place: Path, fault: str | None) -> Iterator[str]:
    """The same file from a release to come: nobody touches it."""
    path = place / "queue.db"
    _set_version(path, VERSION + 1)
    before = _bytes(path)
    blind = fault == "newer-is-opened"
    broker = SqliteBroker(path, connect=partial(sqlite3.connect, factory=Blind if blind else sqlite3.Connection))
    wanted = f"written by a newer Ebbtide (layout {VERSION + 1}, this one knows {VERSION})"
    for name, verb in (("depth", partial(broker.depth, "default")), ("receive", partial(broker.receive, [DEFAULT], 1))):
        try:
            verb()
            yield f"{name} of a newer file is answered"
        except StorageError as error:
            if wanted not in str(error):
                yield f"{name} of a newer file says: {error}"
    broker.close()
    for command in (("queues", TARGET), ("worker", TARGET, "--drain"), ("enqueue", TARGET, "work", "1")):
        done = _cli(place, *command)
        told = done.stdout + done.stderr
        if done.returncode == 0 or wanted not in told or "Traceback" in told:
            yield f"ebbtide {command[0]} of a newer file exits with {done.returncode} and says: {told[-500:]}"
    if _bytes(path) != before:
        yield "a newer file was changed"


def _cli(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "BAR_FOLDER": str(place), "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "ebbtide.cli", *arguments]
    return subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, timeout=60, check=False)


def _set_version(path: Path, version: int) -> None:
    """And leave no log behind, so that the file alone says everything."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"pragma user_version = {version}")
        connection.execute("pragma wal_checkpoint(truncate)")


def _bytes(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


ROW = Row(
    "R13",
    "an older queue file runs, a newer one is refused unchanged",
    run,
    quick={},
    faults=("version-bumped", "newer-is-opened"),
)

if __name__ == "__main__":
    ROW.main()
