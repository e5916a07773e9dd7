"""What the machine did besides a round: the load, and the processor time that was used up by others.

All busy time of the machine, from Linux's /proc/stat, less that of the round's own processes. What a virtual machine's
host took away ("steal") is told apart. Elsewhere only the load average is known.
"""

import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

STAT = Path("/proc/stat")
CROWDED = 0.2
"""Cores: above this, others and the host together have disturbed a round."""


@dataclass
class Watch:
    """One round's surroundings. others, steal: cores, on average; None where nobody counts them."""

    load_before: float
    load_after: float = 0.0
    others: float | None = None
    steal: float | None = None

    @property
    def crowded(self) -> bool:
        return (self.others or 0.0) + (self.steal or 0.0) > CROWDED


@contextmanager
def watching() -> Iterator[Watch]:
    """The surroundings of what runs within, known at its end. Children count once they have been waited for."""
    watch = Watch(os.getloadavg()[0])
    began, own, machine = time.monotonic(), _own_seconds(), _machine_seconds()
    yield watch
    seconds, used, now = time.monotonic() - began, _own_seconds() - own, _machine_seconds()
    watch.load_after = os.getloadavg()[0]
    if machine and now:
        watch.others = max(0.0, (now[0] - machine[0] - used) / seconds)
        watch.steal = (now[1] - machine[1]) / seconds


def busy_and_stolen(line: str, ticks: int) -> tuple[float, float]:
    """Seconds that all cores together were busy, and seconds that the host took, from the first line of /proc/stat."""
    user, nice, system, _idle, _iowait, irq, softirq, steal = (int(word) for word in line.split()[1:9])
    return (user + nice + system + irq + softirq) / ticks, steal / ticks


def _machine_seconds() -> tuple[float, float] | None:
    if not STAT.exists():
        return None
    return busy_and_stolen(STAT.read_text().partition("\n")[0], os.sysconf("SC_CLK_TCK"))


def _own_seconds() -> float:
    used = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)
