"""A process that is only a scheduler, on `clock_app`; it ends with its standard input."""

from __future__ import annotations

import os
import sys

from tests.bar.clock_app import FAULT, app

from ebbtide.runners.scheduler import Scheduler
from ebbtide.ticks import Ticks

NAP = 0.01
"""Seconds: the clock runs so fast that there is always something due."""


class BackWithTheClock(Scheduler):
    """Plants a fault: where the clock is set back, the cursors go back with it."""

    def _round(self) -> float:
        broker, now = self._app.broker, self._app.now()
        assert isinstance(broker, Ticks)
        for name in self._all:
            cursor = broker.cursor(name, now)
            if cursor.reached > now:
                broker.fire(name, cursor, now, [])
        self._cursors.clear()
        self._next.clear()
        return super()._round()


if __name__ == "__main__":
    kind = BackWithTheClock if FAULT == "back-with-the-clock" else Scheduler
    scheduler = kind(app, lambda said: None, lambda error: print(error, file=sys.stderr, flush=True), nap=NAP)
    scheduler.start()
    os.write(1, b"ready\n")
    sys.stdin.read()
    scheduler.stop()
    app.close()
