"""What a task leaves behind: sixteen bytes in one file, at the same cost for every contender.

Counting through each queue's own results would measure the results. So the task appends the time and the
first eight characters of its payload, which are its number, to a file in memory where the machine has one.
The clock of a run stops at the last task's own time, not when somebody noticed; it is the monotonic one, which all
processes of a machine share and nobody sets.

Every phase of a round has numbers of its own, so that a task of an earlier one that runs twice is not taken for work
of a later one.
"""

import os
import struct
import time
from functools import cache
from pathlib import Path

RECORD = struct.Struct("!q8s")
PAYLOAD_BYTES = 100
BUSY_NS = 1_000_000
"""Nanoseconds of processor time that a busy task uses up."""

STALLED_AFTER = 30.0
"""Seconds without a single further task after which a run is given up."""


def payload(number: int, size: int = PAYLOAD_BYTES) -> str:
    """A task's argument: its number in eight digits, filled up to so many characters."""
    return f"{number:08d}".ljust(size, "x")


@cache
def _file() -> int:
    return os.open(os.environ["BENCH_MARKS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def leave(payload: str) -> None:
    """The whole work of an empty task."""
    os.write(_file(), RECORD.pack(time.monotonic_ns(), payload[:8].encode()))


def burn(payload: str) -> None:
    """The work of a busy task: a millisecond of this thread's processor time, however long that takes, then its mark.

    Slept, a millisecond would cost nothing, and on a crowded machine a millisecond of wall clock is no fixed work.
    """
    end = time.thread_time_ns() + BUSY_NS
    while time.thread_time_ns() < end:
        pass
    leave(payload)


class Stalled(Exception):
    """The workers stopped getting on before all tasks were done."""


class Marks:
    """The reader's side of the file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.path.touch()
        self._phase = 0  # where in the file this phase's marks begin

    def wait(self, numbers: range) -> dict[int, int]:
        """When each of these tasks was first executed, in nanoseconds of the monotonic clock, by number.

        They may have been sent only since the wait before has returned.
        """
        size, since = 0, time.monotonic()
        while True:
            now = self.path.stat().st_size
            if now > size:
                size, since = now, time.monotonic()
                if size - self._phase >= len(numbers) * RECORD.size:
                    done = self._read(numbers)
                    if len(done) == len(numbers):
                        self._phase = size // RECORD.size * RECORD.size
                        return done
            elif time.monotonic() - since > STALLED_AFTER:
                found = len(self._read(numbers))
                raise Stalled(f"{found} of {len(numbers)} tasks done, none in the last {STALLED_AFTER:.0f} s")
            time.sleep(0.01)

    def next(self, tasks: int) -> list[int]:
        """When the first so many were executed after this was called, whichever they are."""
        start = size = self.path.stat().st_size // RECORD.size * RECORD.size
        since = time.monotonic()
        while size - start < tasks * RECORD.size:
            now = self.path.stat().st_size
            if now > size:
                size, since = now, time.monotonic()
            elif time.monotonic() - since > STALLED_AFTER:
                raise Stalled(
                    f"{(size - start) // RECORD.size} of {tasks} done, none in the last {STALLED_AFTER:.0f} s"
                )
            time.sleep(0.01)
        return [when for when, _ in self._records(start)[:tasks]]

    def repeats(self) -> int:
        """How many executions were one too many; at-least-once allows them, a quiet machine has none."""
        numbers = [number for _, number in self._records(0)]
        return len(numbers) - len(set(numbers))

    def _read(self, numbers: range) -> dict[int, int]:
        done: dict[int, int] = {}
        for when, number in self._records(self._phase):
            if number in numbers:
                done.setdefault(number, when)
        return done

    def _records(self, start: int) -> list[tuple[int, int]]:
        with self.path.open("rb") as file:
            file.seek(start)
            data = file.read()
        whole = data[: len(data) // RECORD.size * RECORD.size]
        return [(when, int(number)) for when, number in RECORD.iter_unpack(whole)]
