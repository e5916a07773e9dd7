"""R5: a full disk stops the work and loses none of it.

A queue lives on a small file system of its own, with a worker and somebody who enqueues. Again and again the disk is
filled to the last byte while tasks run. Enqueues must then be refused as StorageFull, large ones too; the same worker
processes must live through it, say so, and go on within two seconds of there being room; a worker that is started
meanwhile must come up by itself. In the end each accepted task has run exactly once, and no refused one.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator

from tests.bar import smalldisk
from tests.bar.queuefile import call, damage, folder, rows
from tests.bar.row import Draw, Figure, Miss, Row
from tests.bar.workers import Place, Worker, until

from ebbtide.brokers.sqlite import SqliteBroker
from ebbtide.errors import StorageFull
from ebbtide.message import Message

GOES_ON = 2.0
SLACK = 4.0
"""Seconds after there is room in which a new task must have run, and what we allow on top on a busy machine."""

STARTED_WITHIN = 60.0
SETTLED_WITHIN = 30.0
LINES_A_SECOND = 1.0
"""What each process may say about a full disk while it lasts, beside what it says at first."""

PROCESSES = 2
COMING_UP = 2.0  # seconds for a worker that is started on the full disk to get as far as to need room
SMALL, LARGE = 2_000, 400_000


class Sender:
    """Enqueues, and keeps account of what was accepted and what was refused."""

    def __init__(self, broker: SqliteBroker) -> None:
        self.broker = broker
        self.accepted: set[int] = set()
        self.refused: Counter[str] = Counter()
        self._number = 0

    def send(self, size: int = SMALL, seconds: float = 0.0, many: int = 1) -> int:
        """One call of this size, or many at once; the number of the last."""
        numbers = range(self._number, self._number + many)
        self._number += many
        try:
            self.broker.send([task(number, size, seconds) for number in numbers])
        except Exception as error:
            self.refused[f"{type(error).__name__}: {error}"] += many
            if not isinstance(error, StorageFull):
                self.refused["not StorageFull"] += 1
        else:
            self.accepted |= set(numbers)
        return numbers[-1]

    def send_for(self, seconds: float, size: int) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.send(size)
            time.sleep(0.01)


def task(number: int, size: int, seconds: float) -> Message:
    return call(str(number), args=[number], kwargs={"seconds": seconds}, headers={"filling": "x" * size})


def run(draw: Draw) -> Iterator[Figure | Miss]:
    if not smalldisk.entered():
        yield Miss("needs Linux and a mount namespace (unshare --user --mount)")
        return
    with folder() as path:
        smalldisk.mount(path / "disk", "size=64m")  # what is enqueued meanwhile must not fill it by itself
        place = Place(path, draw.fault, queue="disk/queue.db")
        broker = SqliteBroker(place.path)
        sender = Sender(broker)
        workers = [place.start("--processes", str(PROCESSES))]
        try:
            first = sender.send()
            if not until(lambda: ended(place, first), STARTED_WITHIN):
                yield Miss(f"the worker did not come up: {place.said.read_text()[-500:]}")
                return
            for number in range(draw.sizes["times"]):
                yield from filled(place, sender, draw, number, workers)
            patience = SETTLED_WITHIN if not draw.fault else GOES_ON + SLACK
            until(lambda: all(ended(place, n) for n in sender.accepted) and settled(place), patience, pause=0.1)
            if any(worker.process.poll() is not None for worker in workers):
                yield Miss("a worker has ended")
        finally:
            for worker in workers:
                worker.kill()
            broker.close()
        yield from judged(place, sender)
        smalldisk.unmount(path / "disk")


def filled(place: Place, sender: Sender, draw: Draw, number: int, workers: list[Worker]) -> Iterator[Figure | Miss]:
    """Fill the disk once in mid-work, and make room again."""
    sender.send(many=PROCESSES * 2, seconds=0.3 + draw.random.random())
    sender.send(many=20)
    time.sleep(draw.random.random() / 5)
    before, said = sender.refused.total(), len(trouble(place))
    filler = smalldisk.fill(place.path.parent)
    began = time.monotonic()
    if last := number == draw.sizes["times"] - 1:
        workers.append(place.start("--processes", "1"))
    while sender.refused.total() == before and time.monotonic() - began < 10:
        sender.send(20 * SMALL)  # until the log's last free page is used
    sender.send(LARGE)
    smalldisk.fill(place.path.parent)
    sender.send_for(draw.sizes["milliseconds"] / 1000 + (COMING_UP if last else 0.0), SMALL)
    lasted = time.monotonic() - began
    lines = len(trouble(place)) - said
    refused = sender.refused.total() - before
    yield Figure(f"full for {lasted:.1f} s: refused, lines of the worker", f"{refused}, {lines}")
    if not refused:
        yield Miss("nothing was refused")
    if lines > (PROCESSES + 1) * (lasted * LINES_A_SECOND + 2):
        yield Miss(f"the worker said {lines} times in {lasted:.1f} s that the disk is full")
    leftover = [entry.name for entry in place.path.parent.rglob("*.draft")]
    if leftover:
        yield Miss(f"a refused message left {leftover[0]} behind")
    filler.unlink()
    began = time.monotonic()
    canary = sender.send()
    if canary not in sender.accepted:
        yield Miss(f"refused though there is room again: {list(sender.refused)[-1]}")
    came = until(lambda: ended(place, canary), GOES_ON + SLACK)
    yield Figure("then a new task ran after", time.monotonic() - began, "s")
    if not came:
        yield Miss(f"a new task has not run {GOES_ON + SLACK} s after there is room; promised are {GOES_ON}")


def trouble(place: Place) -> list[str]:
    return [line for line in place.said.read_text(errors="replace").splitlines() if "full" in line]


def ended(place: Place, number: int) -> bool:
    return any(line.number == number and line.word == "end" for line in place.lines())


def settled(place: Place) -> bool:
    return all(task.state in ("done", "dead") for task in rows(place.path).values())


def judged(place: Place, sender: Sender) -> Iterator[Figure | Miss]:
    starts, ends = (Counter(x.number for x in place.lines() if x.word == word) for word in ("start", "end"))
    said = place.said.read_text(errors="replace")
    found = Counter(task.state for task in rows(place.path).values())
    yield Figure("accepted, refused", f"{len(sender.accepted)}, {sender.refused.total()}")
    yield Figure("rows by state", dict(found))
    yield Figure("processes that ran tasks", len({line.pid for line in place.lines()}))
    yield Figure("lines of the worker that tell of a full disk", len(trouble(place)))
    for what, count in sender.refused.items():
        if not what.startswith("StorageFull: "):
            yield Miss(f"{count} refusals were no StorageFull: {what}")
    if lost := sender.accepted - ends.keys():
        yield Miss(f"{len(lost)} accepted tasks never ran, as {min(lost)}")
    if twice := [number for number, count in starts.items() if count > 1]:
        yield Miss(f"{len(twice)} tasks ran more than once, as {twice[0]}")
    if strangers := ends.keys() - sender.accepted:
        yield Miss(f"{len(strangers)} refused tasks ran, as {min(strangers)}")
    if found.keys() - {"done"}:
        yield Miss(f"not all is done in the end: {dict(found)}")
    if not trouble(place):
        yield Miss("the worker never said that the disk is full")
    if "Traceback" in said:
        yield Miss(f"the worker printed a traceback: {said[said.index('Traceback') :][-500:]}")
    if deaths := [line for line in said.splitlines() if "takes its place" in line and "code 75" not in line]:
        yield Miss(f"{len(deaths)} processes died: {deaths[0]}")
    yield from map(Miss, damage(place.path))


ROW = Row(
    "R5",
    "a full disk stops the work and loses none of it",
    run,
    quick={"times": 3, "milliseconds": 1_200},
    full={"times": 12, "milliseconds": 5_000},
    faults=("swallow",),
)

if __name__ == "__main__":
    smalldisk.enter("tests.bar.r5_disk_full")
    ROW.main()
