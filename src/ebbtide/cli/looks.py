"""Looking at an app's queues again and again: what they hold, and how many messages a second come and go.

What came in is not counted anywhere: it is what ended plus what the queue grew by. So it is known from the second look
on; a redrive counts as coming in, and a purge hides as much of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

from ebbtide.app import App
from ebbtide.broker import Depth, total
from ebbtide.cli.options import broker_to_read
from ebbtide.cli.stages import queues_of
from ebbtide.figures import Figures

WINDOW = 60.0
"""Seconds over which rates are taken, or since the watch began."""


class Look(NamedTuple):
    """One look: when (seconds since 1970), what each queue holds, and what ended in each minute, by queue."""

    at: float
    depths: Mapping[str, Depth]
    ended: Mapping[tuple[str, int], int]


class Line(NamedTuple):
    """One queue at one look; rates are messages a second, None at the first look."""

    queue: str
    depth: Depth
    came: float | None
    ended: float | None


class Watch:
    """Looks at the queues of an app and knows the looks of the last minute."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._looks: deque[Look] = deque()

    def look(self) -> tuple[float, list[Line]]:
        """Look now; the time and a line for each queue, in the order declared."""
        new = self._now()
        self._looks.append(new)
        while len(self._looks) > 2 and new.at - self._looks[1].at >= WINDOW:
            self._looks.popleft()
        return new.at, [Line(queue, depth, *self._rates(queue)) for queue, depth in new.depths.items()]

    def _now(self) -> Look:
        broker, at = broker_to_read(self._app), self._app.now()
        ended: dict[tuple[str, int], int] = {}
        if isinstance(broker, Figures):
            for minute, queue, _, counted in broker.minutes(self._looks[0].at if self._looks else at):
                ended[queue, minute] = ended.get((queue, minute), 0) + counted.ended
        names = [queue.name for queue in queues_of(self._app, broker)]
        return Look(at, {queue: total(broker.depth(queue)) for queue in names}, ended)

    def _rates(self, queue: str) -> tuple[float | None, float | None]:
        old, new = self._looks[0], self._looks[-1]
        passed = new.at - old.at
        if passed <= 0:
            return None, None
        ended = sum(n - old.ended.get(key, 0) for key, n in new.ended.items() if key[0] == queue)
        grown = new.depths[queue].pending - old.depths[queue].pending
        return max(0, grown + ended) / passed, ended / passed
