"""One row of the bar as a seeded command: it prints its seed and its figures and exits 1 on any miss.

A row is a module with a `ROW`; its `run` yields what it measures and what it finds amiss:

    def run(draw: Draw) -> Iterator[Figure | Miss]:
        lost = provoke(draw.random, draw.sizes["kills"], broken=draw.fault == "ack-first")
        yield Figure("tasks lost", lost)
        if lost:
            yield Miss(f"{lost} tasks are gone")

    ROW = Row("R1", "a SIGKILL loses nothing", run, quick={"kills": 20}, full={"kills": 200}, faults=("ack-first",))
    if __name__ == "__main__":
        ROW.main()

`python -m tests.bar.r1_kill --seed 7 --kills 50` runs it with those sizes, `--full` with those of a release, and
`--fault ack-first` with that fault planted, which it must find; `--until-a-miss` ends it once it has. Each size is an
option of its own. A test judges a row in its own process: `assert not ROW.judge(seed=1).misses`,
`assert ROW.judge(seed=1, fault="ack-first").misses`.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn

MISSES_SHOWN = 20


class Figure(NamedTuple):
    """Something measured, printed as `name: value unit`."""

    name: str
    value: Any
    unit: str = ""


class Miss(NamedTuple):
    """A promise that was not kept."""

    what: str


@dataclass(frozen=True)
class Draw:
    """What one run is given: its seed, a generator of that seed, its sizes, and the planted fault if there is one."""

    seed: int
    sizes: Mapping[str, int]
    fault: str | None = None
    random: random.Random = field(default_factory=random.Random)


class Judgement(NamedTuple):
    """What one run came to."""

    seed: int
    figures: list[Figure]
    misses: list[Miss]
    seconds: float


@dataclass(frozen=True)
class Row:
    """A numbered promise with the run that holds us to it.

    name: its number in the bar ("G1"). promise: in one line. run: yields figures and misses. quick, full: sizes by
    name, of each commit and of a release (full may leave out what stays the same). faults: the names of those that
    can be planted.
    """

    name: str
    promise: str
    run: Callable[[Draw], Iterator[Figure | Miss]]
    quick: Mapping[str, int] = field(default_factory=dict)
    full: Mapping[str, int] = field(default_factory=dict)
    faults: tuple[str, ...] = ()

    def judge(
        self, seed: int, fault: str | None = None, full: bool = False, until_a_miss: bool = False, **sizes: int
    ) -> Judgement:
        """Run it here, if so asked to its first miss alone; `sizes` go before those of the tier."""
        if fault is not None and fault not in self.faults:
            raise ValueError(f"{self.name} can plant {', '.join(self.faults) or 'nothing'}, not {fault!r}")
        if unknown := sizes.keys() - self.quick.keys():
            raise ValueError(f"{self.name} has no sizes {sorted(unknown)}, it has {sorted(self.quick)}")
        chosen = {**self.quick, **(self.full if full else {}), **sizes}
        began = time.monotonic()
        figures: list[Figure] = []
        misses: list[Miss] = []
        for found in self.run(Draw(seed, chosen, fault, random.Random(seed))):
            if isinstance(found, Miss):
                misses.append(found)
                if until_a_miss:
                    break
            else:
                figures.append(found)
        return Judgement(seed, figures, misses, time.monotonic() - began)

    def main(self, arguments: Sequence[str] | None = None) -> NoReturn:
        """Run it as a command: exit 0 if there was no miss, else 1."""
        given = vars(self._parser().parse_args(arguments))
        seed, fault, full, until_a_miss = (given.pop(name) for name in ("seed", "fault", "full", "until_a_miss"))
        sizes = {name: size for name, size in given.items() if size is not None}
        seed = random.SystemRandom().randrange(2**32) if seed is None else seed
        print(f"{self.name}: {self.promise}\nseed {seed}{f', planted fault {fault!r}' if fault else ''}", flush=True)
        judgement = self.judge(seed, fault, full, until_a_miss, **sizes)
        print(report(judgement), flush=True)
        sys.exit(1 if judgement.misses else 0)

    def _parser(self) -> argparse.ArgumentParser:
        parser = argparse.ArgumentParser(description=f"{self.name}: {self.promise}")
        parser.add_argument("--seed", type=int, help="default: drawn, and printed")
        parser.add_argument("--full", action="store_true", help="the sizes of a release")
        parser.add_argument("--fault", choices=self.faults, help="plant this fault; the row must find it")
        parser.add_argument("--until-a-miss", action="store_true", help="end with the first, as for a planted fault")
        for name, size in self.quick.items():
            shown = f"default {size:,}; --full {self.full.get(name, size):,}"
            parser.add_argument(f"--{name.replace('_', '-')}", type=int, metavar="N", help=shown)
        return parser


def report(judgement: Judgement) -> str:
    """A judgement as text: the figures, the first misses, the verdict."""
    lines = [f"  {name}: {_shown(value)}{' ' + unit if unit else ''}" for name, value, unit in judgement.figures]
    lines += [f"  MISS: {miss.what}" for miss in judgement.misses[:MISSES_SHOWN]]
    if len(judgement.misses) > MISSES_SHOWN:
        lines.append(f"  ... and {len(judgement.misses) - MISSES_SHOWN} more")
    verdict = f"FAILED with {len(judgement.misses)} misses" if judgement.misses else "kept"
    return "\n".join([*lines, f"{verdict}, in {judgement.seconds:.1f} s, seed {judgement.seed}"])


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.3f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
