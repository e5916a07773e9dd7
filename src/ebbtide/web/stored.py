"""Calls that are stored first and run by a worker, and what may be read of them.

Storage is reached on threads of its own: an enqueue waits for the disk, and the web's loop must not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from ebbtide.app import App
from ebbtide.errors import KeyConflict, PayloadError, StorageError
from ebbtide.result import Record
from ebbtide.task import Task
from ebbtide.triggers.http_problem import Problem
from ebbtide.web.rules import keyed, refused

T = TypeVar("T")

THREADS = 16
"""Enqueues that wait for the disk together share one flush of it."""

_FIRST_PAUSE = 0.005
_LONGEST_PAUSE = 0.1


class Stored:
    """The app's queue, as the web process reaches it. Raises Problem 503 where the storage does not do its part."""

    def __init__(self, app: App, trouble: Callable[[StorageError], None]) -> None:
        self._app = app
        self._trouble = trouble
        self._threads = ThreadPoolExecutor(THREADS, "ebbtide-storage")

    async def on_thread(self, work: Callable[[], T]) -> T:
        """Do this where waiting harms nobody. Raises Problem 503 in place of StorageError."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except StorageError as error:
            self._trouble(error)  # the file's name and the cure are for the log
            raise Problem(503, "the queue cannot be read or written at present", headers={"retry-after": "5"}) from None

    async def enqueue(
        self, task: Task[Any, Any, Any], arguments: tuple[list[Any], dict[str, Any]], key: str | None
    ) -> str:
        """Store a call; its id, or that of the same call under this key. Raises Problem 413, 422 or 503."""
        try:
            (id,) = await self.on_thread(lambda: self._app.submit([keyed(task, key).message_of(*arguments)]))
        except (KeyConflict, PayloadError) as error:
            raise refused(self._app, error) from None
        return id

    async def wait(self, id: str, seconds: float) -> Record | None:
        """The record once it is finished, or as it is after so many seconds; None if there is none."""
        loop = asyncio.get_running_loop()
        end, pause = loop.time() + seconds, _FIRST_PAUSE
        while True:
            record = (await self.on_thread(lambda: self._app.results.load([id]))).get(id)
            left = end - loop.time()
            if record is None or record.status.finished or left <= 0:
                return record
            await asyncio.sleep(min(pause, left))
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    def close(self) -> None:
        """Let go of threads that are idle."""
        self._threads.shutdown(wait=False)
