"""All rows of the bar, one after another or two at a time: `make chaos`.

    python -m tests.bar                     every row but the soak (R15), at the sizes of a release
    python -m tests.bar --quick             at the sizes of each commit
    python -m tests.bar --only R1,C3 --seed 7

A row is a module of this folder with a `ROW`. Each runs as a command of its own, in a process group of its own, in a
temporary folder; what it left running is killed. Exit 1 if a row missed, crashed or did not end.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import os
import random
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import NamedTuple, NoReturn

from tests.bar.row import Row

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
NIGHTLY = frozenset({"R15"})
MEASURING = frozenset({"R4", "R14", "G1", "A2", "A4"})
"""Rows that promise milliseconds: beside another one they would measure that."""

LIMIT, NIGHTLY_LIMIT = 600.0, 7200.0
"""Seconds after which a row is ended. A full one takes at most 300."""


class Verdict(NamedTuple):
    """What one row said."""

    name: str
    kept: bool
    seconds: float
    figures: list[str]
    output: str


def rows() -> dict[str, str]:
    """The module of each row, by the row's name, in the order of the bar."""
    found: dict[str, str] = {}
    for path in sorted(HERE.glob("*.py")):
        if _has_a_row(path):
            module = f"tests.bar.{path.stem}"
            row: Row = importlib.import_module(module).ROW
            found[row.name] = module
    return dict(sorted(found.items(), key=lambda item: _order(item[0])))


def _has_a_row(path: Path) -> bool:
    """Whether it assigns to ROW; looked up in its text, for some modules here can only be imported by a worker."""
    statements = ast.parse(path.read_text("utf-8")).body
    targets = [target for statement in statements if isinstance(statement, ast.Assign) for target in statement.targets]
    targets += [statement.target for statement in statements if isinstance(statement, ast.AnnAssign)]
    return any(isinstance(target, ast.Name) and target.id == "ROW" for target in targets)


def _order(name: str) -> tuple[int, int, str]:
    letter, number = name[:1], "".join(re.findall(r"\d", name)) or "0"
    return ("RCAGSX".find(letter) % 7, int(number), name)


def judge(name: str, module: str, options: Sequence[str]) -> Verdict:
    """Run one row and see to it that nothing of it is left."""
    began = time.monotonic()
    with TemporaryDirectory(prefix="bar-", ignore_cleanup_errors=True) as folder, TemporaryFile() as said:
        elsewhere = {
            "TMPDIR": folder,
            "PYTHONDONTWRITEBYTECODE": "1",
            "HYPOTHESIS_STORAGE_DIRECTORY": f"{folder}/hypothesis",
        }
        process = subprocess.Popen(
            [sys.executable, "-m", module, *options],
            cwd=ROOT,
            env={**os.environ, **elsewhere},
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        limit = NIGHTLY_LIMIT if name in NIGHTLY else LIMIT
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        said.seek(0)
        output = said.read().decode("utf-8", "replace")
    if code is None:
        output += f"\nit did not end within {limit:.0f} s"
    return Verdict(name, code == 0, time.monotonic() - began, _figures(output), output)


def _figures(output: str) -> list[str]:
    return [line.strip() for line in output.splitlines() if re.match(r"  (?! |MISS: )", line)]


def tell(verdict: Verdict, seed: int) -> None:
    """One line of the table, its figures below."""
    word = "kept" if verdict.kept else "MISSED"
    print(f"{verdict.name:<5} {word:<7} {verdict.seconds:>7.1f} s   seed {seed}")
    figures = textwrap.wrap("; ".join(verdict.figures), 110, break_on_hyphens=False)
    print(textwrap.indent("\n".join(figures), " " * 6))
    if not verdict.kept:
        print(textwrap.indent(verdict.output.strip()[-8000:], "    | "))
    print(flush=True)


def chosen(only: str | None, known: Iterable[str]) -> list[str]:
    """The rows to run. Raises SystemExit for a name there is not."""
    if only is None:
        return [name for name in known if name not in NIGHTLY]
    names = [name.strip().upper() for name in only.split(",")]
    if strange := set(names).difference(known):
        sys.exit(f"no row {', '.join(sorted(strange))}; there are {', '.join(known)}")
    return names


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run them all; exit 1 on any miss."""
    parser = argparse.ArgumentParser(description="All rows of the bar at the sizes of a release.")
    parser.add_argument("--seed", type=int, help="for all of them; default: drawn, and printed")
    parser.add_argument("--only", metavar="R1,C3", help="these rows alone")
    parser.add_argument("--quick", action="store_true", help="at the sizes of each commit")
    given = parser.parse_args(arguments)
    seed = random.SystemRandom().randrange(2**31) if given.seed is None else given.seed
    options = ["--seed", str(seed), *([] if given.quick else ["--full"])]
    modules = rows()
    names = chosen(given.only, modules)
    print(f"{len(names)} rows, {'quick' if given.quick else 'full'}, seed {seed}\n", flush=True)
    began, missed = time.monotonic(), []
    for some, at_once in ((MEASURING, 1), (frozenset(names) - MEASURING, 2)):
        with ThreadPoolExecutor(at_once) as pool:
            running = [pool.submit(judge, name, modules[name], options) for name in names if name in some]
            for ended in running:
                verdict = ended.result()
                tell(verdict, seed)
                missed += [] if verdict.kept else [verdict.name]
    took = time.monotonic() - began
    print(f"{len(names) - len(missed)} of {len(names)} kept, in {took / 60:.1f} minutes, seed {seed}")
    if missed:
        print(f"MISSED: {', '.join(missed)}")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
