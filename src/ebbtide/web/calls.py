"""Running a synchronous call in the web process, as Lambda runs it in the function that got the request.

An `async def` task runs on a loop of its own, so that one that blocks holds up no other request; a `def` task runs on
a thread. Both are given their queue's timeout. An `async def` is cancelled then. A thread cannot be stopped: the
request is answered 504, `overrun` is told, which lets the process end gracefully, and the kernel ends it for certain
a moment later; the supervisor starts another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ebbtide.app import App
from ebbtide.broker import Delivery
from ebbtide.errors import TaskTimeout, dotted
from ebbtide.execute import decide, finish, runs_async
from ebbtide.message import Message
from ebbtide.outcome import Failed, Outcome
from ebbtide.result import TaskError
from ebbtide.runners.limits import TimeLimit
from ebbtide.runners.loop import ASYNC_MARGIN, EventLoop
from ebbtide.triggers.http_problem import Problem

AFTER_OVERRUN = 3.0
"""Seconds between the 504 of a `def` task that overran and the end of its process, for the other requests to end in."""

THREADS = 40


@dataclass(frozen=True)
class Settings:
    """How a web process works.

    threads: for `def` tasks. concurrency: synchronous calls at once, above which 503 is answered. grace: seconds that
    running requests have to end after a stop.
    """

    threads: int = THREADS
    concurrency: int = 100
    grace: float = 30.0


class Calls:
    """Runs calls. limit: ends the process where one overruns. overrun: told when a thread cannot be stopped."""

    def __init__(self, app: App, settings: Settings, limit: TimeLimit, overrun: Callable[[], None]) -> None:
        self._app = app
        self._limit = limit
        self._overrun = overrun
        self._most = settings.concurrency
        self._running = 0
        self._threads = ThreadPoolExecutor(settings.threads, "ebbtide-call")
        self._free = asyncio.Semaphore(settings.threads)
        self._loop: EventLoop | None = None
        self._waiting: dict[str, Callable[[Outcome], None]] = {}

    async def run(self, message: Message) -> Outcome:
        """The outcome of this call's only attempt. Raises Problem 503 when there is no room for it."""
        if self._running >= self._most:
            raise Problem(503, f"{self._most} calls are running already", headers={"retry-after": "1"})
        self._running += 1
        try:
            return await self._run(message)
        finally:
            self._running -= 1

    async def _run(self, message: Message) -> Outcome:
        delivery = Delivery(message.encode(), message.queue, message.lane, message.id, attempt=1)
        timeout = self._app.queues[message.queue].timeout
        if runs_async(self._app, delivery):
            return await self._on_loop(delivery, timeout)
        async with self._free:  # its time runs from when it runs
            return await self._on_thread(delivery, timeout)

    async def _on_thread(self, delivery: Delivery, timeout: float) -> Outcome:
        began = self._app.now()
        self._limit.start(delivery.receipt, timeout + AFTER_OVERRUN)
        work = asyncio.get_running_loop().run_in_executor(self._threads, self._finish, delivery)
        await asyncio.wait([work], timeout=timeout)
        if work.done():
            return work.result()
        self._overrun()
        words = f"ran longer than its queue's timeout of {timeout:g} s; its process is ended"
        return Failed(TaskError(dotted(TaskTimeout), words, "", 1), began, self._app.now())

    def _finish(self, delivery: Delivery) -> Outcome:
        try:
            return finish(decide(self._app, delivery, answer=True))
        finally:
            self._limit.stop(delivery.receipt)

    async def _on_loop(self, delivery: Delivery, timeout: float) -> Outcome:
        here = asyncio.get_running_loop()
        ended: asyncio.Future[Outcome] = here.create_future()

        def tell(outcome: Outcome) -> None:
            here.call_soon_threadsafe(lambda: None if ended.done() else ended.set_result(outcome))

        self._waiting[delivery.receipt] = tell
        self._loop = self._loop or EventLoop(self._app, self._ended)
        self._limit.start(delivery.receipt, timeout + ASYNC_MARGIN)
        self._loop.submit(delivery, timeout, answer=True)
        return await ended

    def _ended(self, delivery: Delivery, outcome: Outcome) -> None:
        self._limit.stop(delivery.receipt)
        self._waiting.pop(delivery.receipt)(outcome)
