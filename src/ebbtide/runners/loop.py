"""The event loop of a worker process: it runs the `async def` tasks, many at once, on one thread of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from threading import Thread

from ebbtide.app import App
from ebbtide.broker import Delivery
from ebbtide.errors import TaskTimeout, dotted
from ebbtide.execute import decide
from ebbtide.outcome import Failed, Outcome, TryAgain
from ebbtide.runners.fatal import end_process_on_error

ASYNC_MARGIN = 1.0
"""Seconds after its cancellation that an `async def` task has to end before the process is ended."""


class EventLoop:
    """Runs deliveries concurrently and hands each outcome to `finished`, on its own thread."""

    def __init__(self, app: App, finished: Callable[[Delivery, Outcome], None]) -> None:
        self._app = app
        self._finished = finished
        self._tasks: set[asyncio.Task[None]] = set()  # the loop itself keeps only weak references
        self._loop = asyncio.new_event_loop()
        Thread(target=self._loop.run_forever, name="ebbtide-loop", daemon=True).start()

    @property
    def running(self) -> str | None:
        """The receipt of the delivery whose task runs at this moment, rather than waits; None: none, or what it made
        runs. For any thread."""
        task = asyncio.current_task(self._loop)
        return task.get_name() if task else None

    def submit(self, delivery: Delivery, timeout: float, *, answer: bool = False) -> None:
        """Start this delivery; it is cancelled after `timeout` seconds. answer: as `decide` says."""
        self._loop.call_soon_threadsafe(self._start, delivery, timeout, answer)

    def _start(self, delivery: Delivery, timeout: float, answer: bool) -> None:
        task = self._loop.create_task(self._run(delivery, timeout, answer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(end_process_on_error)

    async def _run(self, delivery: Delivery, timeout: float, answer: bool) -> None:
        work = self._loop.create_task(decide(self._app, delivery, answer=answer), name=delivery.receipt)
        timer = self._loop.call_later(timeout, work.cancel)
        outcome = await work
        late = self._loop.time() >= timer.when()
        timer.cancel()
        self._finished(delivery, _overrun(outcome, timeout) if late else outcome)


def _overrun(outcome: Outcome, timeout: float) -> Outcome:
    """The outcome of a cancelled task with the reason in place of asyncio's CancelledError."""
    if not isinstance(outcome, (TryAgain, Failed)):
        return outcome
    message = f"ran longer than its queue's timeout of {timeout:g} s and was cancelled"
    return outcome._replace(error=outcome.error._replace(exception_class=dotted(TaskTimeout), message=message))
