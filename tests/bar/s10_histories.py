"""S10: whatever goes wrong around a deployed app, no acknowledged message is lost, and what is dead says why.

Whole histories in the simulator: the app's own handler over its own broker, mapped as its generated template says.
Tasks succeed, fail, ask to be run again, hang, kill their process, and send others; SQS gives messages twice, brings
back deleted ones, fails entries and loses answers; Lambda throttles, and loses pollers before and after the work;
deletes come late. The promises are listed in tests/bar/stage_histories.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any

from tests.aws.simulator.stage import Simulated, Stage
from tests.bar.deployed import quiet
from tests.bar.row import Draw, Figure, Miss, Row
from tests.bar.stage_histories import History, world

from ebbtide.on_lambda.handler import Function

SHOWN = 600


class AllIsWell(Function):
    """Plants the fault: the handler names no failure."""

    def __call__(self, event: Any, context: Any) -> Any:
        super().__call__(event, context)
        return {"batchItemFailures": []}


class Forgetful(Simulated):
    """Plants the fault: no start is written down."""

    def __init__(self, *positional: Any, **named: Any) -> None:
        super().__init__(*positional, **named)
        self._ledger.begun = lambda queue, id: None  # type: ignore[method-assign]


class Well(Stage):
    """A stage whose handlers have the first fault."""

    function = AllIsWell


class Unwritten(Stage):
    """A stage whose brokers have the second one."""

    broker = Forgetful


FAULTS: dict[str | None, type[Stage]] = {None: Stage, "all-is-well": Well, "no-ledger": Unwritten}


def run(draw: Draw) -> Iterator[Figure | Miss]:
    yield from histories(draw, FAULTS[draw.fault], fifo=False)


def histories(draw: Draw, stage: type[Stage], fifo: bool) -> Iterator[Figure | Miss]:
    """Play so many, each from a seed of its own, and tell what they came to."""
    quiet()
    total: Counter[str] = Counter()
    for number in range(draw.sizes["histories"]):
        seed = draw.random.getrandbits(32)
        history = History(seed, world(Random(seed), fifo, "calm" if number % 4 == 0 else "all"), stage)
        broken = history.play()
        total += history.figures()
        yield from (Miss(f"history {seed}: {what}"[:SHOWN]) for what in broken)
        if broken and draw.fault:
            break
    yield from (Figure(name, count) for name, count in total.items())
    if not total["killed"] or not total["dead letters"]:
        yield Miss(f"{total}: too little happened to prove anything")


ROW = Row(
    "S10",
    "whatever goes wrong around a deployed app, no message is lost, and what is dead says why",
    run,
    quick={"histories": 8},
    full={"histories": 600},
    faults=("all-is-well", "no-ledger"),
)

if __name__ == "__main__":
    ROW.main()
