"""S6: on a FIFO queue, after a failure nothing later of the group runs, and order is kept whatever happens.

Histories of a FIFO queue on a clock of its own, worked off by the real handler: several groups, messages that fail some
times or for good, invocations that have no time for all of their batch, loans that run out. Of each group a message may
only be started once every earlier one is over: has succeeded, or is a dead letter.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

from tests.bar.deployed import Line, SimulatedQueue, deployed, failed_in, function_of, quiet
from tests.bar.row import Draw, Figure, Miss, Row
from tests.on_lambda.stage import Context

from ebbtide.queue import Queue
from ebbtide.retry import RetryPolicy

ATTEMPTS = 3
ROUNDS = 2_000


class History:
    """One queue from full to empty. fault: the handler is not told of groups."""

    def __init__(self, random: Random, fault: bool) -> None:
        self._random = random
        self._fault = fault
        self._lines: list[Line] = []
        self._started: list[str] = []
        app = deployed(Queue(timeout=10, attempts=ATTEMPTS, fifo=True, results=0), self._lines.append)
        policy = RetryPolicy(attempts=ATTEMPTS, base=random.choice((0, 5)), cap=30)

        @app.task(retry=policy, takes_context=True)
        def work(delivery: Any, failures: int) -> None:
            self._started.append(delivery.receipt)
            if delivery.attempt <= failures:
                raise ValueError(failures)

        self._queue = SimulatedQueue()
        groups = [f"g{random.randint(1, 4)}" for _ in range(random.randint(2, 24))]
        sent = [work.message(random.choice((0, 0, 0, 1, 2, ATTEMPTS))) for _ in groups]
        self._queue.send(sent, groups)
        self._groups = {message.id: group for message, group in zip(sent, groups, strict=True)}
        self._order = [message.id for message in sent]
        self._function = function_of(app)
        self.later = 0

    def run(self) -> Iterator[Miss]:
        rounds = 0
        over: set[str] = set()
        while self._queue.forward() and rounds < ROUNDS:
            rounds += 1
            records = self._queue.receive(self._random.randint(1, 10))
            if not records:  # all that is visible waits for one of its group that is not
                self._queue.now += 1.0
                continue
            before, starts = set(over), len(self._started)
            named = self._invoke(records)
            over |= {one["messageId"] for one in records if one["messageId"] not in named}
            yield from self._judged(records, before, self._started[starts:], named)
        if self._queue.kept:
            yield Miss(f"{len(self._queue.kept)} messages are left after {rounds} invocations")

    def _invoke(self, records: list[dict[str, Any]]) -> list[str]:
        self._lines.clear()
        left = self._random.choice((600.0, 600.0, 600.0, 13.0, 1.0))
        event = {"Records": records}
        if self._fault:
            event = {"Records": [_ungrouped(one) for one in records]}
        named = failed_in(self._function(event, Context(left)))
        self._queue.apply(records, self._lines, named)
        return named

    def _judged(
        self, records: list[dict[str, Any]], over: set[str], started: list[str], named: list[str]
    ) -> Iterator[Miss]:
        """Whether each start of this invocation came when all before it in its group was over."""
        for place, id in enumerate(started):
            earlier = self._order[: self._order.index(id)]
            waiting = [one for one in earlier if self._groups[one] == self._groups[id] and one not in over]
            if bad := [one for one in waiting if one in named or one not in started[:place]]:
                yield Miss(
                    f"a message of group {self._groups[id]} was started before {len(bad)} earlier ones were over"
                )
        self.later += len(set(named) - set(started))


def _ungrouped(record: dict[str, Any]) -> dict[str, Any]:
    known = {name: value for name, value in record["attributes"].items() if name != "MessageGroupId"}
    return {**record, "attributes": known}


def run(draw: Draw) -> Iterator[Figure | Miss]:
    quiet()
    later = 0
    for _ in range(draw.sizes["histories"]):
        history = History(draw.random, draw.fault == "continue")
        yield from history.run()
        later += history.later
    yield Figure("histories", draw.sizes["histories"])
    yield Figure("records given back unstarted", later)
    if later < draw.sizes["histories"]:
        yield Miss(f"only {later} records were given back: this run proves too little")


ROW = Row(
    "S6",
    "on a FIFO queue nothing later of a group runs before what is before it is over",
    run,
    quick={"histories": 150},
    full={"histories": 1_000},
    faults=("continue",),
)

if __name__ == "__main__":
    ROW.main()
