"""S11: in a FIFO group nothing starts before all that came before it has ended, whatever goes wrong around it.

The second half of S6: whole histories of a deployed app, as in S10, on a FIFO queue. Of two messages of one group the
later one first starts after the earlier one has succeeded, or is a dead letter.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.aws.simulator.stage import Stage
from tests.bar.row import Draw, Figure, Miss, Row
from tests.bar.s10_histories import histories

from ebbtide.on_lambda.handler import Function


class Heedless(Function):
    """Plants the fault: the handler does not know of groups, and goes on after a failure."""

    def __call__(self, event: Any, context: Any) -> Any:
        for record in event["Records"]:
            record["attributes"].pop("MessageGroupId", None)
        return super().__call__(event, context)


class Unordered(Stage):
    """A stage whose handlers have the fault."""

    function = Heedless


FAULTS: dict[str | None, type[Stage]] = {None: Stage, "continue": Unordered}


def run(draw: Draw) -> Iterator[Figure | Miss]:
    yield from histories(draw, FAULTS[draw.fault], fifo=True)


ROW = Row(
    "S11",
    "the order of a FIFO group holds through failures, crashes, losses and throttling",
    run,
    quick={"histories": 8},
    full={"histories": 1_000},
    faults=("continue",),
)

if __name__ == "__main__":
    ROW.main()
