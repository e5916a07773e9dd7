"""The queues under test, each in one module with the same five members.

A contender's module is imported by its producer and by its workers, in an environment that holds this
contender alone. What differs from run to run comes from the environment variables named below, because
that is all that reaches a worker started by its own command.
"""

import os
from pathlib import Path
from typing import Protocol

WORK = Path(os.environ.get("BENCH_WORK", "."))
"""An empty directory on a real disk, new for every round."""

REDIS = os.environ.get("BENCH_REDIS", "")
"""The URL of a Redis server of this round's own, for those who use one."""

VARIANT = os.environ.get("BENCH_VARIANT", "")
"""Which of a contender's settings to run, for those who come in more than one."""


class Contender(Protocol):
    """What a contender's module offers. Its tasks do nothing but `leave(payload)`, or `burn(payload)` the busy one."""

    def prepare(self) -> None:
        """Make tables and the like; called once a round, before anything is sent."""

    def send(self, payload: str) -> None:
        """Enqueue one task and return when the queue has acknowledged it."""

    def send_busy(self, payload: str) -> None:
        """The same with the task that takes a millisecond of processor time."""

    def send_many(self, payloads: list[str]) -> None:
        """Enqueue all in one go. A module whose queue has no way to do so sets this to None."""

    def worker_commands(self, processes: int) -> list[list[str]]:
        """The commands which, together, run so many worker processes. Programs are named, not located."""
