"""The two ends of a task that runs too long in a Lambda function: it is interrupted, and else its process is ended.

Lambda kills a function that runs too long, and nobody hears of the task again until its message comes back. So a task's
own limit is a little earlier. On the main thread the kernel's timer raises TaskTimeout in it, as loud as any other
error. What does not end by that, because it hangs in C code, swallows the error or runs on a thread, ends a moment
later with the whole process; before, what is known is settled.
"""

from __future__ import annotations

import faulthandler
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

from ebbtide.errors import TaskTimeout

T = TypeVar("T")


class Alarm:
    """Interrupts what runs on the main thread. A task that uses SIGALRM itself switches it off while it runs."""

    def __init__(self) -> None:
        self._seconds = 0.0  # of the call that may be interrupted; 0: there is none

    @property
    def here(self) -> bool:
        """Whether this is the thread that can be interrupted."""
        return threading.current_thread() is threading.main_thread()

    def within(self, seconds: float, call: Callable[[], T]) -> T:
        """What the call returns; TaskTimeout is raised inside it after so many seconds."""
        signal.signal(signal.SIGALRM, self._ring)
        self._seconds = seconds
        signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))  # 0 would be never
        try:
            return call()
        finally:
            self._seconds = 0.0
            signal.setitimer(signal.ITIMER_REAL, 0.0)

    def _ring(self, number: int, frame: FrameType | None) -> None:
        if self._seconds:
            raise timeout_of(self._seconds)


def timeout_of(seconds: float) -> TaskTimeout:
    """The error of a task that ran longer than this."""
    return TaskTimeout(f"ran longer than its limit of {seconds:.3g} s and was ended")


def last_words_in(seconds: float) -> None:
    """End the process in so many seconds with the stacks of all its threads in the log: for code that hangs without
    letting any other Python code run. Lambda would end it a moment later without a word."""
    if seconds > 0:
        faulthandler.dump_traceback_later(seconds, exit=True, file=sys.__stderr__ or 2)


def no_last_words() -> None:
    """It has ended in time."""
    faulthandler.cancel_dump_traceback_later()


class Watch:
    """A thread that sees when something runs past its end."""

    def __init__(self) -> None:
        self._ends: dict[str, tuple[float, Callable[[], None]]] = {}
        self._changed = threading.Condition()
        self._wakes_at = float("inf")
        self._thread: threading.Thread | None = None

    def start(self, receipt: str, seconds: float, late: Callable[[], None]) -> None:
        """This runs, and `late` is called, once, if it has not ended in so many seconds."""
        end = time.monotonic() + seconds
        with self._changed:
            self._ends[receipt] = (end, late)
            if self._thread is None:
                self._thread = threading.Thread(target=self._mind, name="ebbtide-watch", daemon=True)
                self._thread.start()
            elif end < self._wakes_at:  # seldom: what starts later mostly ends later
                self._changed.notify()

    def stop(self, receipt: str) -> None:
        """This has ended."""
        self._ends.pop(receipt, None)

    def _mind(self) -> None:
        while True:
            with self._changed:
                late = self._late()
                while late is None:
                    self._wakes_at = min((end for end, _ in self._ends.copy().values()), default=float("inf"))
                    left = self._wakes_at - time.monotonic()
                    self._changed.wait(None if left == float("inf") else max(0.0, left))
                    late = self._late()
            late()

    def _late(self) -> Callable[[], None] | None:
        """What to call for one that is past its end, if there is one."""
        now = time.monotonic()
        for receipt, (end, late) in self._ends.copy().items():
            if end <= now:
                self.stop(receipt)
                return late
        return None
