"""R11: a holder is known by its life, not by its name: not by host name and process id, which others have as well.

Holders run as process 1, each in a pid namespace of its own, as containers of one image do: they all have one name.
Some are killed, and a new one of that name starts. It must take up what the dead had at once, and nothing of the
living. Then a reboot: all are gone, with the folder of the holders left behind, or without it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any

from tests.bar.queuefile import call, damage, folder, query, rows
from tests.bar.row import Draw, Figure, Miss, Row
from tests.bar.workers import ROOT

from ebbtide.brokers.sqlite import SqliteBroker
from ebbtide.brokers.sqlite.schema import RUNNING

TASKS = 20
EACH = 3
PROMISED, SLACK = 2.0, 3.0
"""Seconds from the start of the new holder, and what we allow on top on a busy machine; the figure is printed."""

ANOTHER_BOOT = "update tasks set lease = lease + 1e7 where state = ?"
_ISOLATED = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
ISOLATIONS: tuple[tuple[str, ...], ...] = (_ISOLATED, (_ISOLATED[0], "--user", "--map-root-user", *_ISOLATED[1:]))


class Process:
    """A holder in a process of its own, which is killed at the end of the block at the latest."""

    def __init__(self, isolation: Sequence[str], path: Path, verb: str, number: int, fault: str | None) -> None:
        argv = [*isolation, sys.executable, "-m", "tests.bar.identity_holder", str(path), verb, str(number)]
        self._process = subprocess.Popen(
            [*argv, fault or ""], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *error: object) -> None:
        if self._process.poll() is None:
            self.kill()

    def said(self) -> Any:
        """What it is and has, or the number it acknowledged."""
        assert self._process.stdout
        return json.loads(self._process.stdout.readline())

    def acknowledge(self) -> int:
        """Have it acknowledge all it holds, and end; how many that were."""
        assert self._process.stdin
        print(file=self._process.stdin, flush=True)
        effect = int(self.said())
        self._process.wait()
        return effect

    def kill(self) -> None:
        """SIGKILL, and wait for the last of it: its standard output is closed when it is gone."""
        self._process.kill()
        self._process.communicate()


def isolation() -> Sequence[str] | None:
    """The command that gives a process a pid namespace, if this machine has one and permits it."""
    if shutil.which("unshare") is None:
        return None
    works = (c for c in ISOLATIONS if subprocess.run([*c, "true"], capture_output=True, check=False).returncode == 0)
    return next(works, None)


def run(draw: Draw) -> Iterator[Figure | Miss]:
    alone = isolation()
    took: list[float] = []
    if alone is None:
        yield Figure("holders of one name", "left out: pid namespaces are not to be had or not permitted here")
    else:
        yield Figure("holders of one name", " ".join(alone))
    for number in range(draw.sizes["rounds"]):
        for scene in (_namesakes, _reboot) if alone else (_reboot,):
            with folder() as place, ExitStack() as started:
                path = place / "queue.db"
                broker = SqliteBroker(path)
                broker.send([call(f"m{task}") for task in range(TASKS)])
                broker.close()

                def start(verb: str, count: int, path: Path = path, started: ExitStack = started) -> Process:
                    return started.enter_context(Process(alone or (), path, verb, count, draw.fault))

                wrong = [*scene(draw.random, start, path, took), *damage(path)]
                yield from (Miss(f"round {number}, {scene.__name__[1:]}: {what}") for what in wrong)
    yield Figure("rounds", draw.sizes["rounds"])
    yield Figure("orphans taken up, seconds after the start, at most", max(took, default=0.0), "s")


Start = Callable[[str, int], Process]


def _namesakes(random: Random, start: Start, path: Path, took: list[float]) -> Iterator[str]:
    """Some of the holders die, and another of their name starts."""
    holders = [start("hold", EACH) for _ in range(random.randint(2, 4))]
    said = [holder.said() for holder in holders]
    dead = random.sample(range(len(holders)), random.randint(1, len(holders) - 1))
    living = [number for number in range(len(holders)) if number not in dead]
    for number in dead:
        holders[number].kill()
    new = start("take", TASKS - EACH * len(living))
    taken = new.said()
    took.append(taken["seconds"])
    if len(names := {(one["host"], one["pid"]) for one in (*said, taken)}) != 1:
        yield f"the holders are {names}: they should have one name for this to prove anything"
    orphans = {id for number in dead for id in said[number]["ids"]}
    yield from _judged(taken, orphans, {id for number in living for id in said[number]["ids"]})
    for number in living:
        if (effect := holders[number].acknowledge()) != EACH:
            yield f"a living holder could acknowledge {effect} of the {EACH} it held"
    new.acknowledge()
    if left := rows(path):
        yield f"{len(left)} tasks are left in the end: {left}"


def _reboot(random: Random, start: Start, path: Path, took: list[float]) -> Iterator[str]:
    """All holders are gone and the clock of their leases has begun anew."""
    holders = [start("hold", EACH) for _ in range(2)]
    orphans = {id for holder in holders for id in holder.said()["ids"]}
    for holder in holders:
        holder.kill()
    query(path, ANOTHER_BOOT, RUNNING)
    if random.random() < 0.5:
        shutil.rmtree(path.with_name(path.name + "-run"))
    new = start("take", TASKS)
    taken = new.said()
    took.append(taken["seconds"])
    yield from _judged(taken, orphans, set())
    if (effect := new.acknowledge()) != TASKS:
        yield f"{effect} of {TASKS} acknowledgements took effect"


def _judged(taken: Any, orphans: set[str], living: set[str]) -> Iterator[str]:
    ids, seconds = set(taken["ids"]), taken["seconds"]
    if left := orphans - ids:
        yield f"{len(left)} of {len(orphans)} orphans were not taken up, as {min(left)}"
    if stolen := living & ids:
        yield f"{len(stolen)} tasks of living holders were taken, as {min(stolen)}"
    if len(ids) != TASKS - len(living):
        yield f"{len(ids)} tasks were taken, it should be {TASKS - len(living)}"
    if seconds > PROMISED + SLACK:
        yield f"the last orphan was taken up after {seconds:.1f} s, promised are {PROMISED:.0f}"


ROW = Row(
    "R11",
    "an orphan is taken up at once, a living holder's task never, whatever their names",
    run,
    quick={"rounds": 1},
    full={"rounds": 30},
    faults=("host-and-pid",),
)

if __name__ == "__main__":
    ROW.main()
