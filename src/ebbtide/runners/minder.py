"""The minder: a thread beside the main one that sees to what cannot wait until a task is over.

It has the disk take what was settled. While a task runs long it settles what had finished before it, gives back what
was claimed behind it, and extends loans. After a stop it counts the grace down, then gives back what still runs and
ends the process.
"""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread

from ebbtide.errors import StorageError
from ebbtide.runners.held import Held
from ebbtide.runners.pace import MOMENT

REPAIR = 0.5
"""Seconds between attempts to reach a broker that cannot be written to."""


class Minder:
    """Minds what the process holds. trouble: told what the storage refuses; it is tried again."""

    def __init__(self, held: Held, trouble: Callable[[StorageError], None]) -> None:
        self._held = held
        self._trouble = trouble
        self._idle = False
        self._bell: SimpleQueue[None] = SimpleQueue()  # unlike an Event it may be rung in a signal handler
        self._give_up_at = float("inf")
        self._thread = Thread(target=self._mind, name="ebbtide-minder", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def busy(self) -> None:
        """There is something to mind."""
        if self._idle:
            self._bell.put(None)

    def stop(self, grace: float) -> None:
        """The process is to end, in `grace` seconds at the latest. For a signal handler."""
        self._give_up_at = min(self._give_up_at, time.monotonic() + grace)
        self._bell.put(None)

    @property
    def _stopping(self) -> bool:
        return self._give_up_at < float("inf")

    def _mind(self) -> None:
        while True:
            time.sleep(MOMENT)
            try:
                self._look()
                self._sleep_if_idle()
            except StorageError as error:
                self._trouble(error)
                time.sleep(REPAIR)
                if time.monotonic() > self._give_up_at + REPAIR:
                    os._exit(1)
            except BaseException:  # such as MemoryError; without a minder loans would run out
                traceback.print_exc()
                os._exit(1)

    def _sleep_if_idle(self) -> None:
        self._idle = self._held.nothing and not self._stopping
        try:
            if self._idle and self._held.nothing:  # asked again: what is taken from now on rings
                self._held.make_safe()
                self._bell.get()
        finally:
            self._idle = False

    def _look(self) -> None:
        if self._stopping or time.monotonic() - self._held.settled_at > MOMENT:
            self._held.give_back_waiting()
            if self._held.unsettled:
                self._held.settle()
        self._held.make_safe()
        self._held.extend_loans()
        if time.monotonic() >= self._give_up_at:
            self._held.give_back_running()
            self._held.settle()
            self._held.make_safe()
            os._exit(0)
