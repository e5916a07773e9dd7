"""From times to figures: rates, quantiles. Times are nanoseconds of one clock."""

import statistics
from collections.abc import Iterable

STARTING = 0.1
"""The part of a backlog during which worker processes may still be starting; it counts for nobody."""


def rate_until_last(tasks: int, start: int, ends: Iterable[int]) -> float:
    """Tasks a second from a start to the last end."""
    return tasks / (max(ends) - start) * 1e9


def steady_rate(ends: Iterable[int]) -> float:
    """Tasks a second after the first tenth, to the last, stragglers and all."""
    ordered = sorted(ends)
    skipped = int(len(ordered) * STARTING)
    return (len(ordered) - 1 - skipped) / (ordered[-1] - ordered[skipped]) * 1e9


def median_and_p99(values: list[float]) -> tuple[float, float]:
    """Half of the values are at most the first, 99 in a hundred at most the second."""
    return statistics.median(values), statistics.quantiles(values, n=100, method="inclusive")[98]


class Numbers:
    """Numbers for tasks, none given out twice."""

    def __init__(self) -> None:
        self._next = 0

    def take(self, tasks: int) -> range:
        """So many new ones."""
        self._next += tasks
        return range(self._next - tasks, self._next)
