"""R3: what a caller was told is stored survives a power cut, and what was recorded as done stays done.

Crowds of processes store and finish tasks under a shim that journals their writes and syncs; then the power is cut at
many moments of each journal, half of them right after somebody was told something. From what is left a new process must
come up with all that had been told before.
"""

from __future__ import annotations

import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from tests.bar import powercut
from tests.bar.powercut import Disk, Record
from tests.bar.queuefile import damage, folder, rows, stray_keys
from tests.bar.r3_crowd import BATCH, QUEUE
from tests.bar.row import Draw, Figure, Miss, Row

from ebbtide.brokers.sqlite import SqliteBroker
from ebbtide.errors import StorageError
from ebbtide.result import Status

ROOT = Path(__file__).parents[2]
PATIENCE = 120  # seconds for one crowd
CROWDS = {
    "alone": {"single": 1},
    "crowd": {"single": 2, "threads": 1, "bulk": 1, "consumer": 1},
    "large": {"large": 1},
    "forked": {"forked": 1},
}
SHARES = {"alone": 8, "crowd": 4, "large": 50, "forked": 8}
"""Which part of the tasks each process of a crowd stores; the large ones weigh 300 KB and more."""


class Told:
    """What callers had been told, out of the lines of the file "told"."""

    def __init__(self) -> None:
        self.stored: set[str] = set()
        self.done: set[str] = set()
        self.calls = 0

    def hear(self, line: bytes) -> None:
        word, *ids = line.decode().split()
        self.calls += word != "done"
        (self.done if word == "done" else self.stored).update(ids)


def recorded(place: Path, shim: Path, crowd: dict[str, int], random: random.Random, each: int, durable: bool) -> Path:
    """Run a crowd; its journal."""
    place.mkdir()
    journal = place.with_suffix(".journal")
    processes = []
    for kind, many in crowd.items():
        for number in range(many):
            given = [kind, f"{kind}{number}", place / "queue.db", random.getrandbits(32), each, durable]
            argv = [sys.executable, "-m", "tests.bar.r3_crowd", *map(str, given)]
            environment = powercut.watching(shim, place, journal)
            processes.append(subprocess.Popen(argv, cwd=ROOT, env=environment, stdout=subprocess.PIPE))
    for process in processes:
        process.communicate(timeout=PATIENCE)  # until the last that holds its end is gone, forked ones, too
        if process.returncode:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
    return journal


def check(left: dict[str, bytes], told: Told, place: Path) -> list[str]:
    """What is amiss in what a power cut left."""
    place.mkdir()
    for name, content in left.items():
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_bytes(content)
    path = place / "queue.db"
    if not path.exists():
        return [f"the file is gone, and {len(told.stored)} were told"] if told.stored else []
    try:
        with closing(SqliteBroker(path, clock=lambda: 1.0)) as broker:
            found = broker.load(sorted(told.stored))
    except StorageError as error:
        return [str(error)]
    amiss = damage(path) + stray_keys(path)
    if lost := told.stored - found.keys():
        amiss.append(f"{len(lost)} of {len(told.stored)} stored are lost, as {min(lost)}")
    if undone := {id for id in told.done if id in found and found[id].status is not Status.SUCCESSFUL}:
        amiss.append(f"{len(undone)} of {len(told.done)} done are to run again, as {min(undone)}")
    with closing(SqliteBroker(path)) as broker:
        while deliveries := broker.receive([QUEUE], 100):
            amiss += [f"{d.receipt} has lost its body" for d in deliveries if not d.body]
    batches = Counter(id.rpartition("-")[0] for id in rows(path) if id.startswith("bulk"))
    amiss += [f"{count} of batch {batch} are stored" for batch, count in batches.items() if count != BATCH]
    return amiss


def moments(journal: list[Record], told: powercut.Key, cuts: int, random: random.Random) -> set[int]:
    """After which records the power is cut."""
    words = [number for number, record in enumerate(journal) if record.key == told and record.op == "W"]
    aimed = random.sample(words, min(len(words), cuts // 2))
    return {*aimed, words[-1], *random.sample(range(len(journal)), min(len(journal), cuts - len(aimed) - 1))}


def run(draw: Draw) -> Iterator[Figure | Miss]:
    if not powercut.compiler():
        yield Miss("needs Linux and a C compiler (cc)")
        return
    with folder() as place:
        shim = powercut.library(place)
        for name, crowd in CROWDS.items():
            each = draw.sizes["tasks"] // SHARES[name]
            journal = recorded(place / name, shim, crowd, draw.random, each, draw.fault != "fast")
            yield from judged(name, list(powercut.records(journal)), place, draw)


def judged(name: str, journal: list[Record], place: Path, draw: Draw) -> Iterator[Figure | Miss]:
    words = next(record.key for record in journal if record.op == "C" and record.data == b"told")
    cut_after = moments(journal, words, draw.sizes["cuts"], draw.random)
    disk, told, amiss = Disk(), Told(), 0
    for number, record in enumerate(journal):
        disk.play(record)
        if record.key == words and record.op == "W":
            told.hear(record.data)
        if number in cut_after:
            found = check(disk.cut(draw.random), told, place / f"{name}-{number}")
            amiss += bool(found)
            yield from (Miss(f"{name}, cut after record {number} of {len(journal)}: {what}") for what in found)
    yield Figure(f"{name}: calls acknowledged", told.calls)
    yield Figure(f"{name}: tasks stored, of which done", f"{len(told.stored)}, {len(told.done)}")
    yield Figure(f"{name}: syncs of files", disk.syncs)
    yield Figure(f"{name}: power cuts, of which with a miss", f"{len(cut_after)}, {amiss}")
    if name == "alone" and disk.syncs < told.calls:
        yield Miss(f"{name}: {told.calls} calls were acknowledged on {disk.syncs} syncs")


ROW = Row(
    "R3",
    "what a caller was told is stored survives a power cut",
    run,
    quick={"tasks": 800, "cuts": 40},
    full={"tasks": 10_000, "cuts": 100},
    faults=("fast",),
)

if __name__ == "__main__":
    ROW.main()
