"""S1: of a batch exactly those are named that failed, in exactly AWS's shape, whatever a task does.

Batches are drawn at random from tasks that succeed, raise anything there is, return what cannot travel, are no messages
at all, or run on the event loop; with storage that refuses some of the settlements; and one batch of 10,000.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from tests.bar.deployed import failed_in, quiet
from tests.bar.row import Draw, Figure, Miss, Row
from tests.on_lambda.stage import Context, Mapped, record

from ebbtide.app import App
from ebbtide.errors import Retry
from ebbtide.on_lambda.handler import Function
from ebbtide.on_lambda.settings import Settings
from ebbtide.retry import RetryPolicy
from ebbtide.task import Task

AGAIN, OVER = True, False

ERRORS: dict[str, Callable[[], BaseException]] = {
    "an exception": lambda: ValueError("no"),
    "a base exception": lambda: BaseException("no"),
    "sys.exit()": SystemExit,
    "sys.exit(0)": lambda: SystemExit(0),
    "an interrupt": KeyboardInterrupt,
    "GeneratorExit": GeneratorExit,
    "StopIteration": StopIteration,
    "no memory": MemoryError,
    "too deep": RecursionError,
    "asks again": lambda: Retry(after=3),
    "a group": lambda: BaseExceptionGroup("many", [ValueError(), SystemExit()]),
}


class Swallowing(Function):
    """Plants the fault: one of several failures is not named."""

    def __call__(self, event: Any, context: Any) -> Any:
        answer = super().__call__(event, context)
        return {"batchItemFailures": answer["batchItemFailures"][:-1]}


class Whole(Function):
    """Plants the fault: one failure costs its neighbours."""

    def __call__(self, event: Any, context: Any) -> Any:
        answer = super().__call__(event, context)
        all_of_it = [{"itemIdentifier": one["messageId"]} for one in event["Records"]]
        return {"batchItemFailures": all_of_it} if answer["batchItemFailures"] else answer


FAULTS: dict[str | None, type[Function]] = {None: Function, "swallow": Swallowing, "whole-batch": Whole}


class Batches:
    """An app with tasks of every kind, and batches of their messages."""

    def __init__(self, random: Random, kind: type[Function]) -> None:
        self.broker = Mapped()
        self.app = App("t", broker=lambda: self.broker)
        self._random = random
        self.ran: list[str] = []
        self._makers = self._declared()
        self.function = kind(self.app, Settings("t:app", "default", "prod"))

    def _declared(self) -> list[tuple[Task[Any, Any, Any] | str, str, bool]]:
        """A task or a body, what it is given, and whether it has to come again."""

        @self.app.task(retry=RetryPolicy(base=0), takes_context=True)
        def work(delivery: Any, what: str) -> Any:
            self.ran.append(delivery.message.id)
            if what in ERRORS:
                raise ERRORS[what]()
            return object() if what == "odd" else None

        @self.app.task(retry=RetryPolicy(base=0), takes_context=True)
        async def awork(delivery: Any, what: str) -> None:
            self.ran.append(delivery.message.id)
            if what in ERRORS and what != "StopIteration":  # which a coroutine cannot raise
                raise ERRORS[what]()

        @self.app.task(retry=RetryPolicy(attempts=1))
        def once(what: str) -> None:
            raise ValueError(what)

        made: list[tuple[Task[Any, Any, Any] | str, str, bool]] = [(work, what, AGAIN) for what in ERRORS]
        made += [(awork, what, AGAIN) for what in ("an exception", "asks again")]
        made += [(work, "", OVER), (work, "odd", OVER), (awork, "", OVER), (once, "", OVER), ("not ours", "", OVER)]
        return made + [(work, "", OVER)] * 10

    def run(self, size: int) -> Iterator[Miss]:
        """One batch, judged."""
        records, expected = [], []
        for _ in range(size):
            maker, what, again = self._random.choice(self._makers)
            made = record(maker if isinstance(maker, str) else maker.message(what), self._random.choice((1, 1, 1, 2)))
            records.append(made)
            expected += [made["messageId"]] if again else []
        expected += self._trouble(records)
        self.ran.clear()
        self.broker.forget()
        try:
            named = failed_in(self.function({"Records": records}, Context()))
        except BaseException as error:
            yield Miss(f"the handler raised {type(error).__name__}: {error}")
            return
        finally:
            self.broker.trouble.clear()
        if sorted(named) != sorted(set(expected)):
            lost, added = set(expected) - set(named), set(named) - set(expected)
            yield Miss(f"of {size} records {len(lost)} failures are not named, {len(added)} successes are")
        if len(self.ran) != len(set(self.ran)):
            yield Miss("a record was run twice in one batch")

    def _trouble(self, records: list[dict[str, Any]]) -> list[str]:
        """Now and then have the storage refuse some, or all; the ids that have to come again for that."""
        self.broker.trouble.clear()
        draw = self._random.random()
        ids = [one["messageId"] for one in records]
        if draw < 0.02:
            self.broker.trouble["delivered"] = None
            return ids
        if draw < 0.1:
            some = set(self._random.sample(ids, 1))
            self.broker.trouble |= {"ack": some, "bury": some}
            return list(some)
        return []


def run(draw: Draw) -> Iterator[Figure | Miss]:
    quiet()
    batches = Batches(draw.random, FAULTS[draw.fault])
    records = 0
    for _ in range(draw.sizes["batches"]):
        size = draw.random.randint(1, 10)
        records += size
        yield from batches.run(size)
    yield from batches.run(draw.sizes["largest"])
    yield Figure("batches", draw.sizes["batches"] + 1)
    yield Figure("records", records + draw.sizes["largest"])


ROW = Row(
    "S1",
    "of a batch exactly the failures are named, in exactly AWS's shape, and the handler never raises",
    run,
    quick={"batches": 1_000, "largest": 2_000},
    full={"batches": 10_000, "largest": 10_000},
    faults=("swallow", "whole-batch"),
)

if __name__ == "__main__":
    ROW.main()
