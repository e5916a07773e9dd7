"""The app of R15: the one of `worker_app`, and tasks that fail now and then or take their process with them."""

from __future__ import annotations

import random

from tests.bar.crashes import CRASHES
from tests.bar.worker_app import app, note

from ebbtide import RetryPolicy

__all__ = ["app"]


@app.task
def crash(number: int, how: str) -> None:
    note("start", number)
    CRASHES[how]()


@app.task(retry=RetryPolicy(attempts=50, base=0.05, cap=0.2))
def flaky(number: int) -> None:
    note("start", number)
    if random.random() < 0.5:
        raise ValueError(number)
    note("end", number)
