"""Running one delivery in a Lambda function, within its limit: on the main thread, on threads, or on an event loop.

A `def` task runs on the main thread, the only one where it can be interrupted, unless threads were asked for. The loop
of the `async def` tasks is made for the first of them and lives as long as the container, as do the connections that
they keep on it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from contextvars import copy_context
from threading import Event
from typing import Any

from ebbtide.app import App
from ebbtide.broker import Delivery, alone
from ebbtide.errors import TaskTimeout
from ebbtide.execute import decide, finish, overrun, runs_async
from ebbtide.on_lambda.limits import Alarm, Watch, timeout_of
from ebbtide.outcome import Outcome

Ended = Callable[[Delivery, Outcome], None]


class Runner:
    """Runs deliveries for as long as the container lives.

    threads: for `def` tasks, 0 for the main thread. grace: seconds that an interrupted task has to end.
    """

    def __init__(self, app: App, threads: int, grace: float, watch: Watch) -> None:
        self._app = app
        self._most = threads
        self._one_at_a_time = not any(task.is_async for task in app.tasks.values())
        self.grace = grace
        self._alarm = Alarm()
        self._watch = watch
        self._loop: Any = None
        self._threads: Any = None
        self._on_threads: set[str] = set()
        self._told: dict[str, Ended] = {}  # by receipt

    @property
    def busy(self) -> bool:
        """Whether all threads are taken, if there are any."""
        return bool(self._most) and len(self._on_threads) >= self._most

    @property
    def blocked_by(self) -> str | None:
        """The receipt of the delivery whose task runs on the event loop at this moment, if one does."""
        return str(self._loop.running) if self._loop and self._loop.running else None

    def start(
        self, delivery: Delivery, seconds: float, ended: Ended, late: Callable[[], None], *, answer: bool = False
    ) -> None:
        """Run it, for so many seconds at most.

        ended: told the outcome, on the thread that ran it; called before this returns if that is the main one. late:
        called on a thread of its own if the task has not ended a moment after its limit. answer: as `decide` says.
        """
        receipt = delivery.receipt
        self._told[receipt] = ended
        self._watch.start(receipt, seconds + self.grace, late)
        if runs_async(self._app, delivery):
            self._event_loop().submit(delivery, seconds, answer=answer)
        elif self._most:
            self._on_threads.add(receipt)
            self._pool().submit(self._on_thread, delivery, answer).add_done_callback(_end_process_on_error())
        else:
            self._end(delivery, self._here(delivery, seconds, answer))

    def to_the_end(
        self, delivery: Delivery, seconds: float, late: Callable[[], None], *, answer: bool = False
    ) -> Outcome:
        """Start it, as `start` does, and wait for its outcome."""
        ended = Event()
        outcomes: list[Outcome] = []

        def end(delivery: Delivery, outcome: Outcome) -> None:
            outcomes.append(outcome)
            ended.set()

        self.start(delivery, seconds, end, late, answer=answer)
        ended.wait()
        return outcomes[0]

    def _here(self, delivery: Delivery, seconds: float, answer: bool) -> Outcome:
        if not self._alarm.here:
            return self._decided(delivery, answer)
        began = self._app.now()
        alone[:] = [delivery] if self._one_at_a_time else []
        try:
            return self._alarm.within(seconds, lambda: self._decided(delivery, answer))
        except TaskTimeout:  # it rang just when the task had ended
            return overrun(self._app, delivery, timeout_of(seconds), began)
        finally:
            alone.clear()

    def _decided(self, delivery: Delivery, answer: bool) -> Outcome:
        # In a context of its own: what an interrupted task leaves in it is not the next one's.
        return copy_context().run(finish, decide(self._app, delivery, answer=answer))

    def _on_thread(self, delivery: Delivery, answer: bool) -> None:
        self._end(delivery, self._decided(delivery, answer))

    def _end(self, delivery: Delivery, outcome: Outcome) -> None:
        self._watch.stop(delivery.receipt)
        self._on_threads.discard(delivery.receipt)
        self._told.pop(delivery.receipt)(delivery, outcome)

    def _event_loop(self) -> Any:
        if self._loop is None:  # asyncio takes 50 ms, which only those who use it shall wait for
            self._loop = importlib.import_module("ebbtide.runners.loop").EventLoop(self._app, self._end)
        return self._loop

    def _pool(self) -> Any:
        if self._threads is None:
            futures = importlib.import_module("concurrent.futures")
            self._threads = futures.ThreadPoolExecutor(self._most, "ebbtide-task")
        return self._threads


def _end_process_on_error() -> Any:
    return importlib.import_module("ebbtide.runners.fatal").end_process_on_error
