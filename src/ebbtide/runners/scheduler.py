"""The scheduler: a thread of a worker process that fires what is due by the clock.

It sleeps until the next tick. What is due is decided as data, from a cursor and the time alone; to fire it is one write
that only one of all schedulers can do. Since a cursor never goes back, no tick comes twice, whatever the wall clock
does: set back, it catches up with the cursor first; set forward, time has passed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import takewhile
from queue import Empty, SimpleQueue
from threading import Thread
from typing import NamedTuple

from ebbtide.app import App
from ebbtide.errors import StorageError
from ebbtide.message import Message
from ebbtide.ticks import Cursor, Scheduled, Ticks, schedules
from ebbtide.trigger import Timed

GRACE = 60.0
"""Seconds a tick may be late and still be on time, as on AWS, where the finest is a minute. Past that it was missed."""

NAP = 5.0
"""Seconds it sleeps at most, to notice that somebody set the wall clock."""

REPAIR = 1.0
"""Seconds between attempts to reach a broker that cannot be written to."""

LAST_WRITE = 5.0
"""Seconds a stop waits for a write under way."""

SLICE = 500
"""Messages stored as one write at most."""

KEY_WINDOW = 86_400.0
"""Seconds a tick's key is held: should a cursor be lost, its last ticks still come once."""

DAY = 86_400.0


class Due(NamedTuple):
    """What is to be done: the tick to move the cursor to, and the ticks to run; missed: how many of all were, and
    made_up: how many of those are run."""

    reached: float
    run: tuple[float, ...]
    missed: int = 0
    made_up: int = 0


def due(trigger: Timed, cursor: Cursor, now: float) -> Due | None:
    """What is due by now; None if nothing is. With missed="all" a slice of it."""
    reached, count = cursor.reached, 0
    missed: list[float] = []
    on_time: list[float] = []
    for tick in takewhile(lambda tick: tick <= now, trigger.ticks(reached, cursor.anchor)):
        reached = tick
        if tick >= now - GRACE:
            on_time.append(tick)
        else:
            count += 1
            missed = [*missed, tick] if trigger.missed == "all" else [tick]
        if len(missed) + len(on_time) == SLICE:
            break
    if reached == cursor.reached:
        return None
    if trigger.missed == "skip" or (trigger.missed == "one" and on_time):
        missed = []
    return Due(reached, (*missed, *on_time), count, len(missed))


def told(name: str, found: Due) -> str:
    """What became of missed ticks, in words."""
    ticks = "1 tick" if found.missed == 1 else f"{found.missed} ticks"
    if found.made_up:
        done = "made up once" if found.made_up == 1 else "all made up"
    else:
        done = "the one due now stands for them" if found.run else "skipped"
    return f"{ticks} of {name} missed while nothing ran; {done}"


def iso(tick: float) -> str:
    """A tick as its message's header has it: ISO 8601, UTC."""
    return datetime.fromtimestamp(tick, UTC).isoformat().replace("+00:00", "Z")


def messages(scheduled: Scheduled, ticks: Sequence[float]) -> list[Message]:
    """One call of the task for each tick, with its key."""
    made = []
    for tick in map(iso, ticks):
        key = f"{scheduled.name} {tick}"
        headers = {"schedule": scheduled.name, "tick": tick}
        task = scheduled.task.using(key=key, key_window=KEY_WINDOW, headers=headers)
        made.append(task.message(**scheduled.trigger.keywords))
    return made


class Scheduler:
    """Fires the schedules of an app until stopped. No thread for an app without any.

    say: told of missed ticks. trouble: told of errors; what failed is tried again. nap: seconds, see NAP.
    Raises ArgumentError for a schedule whose arguments do not fit its task.
    """

    def __init__(
        self, app: App, say: Callable[[str], None], trouble: Callable[[Exception], None], *, nap: float = NAP
    ) -> None:
        self._app = app
        self._say = say
        self._trouble = trouble
        self._nap = nap
        self._all = {scheduled.name: scheduled for scheduled in schedules(app.tasks)}
        self._cursors: dict[str, Cursor] = {}
        self._next: dict[str, float] = {}
        self._bell: SimpleQueue[None] = SimpleQueue()  # unlike an Event it may be rung in a signal handler
        self._thread = Thread(target=self._run, name="ebbtide-scheduler", daemon=True)

    def start(self) -> None:
        """Begin, if there is anything to fire and a broker that remembers it."""
        if self._all and isinstance(self._app.broker, Ticks):
            self._thread.start()

    def ring(self) -> None:
        """Have it end soon. For a signal handler."""
        self._bell.put(None)

    def stop(self) -> None:
        """Fire nothing more; returns when it has ended."""
        self.ring()
        if self._thread.ident is not None:
            self._thread.join(LAST_WRITE)

    def _run(self) -> None:
        pause = 0.0
        while not self._stopped(pause):
            try:
                pause = self._round()
            except StorageError as error:
                self._trouble(error)
                pause = REPAIR

    def _stopped(self, pause: float) -> bool:
        try:
            self._bell.get(timeout=pause)
        except Empty:
            return False
        return True

    def _round(self) -> float:
        """Fire what is due; the seconds until there is more."""
        broker, now = self._app.broker, self._app.now()
        assert isinstance(broker, Ticks)  # noqa: S101 - else it was never started
        for name, scheduled in self._all.items():
            if self._next.get(name, now) <= now:
                try:
                    self._see_to(broker, scheduled, now)
                except StorageError:
                    raise
                except Exception as error:  # of this schedule alone: somebody's own trigger, for one
                    self._trouble(error)
                    self._next[name] = now + GRACE
        return min([self._nap, *(max(0.0, at - now) for at in self._next.values())])

    def _see_to(self, broker: Ticks, scheduled: Scheduled, now: float) -> None:
        name, trigger = scheduled.name, scheduled.trigger
        cursor = self._cursors.get(name)
        if cursor is None:
            cursor = broker.cursor(name, now)
            if cursor.reached > now + DAY:
                self._say(
                    f"{name} waits until {iso(cursor.reached)}: it was fired up to then, by a clock ahead of ours"
                )
        found = due(trigger, cursor, now)
        if found:
            if broker.fire(name, cursor, found.reached, messages(scheduled, found.run)):
                cursor = cursor._replace(fired=found.reached)
                if found.missed:
                    self._say(told(name, found))
            else:  # somebody else was first
                cursor = broker.cursor(name, now)
        self._cursors[name] = cursor
        self._next[name] = _or_never(trigger.next_after(cursor.reached, cursor.anchor))


def _or_never(tick: float | None) -> float:
    return float("inf") if tick is None else tick
