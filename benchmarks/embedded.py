"""Ebbtide's embedded queue beside its peers, on this machine, in one run.

    python benchmarks/embedded.py [--tasks 2000] [--rounds 3] [--workers 2] [--only NAME ...] [--json FILE]

Every contender runs the same empty task with a 100-byte argument, in an environment of its own with pinned
versions, with two worker processes, set up as its documentation asks (see `contenders/`). Contenders that
need Redis get a server from PyPI for the round. Rounds are interleaved, each starting with another
contender, because a shared machine changes its mind from minute to minute; the table gives medians and
the range.

- **enqueue**: one producer, one call a task, no worker; then eight threads; then all in one call, where there is one;
- **end to end**: from the first enqueue, workers waiting, until the last task ran;
- **drain**: all enqueued beforehand, from the first execution to the last;
- **idle to start**: from calling `enqueue` to the task's first line, workers idle, 200 tasks 20 to 40 ms apart;
- **memory** and **idle CPU** of the worker processes after all work is done, without Redis.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.harness.environments import ROOT, environment
from benchmarks.harness.machine import machine
from benchmarks.harness.redis_server import REQUIREMENT as REDIS
from benchmarks.harness.redis_server import redis_server
from benchmarks.harness.report import Rounds, figures_table, ratios_table, values
from benchmarks.harness.roster import ROSTER, Entry

WORK = ROOT / "benchmarks" / ".work"
MEMORY = Path("/dev/shm")  # noqa: S108
ROUND_SECONDS = 600
STOP_SECONDS = 60


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
        command: list[str | Path] = [
            programs / "python",
            "-m",
            "benchmarks.harness.measure",
            entry.module,
            marks / "marks",
        ]
        options = ["--tasks", str(tasks), "--workers", str(workers)]
        answer = _run([*command, *options], work, {**os.environ, **settings})
    return answer


def _run(command: list[str | Path], work: Path, settings: dict[str, str]) -> dict[str, Any]:
    errors = work / "producer.log"
    with errors.open("wb") as log:
        process = subprocess.Popen(
            command, cwd=work, env=settings, stdout=subprocess.PIPE, stderr=log, start_new_session=True
        )
        try:
            output, _ = process.communicate(timeout=ROUND_SECONDS)
        finally:
            process.terminate()  # It ends its workers, then itself; nothing happens if it is done.
            process.wait(STOP_SECONDS)
    if process.returncode:
        raise SystemExit(f"{command} ended with {process.returncode}:\n{errors.read_text()[-2000:]}")
    answer: dict[str, Any] = json.loads(output.splitlines()[-1])
    return answer


def all_rounds(entries: list[Entry], rounds: int, tasks: int, workers: int) -> tuple[dict[str, Rounds], bool]:
    """Every contender's figures, a dictionary a round, and whether every round went to its end."""
    found: dict[str, Rounds] = {entry.name: [] for entry in entries}
    complete = True
    for number in range(rounds):
        start = number % len(entries)
        for entry in entries[start:] + entries[:start]:
            answer = one_round(entry, tasks, workers)
            found[entry.name].append(answer["figures"])
            print(f"round {number + 1} {entry.name} {json.dumps(answer['figures'])}", file=sys.stderr, flush=True)
            if "error" in answer:
                complete = False
                print(f"{entry.name} failed: {answer['error']}", file=sys.stderr, flush=True)
    return found, complete


def report(entries: list[Entry], found: dict[str, Rounds], asked: argparse.Namespace, where: str) -> str:
    """The page for the README."""
    lines = [
        f"{asked.tasks} tasks, {asked.workers} worker processes, {asked.rounds} rounds: median (lowest to highest).",
        f"{where}.",
        "",
        figures_table(entries, found),
        "",
    ]
    if len(entries) > 1:
        lines += [ratios_table(entries, found), ""]
    for entry in entries:
        repeats = sum(values(found[entry.name], "repeats"))
        seen = f" Executed {repeats:.0f} tasks more than once." if repeats else ""
        versions = ", ".join((*entry.versions, *([REDIS.replace("==", " ")] if entry.redis else [])))
        lines.append(f"- {entry.title}: {versions}; {entry.settings}.{seen}")
    return "\n".join(lines)


def arguments() -> argparse.Namespace:
    names = [entry.name for entry in ROSTER]
    parser = argparse.ArgumentParser(description="Ebbtide's embedded queue beside its peers.")
    parser.add_argument("--tasks", type=int, default=2000, help="tasks in each phase (default 2000)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of all contenders (default 3)")
    parser.add_argument("--workers", type=int, default=2, help="worker processes of each contender (default 2)")
    parser.add_argument("--only", action="append", choices=names, metavar="NAME", help=f"one of {', '.join(names)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every round's figures there")
    return parser.parse_args()


def main() -> int:
    asked = arguments()
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, lambda number, _: sys.exit(128 + number))
    WORK.mkdir(exist_ok=True)
    entries = [entry for entry in ROSTER if not asked.only or entry.name in asked.only]
    for entry in entries:
        environment(entry.environment, entry.requirements)
    before = os.getloadavg()[0]
    where = f"{machine(WORK)}; load average {before:.1f} before the first round"
    found, complete = all_rounds(entries, asked.rounds, asked.tasks, asked.workers)
    print(report(entries, found, asked, where))
    if asked.json:
        asked.json.write_text(json.dumps({"machine": where, "tasks": asked.tasks, "rounds": found}, indent=1))
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main())
