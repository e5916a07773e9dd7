"""The minder: a thread beside the main one that sees to what cannot wait until a task is over.

While a task runs long it settles what had finished before it, gives back what was claimed behind it, and extends
loans. After a stop it counts the grace down, then gives back what still runs and ends the process.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from threading import Event, Thread

from ebbtide.errors import StorageError
from ebbtide.runners.held import Held
from ebbtide.runners.pace import MOMENT


class Minder:
    """Minds what the process holds. trouble: told what the storage refuses; it is tried again."""

    def __init__(self, held: Held, trouble: Callable[[StorageError], None]) -> None:
        self._held = held
        self._trouble = trouble
        self._busy = Event()
        self._give_up_at = float("inf")
        self._thread = Thread(target=self._mind, name="ebbtide-minder", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def busy(self) -> None:
        """There is something to mind."""
        if not self._busy.is_set():
            self._busy.set()

    def stop(self, grace: float) -> None:
        """The process is to end, in `grace` seconds at the latest."""
        self._give_up_at = min(self._give_up_at, time.monotonic() + grace)
        self._busy.set()

    @property
    def _stopping(self) -> bool:
        return self._give_up_at < float("inf")

    def _mind(self) -> None:
        while True:
            self._busy.wait()
            time.sleep(MOMENT)
            try:
                self._look()
            except StorageError as error:
                self._trouble(error)
            if self._held.nothing and not self._stopping:
                self._busy.clear()
                if not self._held.nothing:  # taken since the last look
                    self._busy.set()

    def _look(self) -> None:
        if self._stopping or time.monotonic() - self._held.settled_at > MOMENT:
            self._held.give_back_waiting()
            if self._held.unsettled:
                self._held.settle()
        self._held.extend_loans()
        if time.monotonic() >= self._give_up_at:
            self._held.give_back_running()
            self._held.settle()
            os._exit(0)
