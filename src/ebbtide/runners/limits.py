"""The time limit of a queue, held by the kernel: a timer that ends the process when a task overruns.

No Python code has to run for it, so a task stuck in a C library is ended like any other. Before the process goes,
Python's faulthandler writes the stack of every thread to `last_words`, which the broker quotes as the reason. Tasks
that use SIGALRM or ITIMER_REAL themselves switch the limit off while they run.
"""

from __future__ import annotations

import faulthandler
import signal
import time
from threading import Lock

SLACK = 0.1
"""Seconds after its deadline at which a task is ended at the latest. So long one timer serves the tasks that follow
each other; else each of them would cost two system calls."""


class TimeLimit:
    """The earliest deadline of what this process runs. last_words: a file descriptor for the stack, or None."""

    def __init__(self, last_words: int | None) -> None:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        if last_words is not None:
            faulthandler.enable(last_words)
            faulthandler.register(signal.SIGALRM, last_words, all_threads=True, chain=True)
        self._deadlines: dict[str, float] = {}
        self._armed = 0.0
        self._lock = Lock()

    def start(self, receipt: str, seconds: float) -> None:
        """This delivery runs from now on, and not longer than this."""
        with self._lock:
            self._deadlines[receipt] = time.monotonic() + seconds
            self._see_to_it()

    def stop(self, receipt: str, *, more: bool = False) -> None:
        """This delivery has ended. more: another one starts at once, or `rest` is called."""
        with self._lock:
            self._deadlines.pop(receipt, None)
            if not more:
                self._see_to_it()

    def rest(self) -> None:
        """What ended has ended, whether or not something starts again soon."""
        with self._lock:
            self._see_to_it()

    def _see_to_it(self) -> None:
        """Have the kernel end the process soon after the earliest deadline, or never."""
        earliest = min(self._deadlines.values()) if self._deadlines else 0.0
        if not (earliest <= self._armed <= earliest + SLACK):
            self._armed = earliest + SLACK if earliest else 0.0
            left = max(0.001, self._armed - time.monotonic()) if earliest else 0.0
            signal.setitimer(signal.ITIMER_REAL, left)
