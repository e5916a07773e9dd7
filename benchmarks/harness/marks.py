"""What a task leaves behind: sixteen bytes in one file, at the same cost for every contender.

Counting through each queue's own results would measure the results. So the task appends the time and the
first eight characters of its payload, which are its number, to a file in memory where the machine has one.
The clock of a run stops at the last task's own time, not when somebody noticed.
"""

import os
import struct
import time
from functools import cache
from pathlib import Path

RECORD = struct.Struct("!q8s")
PAYLOAD_BYTES = 100
STALLED_AFTER = 30.0
"""Seconds without a single further task after which a run is given up."""


def payload(number: int) -> str:
    """A task's argument: its number in eight digits, filled up to 100 characters."""
    return f"{number:08d}".ljust(PAYLOAD_BYTES, "x")


@cache
def _file() -> int:
    return os.open(os.environ["BENCH_MARKS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def leave(payload: str) -> None:
    """The whole work of a task."""
    os.write(_file(), RECORD.pack(time.time_ns(), payload[:8].encode()))


class Stalled(Exception):
    """The workers stopped getting on before all tasks were done."""


class Marks:
    """The reader's side of the file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clear()

    def clear(self) -> None:
        """Forget what was done so far; the workers go on appending."""
        self.path.write_bytes(b"")

    def wait(self, tasks: int) -> dict[int, int]:
        """When each of so many tasks was first executed, in nanoseconds since the epoch, by number."""
        size, since = 0, time.monotonic()
        while True:
            now = self.path.stat().st_size
            if now >= tasks * RECORD.size:
                done = self.read()
                if len(done) >= tasks:
                    return done
            if now > size:
                size, since = now, time.monotonic()
            elif time.monotonic() - since > STALLED_AFTER:
                raise Stalled(f"{len(self.read())} of {tasks} tasks done, none in the last {STALLED_AFTER:.0f} s")
            time.sleep(0.01)

    def read(self) -> dict[int, int]:
        done: dict[int, int] = {}
        data = self.path.read_bytes()
        for when, number in RECORD.iter_unpack(data[: len(data) // RECORD.size * RECORD.size]):
            done.setdefault(int(number), when)
        return done

    def repeats(self) -> int:
        """How many executions were one too many; at-least-once allows them, a quiet machine has none."""
        return self.path.stat().st_size // RECORD.size - len(self.read())
