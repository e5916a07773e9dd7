"""Ebbtide's embedded queue beside its peers, on this machine, in one run.

    python benchmarks/embedded.py [--tasks 5000] [--rounds 3] [--workers 2] [--only NAME ...]
                                  [--json FILE] [--write benchmarks/RESULTS.md]

Every contender runs the same tasks with a 100-byte argument, in an environment of its own with pinned versions, with
two worker processes, set up as its documentation asks (see `contenders/`). Contenders that need Redis get a server from
PyPI for the round. Rounds are interleaved, each starting with another contender, because a shared machine changes its
mind from minute to minute; the table gives medians and the range. What others used of the machine meanwhile is measured
round by round, and a round in which it was much is named.

- **enqueue**: one producer, one call a task, no worker; from eight threads; all in one call, where there is one;
- **end to end**: from the first enqueue, workers waiting, until the last task ran, producing in the same three ways;
- **drain**: all enqueued beforehand; executions a second after the first tenth, while processes may still be starting;
- **drain, tasks of 1 ms CPU**: the same with tasks that use up a millisecond of processor time, not of the clock;
- **idle to start**: from calling `enqueue` to the task's first line, workers idle, 300 tasks 20 to 40 ms apart;
- **memory** and **idle CPU** of the worker processes after all work is done, without Redis.

What ends within a second in bulk is repeated until it has lasted that long. A dash: it has no way to do that.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.harness.bystanders import watching
from benchmarks.harness.command import answered, exit_on_signals
from benchmarks.harness.environments import ROOT, environment
from benchmarks.harness.figures import Figures, Rounds
from benchmarks.harness.machine import machine
from benchmarks.harness.redis_server import REQUIREMENT as REDIS
from benchmarks.harness.redis_server import redis_server
from benchmarks.harness.report import Watches, report
from benchmarks.harness.roster import ROSTER, Entry

WORK = ROOT / "benchmarks" / ".work"
MEMORY = Path("/dev/shm")  # noqa: S108


def one_round(entry: Entry, tasks: int, workers: int) -> dict[str, Any]:
    """What `harness.measure` answers for this contender, run in an empty directory on the disk."""
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=WORK)))
        marks = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else WORK)))
        programs = environment(entry.environment, entry.requirements) / "bin"
        settings = {
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "BENCH_WORK": str(work),
            "BENCH_MARKS": str(marks / "marks"),
            "BENCH_VARIANT": entry.variant,
        }
        if entry.redis:
            server = redis_server(environment("redis", (REDIS,)), work, entry.redis == "synced")
            settings["BENCH_REDIS"] = stack.enter_context(server)
        command = [str(programs / "python"), "-m", "benchmarks.harness.measure", entry.module, str(marks / "marks")]
        options = ["--tasks", str(tasks), "--workers", str(workers)]
        output = answered([*command, *options], work, {**os.environ, **settings})
    answer: dict[str, Any] = json.loads(output.splitlines()[-1])
    return answer


def all_rounds(entries: list[Entry], asked: argparse.Namespace) -> tuple[Figures, Watches, bool]:
    """Every contender's figures and surroundings, round by round, and whether every round went to its end."""
    found: dict[str, Rounds] = {entry.name: [] for entry in entries}
    watches: Watches = {entry.name: [] for entry in entries}
    complete = True
    for number in range(asked.rounds):
        start = number % len(entries)
        for entry in entries[start:] + entries[:start]:
            with watching() as watch:
                answer = one_round(entry, asked.tasks, asked.workers)
            found[entry.name].append(answer["figures"])
            watches[entry.name].append(watch)
            said = f"round {number + 1} {entry.name} {json.dumps(answer['figures'])} {watch}"
            print(said, file=sys.stderr, flush=True)
            if "error" in answer:
                complete = False
                print(f"{entry.name} failed: {answer['error']}", file=sys.stderr, flush=True)
    return Figures(entries, found), watches, complete


def page(asked: argparse.Namespace, where: str, when: str, body: str) -> str:
    """The results as a page of their own: what was run, when and where."""
    options = f" --only {' --only '.join(asked.only)}" if asked.only else ""
    rounds = f"{asked.rounds} rounds: median (lowest to highest)" if asked.rounds > 1 else "one round"
    command = f"python benchmarks/embedded.py --tasks {asked.tasks} --rounds {asked.rounds}{options}"
    return f"""# The embedded queue beside its peers

What `{command}` measured on {when}, as it came out.
{asked.tasks} tasks, {asked.workers} worker processes, {rounds}.

{where}.

{body}
"""


def arguments() -> argparse.Namespace:
    names = [entry.name for entry in ROSTER]
    parser = argparse.ArgumentParser(description="Ebbtide's embedded queue beside its peers.")
    parser.add_argument("--tasks", type=int, default=5000, help="tasks in each phase (default 5000)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of all contenders (default 3)")
    parser.add_argument("--workers", type=int, default=2, help="worker processes of each contender (default 2)")
    parser.add_argument("--only", action="append", choices=names, metavar="NAME", help=f"one of {', '.join(names)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every round's figures there")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the page there, too")
    return parser.parse_args()


def main() -> int:
    asked = arguments()
    exit_on_signals()
    WORK.mkdir(exist_ok=True)
    entries = [entry for entry in ROSTER if not asked.only or entry.name in asked.only]
    for entry in entries:
        environment(entry.environment, entry.requirements)
    when, where = time.strftime("%-d %B %Y, %H:%M %Z"), machine(WORK)
    figures, watches, complete = all_rounds(entries, asked)
    text = page(asked, where, when, report(figures, watches))
    print(text)
    if asked.write:
        asked.write.write_text(text)
    if asked.json:
        around = {name: [asdict(watch) for watch in found] for name, found in watches.items()}
        every = {"machine": where, "when": when, "tasks": asked.tasks, "rounds": figures.rounds, "watches": around}
        asked.json.write_text(json.dumps(every, indent=1))
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main())
