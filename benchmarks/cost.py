"""What one task costs in processor time, on a machine that need not be quiet.

    python benchmarks/cost.py [--tasks 2000] [--rounds 7] [--only NAME ...] [--against SRC] [--instructions]

Each operation runs in processes of its own, which read the user and system time they have used up, workers at each
task. Starting up is not in it. Of the rounds the lowest counts, since other people's work can only add; the range is in
brackets. Waiting for the disk, for a lock or for others costs no processor time, so this is no speed: see `embedded.py`
for that. The yardstick, a fixed loop, says how much the processor's own speed changed meanwhile.

`--against SRC` weighs another tree's `src` folder beside this one, turn by turn, to judge a change. `--instructions`
counts the instructions of user space under valgrind's cachegrind instead, as the difference between few tasks and many:
nearly the same on any machine, but it takes fifty times as long and leaves out the kernel and
what waits for others.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.harness.command import answered, exit_on_signals  # noqa: E402
from benchmarks.harness.weighing import Cost, counted, yardstick  # noqa: E402

WORK = ROOT / "benchmarks" / ".work"
SCALES = (sys.executable, "-m", "benchmarks.harness.scales")
FEW = 10
"""How many times fewer the few are."""


class Operation(NamedTuple):
    """What is weighed: a way of `harness.scales` with so many worker processes."""

    name: str
    title: str
    way: str
    processes: int = 0
    variant: str = ""

    @property
    def waits(self) -> bool:
        """Whether it depends on who is how quick, as batches and waiting do: valgrind makes that another thing."""
        return self.processes > 0 or self.way == "threads"


OPERATIONS = (
    Operation("enqueue", "enqueue, one by one", "enqueue"),
    Operation("enqueue-fast", "the same, durability=fast", "enqueue", variant="fast"),
    Operation("threads", "enqueue from eight threads", "threads"),
    Operation("many", "enqueue_many", "many"),
    Operation("loop", "claim, run, settle in a loop", "loop"),
    Operation("loop-no-results", "the same, results off", "loop", variant="no-results"),
    Operation("drain-1", "drain, 1 process", "drain", 1),
    Operation("drain-2", "drain, 2 processes", "drain", 2),
    Operation("drain-1-no-results", "drain, 1 process, results off", "drain", 1, "no-results"),
    Operation("drain-2-no-results", "drain, 2 processes, results off", "drain", 2, "no-results"),
    Operation("drain-2-fast", "drain, 2 processes, durability=fast", "drain", 2, "fast"),
    Operation("together", "enqueue one by one and run, 2 processes", "together", 2),
    Operation("together-many", "enqueue_many and run, 2 processes", "together-many", 2),
)


def cost_of(operation: Operation, tasks: int, source: Path, counting: bool) -> Cost:
    """Seconds, or instructions, a task."""
    if not counting:
        return weighed(operation, tasks, source)
    few = tasks // FEW
    return Cost((instructions(operation, tasks, source) - instructions(operation, few, source)) / (tasks - few))


def weighed(operation: Operation, tasks: int, source: Path) -> Cost:
    """Seconds a task."""
    with tempfile.TemporaryDirectory(dir=WORK) as work:
        command = [*SCALES, operation.way, str(tasks), str(operation.processes)]
        return Cost(*json.loads(answered(command, Path(work), settings(operation, work, source))))


def instructions(operation: Operation, tasks: int, source: Path) -> float:
    """Of a whole run, its start and end among them."""
    with tempfile.TemporaryDirectory(dir=WORK) as work:
        there = settings(operation, work, source)
        if operation.way == "loop":
            answered([*SCALES, "many", str(tasks)], Path(work), there)
        return counted([*SCALES, operation.way, str(tasks)], Path(work), there)


def settings(operation: Operation, work: str, source: Path) -> dict[str, str]:
    """The environment of all processes of one operation."""
    return {
        **os.environ,
        "BENCH_WORK": work,
        "BENCH_VARIANT": operation.variant,
        "PYTHONPATH": f"{source}{os.pathsep}{ROOT}",
        "PYTHONHASHSEED": "0",
    }


def line(title: str, mine: list[Cost], other: list[Cost], counting: bool) -> str:
    """One row of the table."""
    best, each = min(mine, key=sum), [sum(cost) for cost in mine]
    if counting:
        shown, unit = f"{title:40}{best.user:12,.0f}", 1.0
    else:
        unit = 1e6
        spread = f"({min(each) * unit:.1f} to {max(each) * unit:.1f})"
        shown = f"{title:40}{sum(best) * unit:9.1f}{best.user * unit:9.1f}{best.system * unit:9.1f}  {spread:20}"
    if other:
        theirs = min(map(sum, other))
        shown += f"  other {theirs * unit:,.1f}: this is {sum(best) / theirs:.2f} of it"
    return shown


def arguments() -> argparse.Namespace:
    names = [operation.name for operation in OPERATIONS]
    parser = argparse.ArgumentParser(description="What one task costs in processor time.")
    parser.add_argument("--tasks", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", action="append", choices=names, metavar="NAME", help=f"one of {', '.join(names)}")
    parser.add_argument("--source", type=Path, default=ROOT / "src", metavar="SRC", help="weigh this src folder")
    parser.add_argument("--against", type=Path, metavar="SRC", help="the src folder of another tree")
    parser.add_argument("--instructions", action="store_true", help="count instructions under valgrind instead")
    return parser.parse_args()


def main() -> int:
    asked = arguments()
    exit_on_signals()
    WORK.mkdir(exist_ok=True)
    chosen = [o for o in OPERATIONS if o.name in (asked.only or [o.name]) and not (asked.instructions and o.waits)]
    sources = [path.resolve() for path in (asked.source, asked.against) if path]
    found: dict[tuple[str, Path], list[Cost]] = {}
    loops = []
    for number in range(asked.rounds):
        start = number % len(chosen)
        for operation in chosen[start:] + chosen[:start]:
            for source in sources:
                loops.append(yardstick())
                cost = cost_of(operation, asked.tasks, source, asked.instructions)
                found.setdefault((operation.name, source), []).append(cost)
    unit = "instructions" if asked.instructions else "CPU us: both, user, system, lowest of rounds (range)"
    print(f"{unit}; a task of {asked.tasks}, {asked.rounds} rounds")
    for operation in chosen:
        mine, *other = (found[operation.name, source] for source in sources)
        print(line(operation.title, mine, other[0] if other else [], asked.instructions))
    print(
        f"yardstick: a fixed loop took {min(loops):.1f} to {max(loops):.1f} ms, median {statistics.median(loops):.1f}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
