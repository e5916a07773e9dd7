"""A1: what our OpenAPI document promises is what the server does.

Schemathesis draws requests from the document, valid and invalid ones, for an app with every kind of parameter. No
answer may be a server error or miss its schema; valid requests must be accepted and invalid ones refused.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from tests.bar.queuefile import folder
from tests.bar.row import Draw, Figure, Miss, Row
from tests.web.served import ROOT, Served, bar

TOOL = "import sys; from schemathesis.cli import schemathesis; sys.exit(schemathesis())"


def run(draw: Draw) -> Iterator[Figure | Miss]:
    with folder() as place, bar(place, draw.fault) as site:
        paths = site.request("GET", "/openapi.json").json["paths"]
        names = [operation["operationId"] for path in paths.values() for operation in path.values()]
        parts = [names[number :: draw.sizes["processes"]] for number in range(draw.sizes["processes"])]
        workers = site.worker_pids()
        with ThreadPoolExecutor(len(parts)) as threads:
            answers = list(threads.map(lambda part: _asked(site, draw, part), parts))
        yield Figure("operations", len(names))
        yield Figure("requests", sum(int(n) for done in answers for n in re.findall(r"(\d+) generated", done.stdout)))
        for part, done in zip(parts, answers, strict=True):
            yield from _misses(done, len(part))
        if site.worker_pids() != workers:
            yield Miss("a worker process was replaced")


def _misses(done: subprocess.CompletedProcess[str], operations: int) -> Iterator[Miss]:
    operation = ""
    for name, failure in re.findall(r"^_+ (\S+ \S+) _+$|^- (ST\d+ .*)$", done.stdout, re.MULTILINE):
        operation = name or operation
        if failure:
            yield Miss(f"{operation}: {failure}")
    tested = re.search(r"Tested: (\d+)", done.stdout)
    if tested is None or int(tested[1]) != operations:
        yield Miss(f"{tested[1] if tested else 'no'} operations of {operations} were tested: {done.stderr[-500:]}")
    if done.returncode and "FAILURES" not in done.stdout:
        yield Miss(f"schemathesis ended with {done.returncode}: {(done.stdout + done.stderr)[-500:]}")


def _asked(site: Served, draw: Draw, operations: Sequence[str]) -> subprocess.CompletedProcess[str]:
    options = [
        *("--seed", str(draw.seed), "--max-examples", str(draw.sizes["examples"])),
        *("--phases", "examples,coverage,fuzzing" if draw.sizes["coverage"] else "fuzzing"),
        *("--suppress-health-check", "all", "--continue-on-failure", "--no-color"),
        *(word for name in operations for word in ("--include-operation-id", name)),
    ]
    return subprocess.run(
        [sys.executable, "-c", TOOL, "run", f"http://127.0.0.1:{site.port}/openapi.json", *options],
        cwd=site.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "SCHEMATHESIS_HOOKS": "tests.bar.a1_hooks"},
        capture_output=True,
        text=True,
        check=False,
        timeout=1800,
    )


ROW = Row(
    "A1",
    "no request drawn from our OpenAPI document meets a server error or a schema that is not kept",
    run,
    quick={"examples": 4, "coverage": 0, "processes": 1},
    full={"examples": 500, "coverage": 1, "processes": 2},
    faults=("wrong-schema", "crash"),
)
if __name__ == "__main__":
    ROW.main()
