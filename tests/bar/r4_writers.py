"""R4: however many write at once, each waits its turn, none for long, and nobody hears of a locked database.

Eight processes store tasks one by one while four workers run them. Each call must return, soon; each task must run
exactly once; and no worker may have had trouble with its storage.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from statistics import median

from tests.bar.queuefile import damage, folder, rows
from tests.bar.row import Draw, Figure, Miss, Row
from tests.bar.workers import ROOT, Place, until

PRODUCERS = 8
WORKERS = 4
P99, MOST = 0.1, 2.0
SLACK = 4.0
"""Seconds promised for one call, and how many times that we allow on a busy machine; the figures are printed."""

PATIENCE = 240.0
STANDSTILL = 30.0


def run(draw: Draw) -> Iterator[Figure | Miss]:
    with folder() as path:
        place = Place(path, None)
        worker = place.start("--processes", str(WORKERS))
        try:
            began = time.monotonic()
            answers = produced(place, draw.sizes["each"], draw.fault)
            yield Figure("calls", len(answers))
            yield Figure("calls a second", len(answers) / (time.monotonic() - began))
            yield from judged_calls(answers)
            accepted = {number for number, answer in enumerate(answers) if isinstance(answer, float)}
            until(lambda: finished(place) >= len(accepted), STANDSTILL, pause=0.1)
            yield Figure("seconds until all had run", time.monotonic() - began)
            still_there = worker.process.poll() is None
        finally:
            worker.kill()
        yield from judged_tasks(place, accepted)
        said = place.said.read_text(errors="replace")
        if trouble := [line for line in said.splitlines() if "trying again" in line or "takes its place" in line]:
            yield Miss(f"the workers told of {len(trouble)} troubles: {trouble[0]}")
        if not still_there:
            yield Miss("the worker has ended")
        yield from map(Miss, damage(place.path))


def produced(place: Place, each: int, fault: str | None) -> list[float | str]:
    """What each call came to, by number of the task."""
    crowd = []
    for number in range(PRODUCERS):
        given = [place.path, number * each, each, *([fault] if fault else [])]
        argv = [sys.executable, "-m", "tests.bar.r4_producer", *map(str, given)]
        crowd.append(subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
    for process in crowd:
        assert process.stdout
        if process.stdout.readline() != "ready\n":
            raise RuntimeError("a producer did not come up")
    for process in crowd:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    return [answer for process in crowd for answer in json.loads(process.communicate(timeout=PATIENCE)[0])]


def finished(place: Place) -> int:
    return place.log.read_bytes().count(b"end ") if place.log.exists() else 0


def judged_calls(answers: list[float | str]) -> Iterator[Figure | Miss]:
    refused = Counter(answer for answer in answers if isinstance(answer, str))
    took = sorted(answer for answer in answers if isinstance(answer, float))
    for error, count in refused.most_common(3):
        yield Miss(f"{count} calls were refused: {error}")
    if not took:
        return
    p99, most = took[len(took) * 99 // 100], took[-1]
    yield Figure("a call: median, p99, longest", f"{median(took) * 1e3:.1f}, {p99 * 1e3:.1f}, {most * 1e3:.1f} ms")
    for what, seconds, promised in (("p99", p99, P99), ("longest", most, MOST)):
        if seconds > promised * SLACK:
            yield Miss(f"{what} of a call is {seconds:.3f} s; promised are {promised} s, {SLACK:g} times that allowed")


def judged_tasks(place: Place, accepted: set[int]) -> Iterator[Figure | Miss]:
    starts, ends = (Counter(x.number for x in place.lines() if x.word == word) for word in ("start", "end"))
    found = Counter(task.state for task in rows(place.path).values())
    twice = [number for number, count in starts.items() if count > 1]
    yield Figure("tasks run, of which more than once", f"{len(ends)}, {len(twice)}")
    yield Figure("rows by state", dict(found))
    if lost := accepted - ends.keys():
        yield Miss(f"{len(lost)} tasks were accepted and never ran, as {min(lost)}")
    if twice:
        yield Miss(f"{len(twice)} tasks ran more than once, as {twice[0]}")
    if strangers := ends.keys() - accepted:
        yield Miss(f"{len(strangers)} tasks were refused and ran, as {min(strangers)}")


ROW = Row(
    "R4",
    "many writers wait their turn, none for long, and none is refused",
    run,
    quick={"each": 150},
    full={"each": 2_500},
    faults=("no-waiting",),
)

if __name__ == "__main__":
    ROW.main()
