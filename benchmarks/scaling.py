"""How Ebbtide's embedded queue scales, and the chart of it: more workers, more waiting, bigger payloads.

    python benchmarks/scaling.py [--rounds 3] [--quick] [--draw]

Writes the rates of every round to `benchmarks/scaling.json` and draws `docs/images/scaling.svg` from it; `--draw` only
draws. `--quick` tries all of it at small sizes, into `benchmarks/.work`. Everything is at the default durability with
results kept. Every point starts with an empty folder, but for the backlog, which is climbed: the file that holds a
million tasks has held ten before, and the records of those done.

- **workers**: a backlog run by 1, 2, 4 and 8 processes; tasks a second after the first tenth, when all have started;
- **backlog**: with so many waiting, by a loop that claims 100, runs and settles them, without worker processes; and,
  from a thousand on, by two of these, over the first tasks of so many waiting;
- **payload**: enqueued in calls of 100, nobody listening; then run by two worker processes.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.harness.bystanders import watching  # noqa: E402
from benchmarks.harness.command import answered, exit_on_signals  # noqa: E402
from benchmarks.harness.machine import machine  # noqa: E402
from benchmarks.harness.scaling_chart import picture  # noqa: E402

WORK = ROOT / "benchmarks" / ".work"
DATA, PICTURE = ROOT / "benchmarks" / "scaling.json", ROOT / "docs" / "images" / "scaling.svg"
MEMORY = Path("/dev/shm")  # noqa: S108


class Sizes(NamedTuple):
    """How big a run is. volume: bytes of payload at each size, within the fewest and the most tasks."""

    processes: tuple[int, ...] = (1, 2, 4, 8)
    tasks: int = 10_000
    busy: int = 3_000
    waiting: tuple[int, ...] = (1, 10, 100, 1_000, 10_000, 100_000, 1_000_000)
    payloads: tuple[int, ...] = (100, 1024, 4096, 16_384, 65_536, 262_144)
    volume: int = 50_000_000
    fewest: int = 100

    def of(self, payload: int) -> int:
        """Tasks of that many bytes each."""
        return max(self.fewest, min(self.tasks, self.volume // payload))


QUICK = Sizes((1, 2), 400, 100, (1, 10, 100, 1_000, 10_000), (100, 16_384, 262_144), 2_000_000, 20)


def measured(kind: str, given: str, tasks: int) -> list[dict[str, Any]]:
    """What `harness.loads` answers, run in an empty folder on the disk."""
    memory = MEMORY if MEMORY.is_dir() else WORK
    with tempfile.TemporaryDirectory(dir=WORK) as work, tempfile.TemporaryDirectory(dir=memory) as marks:
        source = str(ROOT / "src")
        settings = {
            **os.environ,
            "PYTHONPATH": f"{source}{os.pathsep}{ROOT}",
            "BENCH_WORK": work,
            "BENCH_MARKS": str(Path(marks) / "marks"),
            "BENCH_VARIANT": "",
        }
        command = [sys.executable, "-m", "benchmarks.harness.loads", kind, given, str(tasks)]
        return [json.loads(line) for line in answered(command, Path(work), settings).splitlines()]


def one_round(sizes: Sizes) -> list[dict[str, Any]]:
    """All points once: chart, series, x and rate."""
    asked = [(kind, str(n), tasks) for n in sizes.processes for kind, tasks in _kinds(sizes)]
    asked += [("payload", str(size), sizes.of(size)) for size in sizes.payloads]
    asked += [("backlog", ",".join(map(str, sizes.waiting)), sizes.tasks)]
    found = []
    for kind, given, tasks in asked:
        chart = "workers" if kind == "busy" else kind
        for answer in measured(kind, given, tasks):
            print(f"{kind} {answer}", file=sys.stderr, flush=True)
            found += [{"chart": chart, "series": s, "x": answer["x"], "rate": r} for s, r in answer["rates"].items()]
    return found


def _kinds(sizes: Sizes) -> tuple[tuple[str, int], ...]:
    return (("workers", sizes.tasks), ("busy", sizes.busy))


def measure(rounds: int, sizes: Sizes) -> dict[str, Any]:
    """The data file: where, when, what others did meanwhile, and all points of all rounds."""
    where, when = machine(WORK), time.strftime("%-d %B %Y")
    with watching() as watch:
        points = [{"round": n, **point} for n in range(1, rounds + 1) for point in one_round(sizes)]
    return {"machine": where, "when": when, "rounds": rounds, "others": watch.others, "points": points}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="How Ebbtide's embedded queue scales.")
    parser.add_argument("--rounds", type=int, default=3, help="of all points (default 3)")
    parser.add_argument("--quick", action="store_true", help="one round at small sizes, to see that it works")
    parser.add_argument("--draw", action="store_true", help="draw what is in the data file, measure nothing")
    return parser.parse_args()


def main() -> int:
    asked = arguments()
    exit_on_signals()
    WORK.mkdir(exist_ok=True)
    data_file, drawing = (WORK / "scaling.json", WORK / "scaling.svg") if asked.quick else (DATA, PICTURE)
    if not asked.draw:
        data = measure(1 if asked.quick else asked.rounds, QUICK if asked.quick else Sizes())
        data_file.write_text(json.dumps(data, indent=1) + "\n")
    drawing.write_text(picture(json.loads(data_file.read_text())))
    print(f"{data_file} and {drawing}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
