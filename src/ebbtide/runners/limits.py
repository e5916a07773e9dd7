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
        deadline = time.monotonic() + seconds
        with self._lock:
            self._deadlines[receipt] = deadline
            if not self._armed or deadline < self._armed:
                self._arm(deadline)

    def stop(self, receipt: str) -> None:
        """This delivery has ended."""
        with self._lock:
            self._deadlines.pop(receipt, None)
            earliest = min(self._deadlines.values()) if self._deadlines else 0.0
            if earliest != self._armed:
                self._arm(earliest)

    def _arm(self, deadline: float) -> None:
        """Have the kernel end the process at this time; 0 is never."""
        left = max(0.001, deadline - time.monotonic()) if deadline else 0.0
        signal.setitimer(signal.ITIMER_REAL, left)
        self._armed = deadline
