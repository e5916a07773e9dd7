"""R2: a process that ends at any point of any verb leaves a file from which everything goes on.

Each scenario lays a file out, then a child does one thing to it and ends by os._exit at its n-th point: before and
after every SQL statement, every flush to disk and every lock, pipe and holder note. n counts up until the child comes
through. After each end a new process takes over. It must find each task as it was before the verb or as it is after
it, all of a batch or none, after it if the verb had returned; then it drains the file, and each task must run once
more at most as often as it says, ending done or dead.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import sqlite3
import struct
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from tests.bar.queuefile import Row as Task
from tests.bar.queuefile import damage, folder, report, rows, stray_keys
from tests.bar.r2_scenarios import FIFO, LATER, NOTHING, QUEUE, SCENARIOS, Scenario
from tests.bar.row import Draw, Figure, Miss, Row

from ebbtide.broker import Settlement
from ebbtide.brokers.sqlite import SqliteBroker

ENOUGH = 40
TOO_MANY = 500  # points of one verb: it goes round in circles
PATIENCE = 10  # seconds, after which a child that does not end is ended
CRASHED, BROKEN = 77, 78
SYSTEM_CALLS = {
    (fcntl, "flock"), (fcntl, "lockf"), (os, "fdatasync"), (os, "fsync"), (os, "write"), (os, "unlink"),
    (os, "mkfifo"), (os, "ftruncate"),
}  # fmt: skip


class Points:
    """Counts the points a child passes, and ends it at the one it is to end at. Connection and profiler tell it."""

    def __init__(self, stop: int, said: int) -> None:
        self.stop, self._said, self._armed, self._count = stop, said, False, 0
        self._watched = {getattr(module, name) for module, name in SYSTEM_CALLS}

    def arm(self) -> None:
        """From here on."""
        self._armed = True
        sys.setprofile(self._observe)

    def say(self, word: str) -> None:
        """Tell the parent, whatever happens next."""
        os.write(self._said, word.encode() + b"\n")

    def passing(self, where: str) -> None:
        if not self._armed:
            return
        self._count += 1
        if self._count == self.stop:
            self._armed = False
            self.say(f"at {' '.join(where.split())[:70]}")
            os._exit(CRASHED)

    @property
    def armed(self) -> bool:
        return self._armed

    def _observe(self, frame: FrameType, event: str, arg: Any) -> None:
        if event in ("c_call", "c_return") and frame.f_code is not Points.say.__code__:
            noted = isinstance(getattr(arg, "__self__", None), struct.Struct) and arg.__name__ == "pack_into"
            if noted or arg in self._watched:
                self.passing(f"{'before' if event == 'c_call' else 'after'} {arg.__name__}")


class Watched(sqlite3.Connection):
    """A connection that passes a point before and after each statement. fault: see FAULTS."""

    points: Points
    fault: str | None = None

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        self.points.passing(f"before {sql}")
        cursor = super().execute(self._planted(sql), parameters)
        self.points.passing(f"after {sql}")
        return cursor

    def executemany(self, sql: str, parameters: Any, /) -> sqlite3.Cursor:
        self.points.passing(f"before {sql}")
        cursor = super().executemany(sql, parameters)
        self.points.passing(f"after {sql}")
        return cursor

    def executescript(self, sql: str, /) -> sqlite3.Cursor:
        self.points.passing(f"before {sql}")
        cursor = super().executescript(sql)
        self.points.passing(f"after {sql}")
        return cursor

    def close(self) -> None:
        self.points.passing("before close")
        super().close()
        self.points.passing("after close")

    def _planted(self, sql: str) -> str:
        if self.points.armed and self.fault == "commit-skipped" and sql == "commit":
            return "rollback"
        if self.points.armed and self.fault == "no-transaction" and sql in ("begin immediate", "commit"):
            return "select 1"
        return sql


FAULTS = ("commit-skipped", "no-transaction")


def enumerate_points(scenario: Scenario, place: Path, fault: str | None) -> Iterator[tuple[str, list[str]]]:
    """Each point's place and what was found amiss after an end there; the last one is the end of the verb."""
    origin = place / scenario.name.replace(" ", "-")
    origin.mkdir()
    broker = SqliteBroker(origin / "queue.db")
    scenario.before(broker)
    broker.close()
    stop = 0
    while True:
        stop += 1
        copy = place / f"{origin.name}-{stop}"
        shutil.copytree(origin, copy)
        code, said = _child(scenario, copy / "queue.db", stop, fault)
        where = next((word[3:] for word in said if word.startswith("at ")), "the end")
        amiss = [f"the child ended with {code}: {said}"] if code not in (CRASHED, 0) else []
        amiss += after_restart(scenario, copy / "queue.db", "done" in said)
        yield where, amiss
        shutil.rmtree(copy)
        if code != CRASHED:
            return
        if stop == TOO_MANY:
            yield where, [f"{stop} points and no end"]
            return


def _child(scenario: Scenario, path: Path, stop: int, fault: str | None) -> tuple[int, list[str]]:
    heard, said = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = BROKEN
        signal.alarm(PATIENCE)
        try:
            _in_child(scenario, path, Points(stop, said), fault)
            code = 0
        except BaseException:
            os.write(said, traceback.format_exc().encode())
        finally:
            os._exit(code)
    os.close(said)
    with os.fdopen(heard) as pipe:
        words = pipe.read().splitlines()
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), words


def _in_child(scenario: Scenario, path: Path, points: Points, fault: str | None) -> None:
    kind = type("Connection", (Watched,), {"points": points, "fault": fault})
    broker = SqliteBroker(path, connect=partial(sqlite3.connect, factory=kind))
    scenario.act(broker, points.arm)
    points.passing("after the verb")
    sys.setprofile(None)
    points.say("done")


def after_restart(scenario: Scenario, path: Path, acknowledged: bool) -> list[str]:
    """What is amiss for a process that finds this file, while it drains it and after that."""
    with closing(SqliteBroker(path, clock=lambda: 1.0)) as broker:  # long ago, when nothing was due or past its time
        broker.receive([NOTHING], 1)  # looks after what dead holders left
    found = rows(path)
    amiss = damage(path) + stray_keys(path)
    allowed = [scenario.new] if acknowledged else [scenario.old, *scenario.between, scenario.new]
    if found not in allowed:
        amiss.append(f"{'acknowledged, but ' if acknowledged else ''}found {_shown(found)}")
    with closing(SqliteBroker(path, clock=lambda: time.time() + 2 * LATER)) as broker:
        return amiss + _drained(broker, path, found)


def _drained(broker: SqliteBroker, path: Path, found: dict[str, Task]) -> list[str]:
    ran: list[str] = []
    while deliveries := broker.receive([QUEUE, FIFO], 1000):
        amiss = [f"{d.message.id} is attempt {d.attempt} after {found.get(d.message.id)}" for d in deliveries
                 if d.attempt != found.get(d.message.id, Task("", -1)).attempt + 1]  # fmt: skip
        broker.ack([Settlement(d, report(d.message.id)) for d in deliveries])
        ran += [d.message.id for d in deliveries]
        if amiss:
            return amiss
    due = sorted(id for id, task in found.items() if task.state in ("ready", "delayed"))
    amiss = [] if sorted(ran) == due else [f"ran {_few(sorted(ran))}, to be run were {_few(due)}"]
    groups = [id for id in ran if id.startswith("order")]
    if groups != sorted(groups):
        amiss.append(f"a group ran out of order: {groups}")
    unfinished = {id: task for id, task in rows(path).items() if task.state not in ("done", "dead")}
    if unfinished:
        amiss.append(f"after a drain there are {_shown(unfinished)}")
    return amiss


def _shown(tasks: dict[str, Task]) -> str:
    return f"{len(tasks)} tasks: " + _few([f"{id} {task.state} {task.attempt}" for id, task in tasks.items()])


def _few(items: Sequence[str]) -> str:
    return ", ".join(items[:6]) + (", ..." if len(items) > 6 else "")


def run(draw: Draw) -> Iterator[Figure | Miss]:
    total = 0
    with folder() as place:
        for scenario in SCENARIOS:
            count = missed = 0
            for where, amiss in enumerate_points(scenario, place, draw.fault):
                count, missed = count + 1, missed + len(amiss)
                yield from (Miss(f"{scenario.name}, ended {where}: {what}") for what in amiss)
            yield Figure(f"points of {scenario.name}", count)
            total += count
            if draw.fault and missed:
                return
    yield Figure("points in all", total)
    if total < ENOUGH:
        yield Miss(f"{total} points are fewer than {ENOUGH}")


ROW = Row("R2", "a process may end at any point of any verb", run, faults=FAULTS)

if __name__ == "__main__":
    ROW.main()
