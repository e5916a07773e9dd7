"""Threads that take turns: one runs at a time, and at each step chance says which goes on. So a seed repeats a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from threading import Semaphore, Thread


class Died(BaseException):
    """A process ended here."""


class Turns:
    """Runs jobs in turns. Each may be given the number of steps after which it dies."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._gates: dict[int, Semaphore] = {}
        self._fates: dict[int, int | None] = {}
        self._now = -1
        self.deaths = 0

    def run(self, jobs: Sequence[tuple[Callable[[], None], int | None]]) -> None:
        """Run these to their ends. A job that dies is over; any other exception of one is raised here."""
        faults: list[BaseException] = []
        self._gates = {number: Semaphore(0) for number in range(len(jobs))}
        self._fates = {number: fate for number, (_, fate) in enumerate(jobs)}

        def perform(number: int, job: Callable[[], None]) -> None:
            self._gates[number].acquire()
            try:
                job()
            except Died:
                self.deaths += 1
            except BaseException as fault:
                faults.append(fault)
            finally:
                del self._gates[number]
                self._next()

        threads = [Thread(target=perform, args=(number, job)) for number, (job, _) in enumerate(jobs)]
        for thread in threads:
            thread.start()
        self._next()
        for thread in threads:
            thread.join()
        self._now = -1
        if faults:
            raise faults[0]

    def step(self) -> None:
        """Somebody else's turn, perhaps; or the end of this one. Nothing outside of a job."""
        me = self._now
        if me < 0:
            return
        left = self._fates[me]
        if left == 0:
            raise Died
        self._fates[me] = None if left is None else left - 1
        if self._next() != me:
            self._gates[me].acquire()

    def _next(self) -> int | None:
        """Choose who goes on, and let it."""
        before, running = self._now, list(self._gates)
        if not running:
            return None
        self._now = self._random.choice(running)
        if self._now != before or before not in self._gates:
            self._gates[self._now].release()
        return self._now
