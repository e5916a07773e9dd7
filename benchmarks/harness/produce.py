"""Enqueueing as a program does it: one by one, from eight threads, or all in one call."""

import threading
import time
from collections.abc import Callable
from typing import Any

from benchmarks.harness.marks import payload

THREADS = 8

Way = Callable[[Any, range], float]
"""Enqueues these numbers with this contender and answers how many a second."""


def one_by_one(contender: Any, numbers: range) -> float:
    """Tasks a second from one thread."""
    start = time.perf_counter()
    for number in numbers:
        contender.send(payload(number))
    return len(numbers) / (time.perf_counter() - start)


def in_bulk(contender: Any, numbers: range) -> float:
    """Tasks a second in one call."""
    batch = [payload(number) for number in numbers]
    start = time.perf_counter()
    contender.send_many(batch)
    return len(numbers) / (time.perf_counter() - start)


def from_threads(contender: Any, numbers: range) -> float:
    """Tasks a second from eight threads together, once each has sent its first."""
    started: list[float] = []
    errors: list[BaseException] = []
    everybody_connected = threading.Barrier(THREADS, action=lambda: started.append(time.perf_counter()))

    def produce(mine: range) -> None:
        try:
            contender.send(payload(mine[0]))
            everybody_connected.wait()
            for number in mine[1:]:
                contender.send(payload(number))
        except Exception as error:
            errors.append(error)
            everybody_connected.abort()

    threads = [threading.Thread(target=produce, args=(numbers[first::THREADS],)) for first in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return (len(numbers) - THREADS) / (time.perf_counter() - started[0])
