"""R6: whatever stands on a queue, the worker lives, good messages run, and what is none of ours is kept with a reason.

A corpus of bodies that nobody should have sent is put straight into the file of a running worker, each followed by a
good task. The worker's processes must be the same at the end as at the beginning, each good task must run soon, and
each poison must be a dead letter with its bytes as they came.
"""

from __future__ import annotations

import base64
import json
import pickle
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.bar.queuefile import call, damage, folder, rows
from tests.bar.row import Draw, Figure, Miss, Row
from tests.bar.workers import Place, Worker, until

from ebbtide.broker import DeadLetter
from ebbtide.brokers.sqlite import SqliteBroker
from ebbtide.brokers.sqlite.schema import READY

ENOUGH = 30
PROMISED = 2.0
SLACK = 3.0
"""Seconds a good task may wait behind a poison, and what we allow on top on a busy machine; the figure is printed."""

STARTED_WITHIN = 60.0
SETTLED_WITHIN = 60.0
PROCESSES = 2

NO_TEXT = "\udcff{}"
"""Stands for text whose first byte is 255, which SQLite stores without a look."""


def envelope(**changes: Any) -> dict[str, Any]:
    """A good envelope of task "work" with some members changed; `...` leaves one out."""
    wire: dict[str, Any] = json.loads(call("x", args=[0]).encode())
    wire |= changes
    return {name: value for name, value in wire.items() if value is not ...}


def text(**changes: Any) -> bytes:
    return json.dumps(envelope(**changes)).encode()


def corpus() -> dict[str, Any]:
    """What to put in the body column, by name: bytes, and what is not even bytes."""
    good = text().decode()
    celery = base64.b64encode(json.dumps({"body": "W10=", "headers": {"task": "work", "id": "1"}}).encode())
    return {
        "nothing": b"",
        "white space": b" \n\t ",
        "null": b"null",
        "a list": b"[]",
        "a number": b"1",
        "a text": b'"work"',
        "an empty object": b"{}",
        "cut short": good[:-5].encode(),
        "more behind": good.encode() + b"{}",
        "single quotes": good.replace('"', "'").encode(),
        "a comment": b"/**/" + good.encode(),
        "bad UTF-8": good.replace("work", "w\udcffrk").encode("utf-8", "surrogateescape"),
        "UTF-16": good.encode("utf-16"),
        "a byte order mark": b"\xef\xbb\xbf" + good.encode(),
        "NUL bytes": good.encode() + b"\0\0",
        "only NUL bytes": bytes(1000),
        "NUL in the task": text(task="wo\0rk"),
        "10 MB of brackets": b"[" * 10_000_000,
        "10 MB of noise": bytes(range(256)) * 40_000,
        "10 MB in an unknown member": text(more="x" * 10_000_000),
        "deep": b'{"v":1,"args":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        "deep objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        "NaN": good.replace("[0]", "[NaN]").encode(),
        "infinity": good.replace("[0]", "[-Infinity]").encode(),
        "a number past a double": good.replace("[0]", "[1e999]").encode(),
        "a number of 5,000 digits": good.replace("[0]", f"[{'9' * 5000}]").encode(),
        "duplicate members": good.replace('"v"', '"v": 1, "v"', 1).encode(),
        "duplicate arguments": good.replace('"kwargs": {}', '"kwargs": {"number": 1, "number": 2}').encode(),
        "version 0": text(v=0),
        "version 2": text(v=2),
        "version as text": text(v="1"),
        "version true": text(v=True),
        "no version": text(v=...),
        "an unknown member": text(surprise=1),
        "no id": text(id=...),
        "no lineage": text(lineage=...),
        "id of another type": text(id=7),
        "task of another type": text(task={"name": "work"}),
        "args of another type": text(args={}),
        "kwargs of another type": text(kwargs=[]),
        "lane below zero": text(lane=-1),
        "priority too high": text(priority=101),
        "due at no time": text(run_after="tomorrow"),
        "enqueued at no time": text(enqueued_at=None),
        "headers of numbers": text(headers={"a": 1}),
        "an unknown task": text(task="wrok"),
        "a task like a function": text(task="os.system", args=["true"]),
        "a task like an attribute": text(task="__class__"),
        "a lone surrogate as task": text(task="\ud800"),
        "past the depth budget": text(lineage={"root": "x", "depth": 101}),
        "expired": text(expires_at=1.0),
        "too many arguments": text(args=[1, 2, 3, 4]),
        "too few arguments": text(args=[]),
        "arguments of another type": text(args=["seven"]),
        "an unknown argument": text(kwargs={"colour": 1}),
        "an argument twice": text(kwargs={"number": 1}),
        "a pickle": pickle.dumps({"task": "work"}),
        "a pickle that calls": b"cbuiltins\nprint\n(S'escaped'\ntR.",
        "XML": b"<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/hostname'>]><a>&x;</a>",
        "Celery's": celery,
        "text, not bytes": "no JSON at all",
        "an integer, not bytes": 7,
        "a real, not bytes": 7.5,
        "text that is no UTF-8": NO_TEXT,
        "ends its process nicely": text(task="fail", args=["exit"]),
        "interrupts": text(task="fail", args=["interrupt"]),
        "raises GeneratorExit": text(task="fail", args=["generator"]),
        "raises what cannot be shown": text(task="fail", args=["unspeakable"]),
        "recurses": text(task="fail", args=["recursion"]),
        "returns what cannot travel": text(task="fail", args=["object"]),
    }


def as_bytes(body: Any) -> bytes:
    """As which bytes a body is to be kept."""
    return body if isinstance(body, bytes) else str(body).encode("utf-8", "surrogateescape")


def put(path: Path, id: str, body: Any) -> None:
    """A row as anyone could write it."""
    given = (id, "work", "default", 0, READY, 0, "" if body == NO_TEXT else body, time.time())
    with closing(sqlite3.connect(path, timeout=30)) as connection, connection:
        connection.execute(
            "insert into tasks (id, task, queue, lane, state, rank, body, enqueued_at) values (?, ?, ?, ?, ?, ?, ?, ?)",
            given,
        )
        if body == NO_TEXT:
            connection.execute("update tasks set body = cast(? as text) where id = ?", (as_bytes(body), id))


def run(draw: Draw) -> Iterator[Figure | Miss]:
    poisons = list(corpus().items())
    draw.random.shuffle(poisons)
    with folder() as path:
        place = Place(path, draw.fault)
        broker = SqliteBroker(place.path)
        broker.send([call("first", args=[-1])])
        worker = place.start("--processes", str(PROCESSES))
        try:
            if not until(lambda: ended(place, -1), STARTED_WITHIN):
                yield Miss("the worker did not come up")
                return
            slowest = fed(place, broker, poisons)
            until(lambda: settled(place, len(poisons)) or deaths(place), SETTLED_WITHIN)
            yield from alive(place, worker)
        finally:
            worker.kill()
        yield Figure("poisons", len(poisons))
        yield Figure("good tasks among them, the slowest after", slowest, "s")
        if slowest > PROMISED + SLACK:
            yield Miss(
                f"a good task waited {slowest:.1f} s; promised are {PROMISED} s, {SLACK} s more are allowed here"
            )
        if len(poisons) < ENOUGH:
            yield Miss(f"{len(poisons)} poisons are fewer than {ENOUGH}")
        yield from kept(dict(poisons), {letter.id: letter for letter in broker.dead(limit=1000)}, rows(place.path))
        yield from map(Miss, damage(place.path))
        broker.close()


def ended(place: Place, number: int) -> bool:
    return any(line.number == number and line.word == "end" for line in place.lines())


def settled(place: Place, poisons: int) -> bool:
    states = [task.state for task in rows(place.path).values()]
    return states.count("dead") == poisons and all(state in ("done", "dead") for state in states)


def fed(place: Place, broker: SqliteBroker, poisons: list[tuple[str, Any]]) -> float:
    """Give the worker each poison and a good task behind it, until one took a process with it.

    How long the slowest of the good tasks took, in seconds.
    """
    slowest = 0.0
    for number, (name, body) in enumerate(poisons):
        put(place.path, name, body)
        began = time.monotonic()
        broker.send([call(f"good-{number}", args=[number], kwargs={"seconds": 0.0})])
        came = until(lambda number=number: ended(place, number), PROMISED + SLACK)  # type: ignore[misc]
        slowest = max(slowest, time.monotonic() - began)
        if not came or deaths(place):
            break
    return slowest


def deaths(place: Place) -> list[str]:
    """What the worker said of processes that ended."""
    said = place.said.read_text(errors="replace")
    return [line for line in said.splitlines() if "takes its place" in line]


def alive(place: Place, worker: Worker) -> Iterator[Figure | Miss]:
    """Whether it is still the same processes."""
    pids = {line.pid for line in place.lines()}
    yield Figure("processes that ran good tasks", len(pids))
    if worker.process.poll() is not None:
        yield Miss(f"the worker has ended with {worker.process.returncode}")
    if died := deaths(place):
        yield Miss(f"{len(died)} processes died: {died[0]}")


def kept(poisons: dict[str, Any], dead: dict[str, DeadLetter], found: dict[str, Any]) -> Iterator[Figure | Miss]:
    """Whether each poison is set aside as it came."""
    yield Figure("dead letters", len(dead))
    for name, body in poisons.items():
        letter = dead.get(name)
        if letter is None:
            yield Miss(f"{name!r} is no dead letter but {found.get(name, 'gone')}")
            continue
        if letter.body != as_bytes(body):
            yield Miss(f"{name!r} was kept as {letter.body[:60]!r}")
        if not letter.error.exception_class or not (letter.error.message or letter.error.traceback):
            yield Miss(f"{name!r} was set aside without a reason: {letter.error}")


ROW = Row("R6", "no message ends a worker, and none is dropped", run, faults=("escape",))

if __name__ == "__main__":
    ROW.main()
