"""What one attempt came to: five values, decided in one place and acted upon in another.

They are named tuples, which are quicker to make and to import than dataclasses.
"""

from __future__ import annotations

from typing import NamedTuple

from ebbtide.result import TaskError


class Succeeded(NamedTuple):
    """The task returned; value is its JSON text. Times are seconds since 1970."""

    value: str
    started_at: float
    finished_at: float


class NotYet(NamedTuple):
    """Not started, and the attempt is not spent: it is not due yet, no longer fits, or for the reason in `why`.

    wait is in seconds.
    """

    wait: float = 0.0
    why: str = ""


class Skipped(NamedTuple):
    """Not started: another delivery of the same keyed message was run to its end, so this one is only acknowledged."""

    why: str = "its message was run to its end before"  # a tuple of nothing would be false where an outcome may be None


class TryAgain(NamedTuple):
    """The attempt failed and there are more; wait is in seconds."""

    error: TaskError
    wait: float
    started_at: float
    finished_at: float


class Failed(NamedTuple):
    """The end of the line, with the reason."""

    error: TaskError
    started_at: float
    finished_at: float


Outcome = Succeeded | Skipped | NotYet | TryAgain | Failed
