"""Virtual time, and several actors in it of whom one moves at a time.

An actor is a thread that runs only while it has the baton, so what happens is the same for the same seed. It gives the
baton back when it sleeps or waits; time then jumps to whoever is due next. Nobody waits for a real second.

An actor that plays a Lambda invocation can be killed: at its deadline, or by `kill`. From then on each of its sleeps
and each call of a simulated client raises Killed, so code that swallows the exception, as no killed process could, has
no further effect on the world.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable, Hashable
from itertools import count
from typing import TypeVar

from tests.fakes import NOON, Clock

T = TypeVar("T")
NEVER = float("inf")


class Killed(BaseException):
    """The process is gone. Whoever catches this changes nothing any more."""


class Actor:
    """One who acts in virtual time. deadline: when it is killed, in seconds since 1970."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.deadline = NEVER
        self.dead = False
        self.hops = 0  # Lambda invocations between the first message of its chain and what it does now
        self.ended = False
        self.until = NEVER  # when it goes on at the latest
        self.wake = -1  # number of the one entry of the timetable that counts
        self.waits_for: Hashable = None
        self.turn = threading.Lock()
        self.turn.acquire()


class Timeline(Clock):
    """Seconds since 1970. The thread that made it drives: it lets time pass by `sleep` or `run`."""

    def __init__(self, now: float = NOON) -> None:
        super().__init__(now)
        self.current: Actor | None = None
        self._timetable: list[tuple[float, int, Actor]] = []
        self._number = count()
        self._driver = threading.Lock()
        self._driver.acquire()
        self._actors: list[Actor] = []
        self._waited_for: Hashable = None
        self._limit = now  # how far the driver lets time pass
        self._error: BaseException | None = None
        self._closing = False

    # For actors and the driver alike

    def sleep(self, seconds: float) -> None:
        self.wait(self.now + max(0.0, seconds))

    def forward(self, seconds: float) -> None:
        self.sleep(seconds)

    def wait(self, until: float, on: Hashable = None) -> None:
        """Until that time, or until somebody notifies `on`."""
        actor = self.current
        if actor is None:
            self._waited_for = on
            self.run(until)
            return
        self.check()
        target = min(until, actor.deadline)
        if target <= self._limit and not (self._timetable and self._timetable[0][0] <= target):
            self.now = max(self.now, target)  # nobody else is due before: the baton need not go round
        else:
            actor.waits_for = on
            self._plan(actor, target)
            self._give_back(actor)
            actor.waits_for = None
        if self.now >= actor.deadline:
            actor.dead = True
        self.check()

    def notify(self, on: Hashable, at: float | None = None) -> None:
        """One of those who wait for this goes on, now or at this time at the latest, and looks for itself.

        One is enough: whoever takes something and leaves something notifies the next. It is the one who would have
        waited longest, so that a time which another one waits for is not forgotten.
        """
        at = self.now if at is None else at
        waiting = [actor for actor in self._actors if actor.waits_for == on]
        if waiting and min(actor.until for actor in waiting) > at:
            self._plan(max(waiting, key=lambda actor: actor.until), at)
        if self._waited_for == on:
            self._waited_for, self._limit = None, self.now

    def check(self) -> None:
        """Raises Killed if whoever asks is dead."""
        if self.current is not None and (self.current.dead or self._closing):
            raise Killed(self.current.name)

    def kill(self) -> None:
        """End whoever calls this, as kill -9 would."""
        if self.current is not None:
            self.current.dead = True
        raise Killed("killed")

    # For the driver

    def start(self, name: str, act: Callable[[], object], after: float = 0.0) -> Actor:
        """A new actor, whose turn comes when time passes next."""
        actor = Actor(name)
        self._actors.append(actor)

        def live() -> None:
            actor.turn.acquire()
            try:
                if not self._closing:
                    act()
            except Killed:
                pass
            except BaseException as error:
                self._error = error
            actor.ended = True
            self.current = None
            self._driver.release()

        threading.Thread(target=live, name=name, daemon=True).start()
        self._plan(actor, self.now + after)
        return actor

    def run(self, until: float) -> None:
        """Let time pass until then; an error of an actor is raised here. Ends early once what is waited for came."""
        waiting, self._limit = self._waited_for is not None, until
        while self._timetable and self._timetable[0][0] <= until and (not waiting or self._waited_for is not None):
            at, number, actor = heapq.heappop(self._timetable)
            if number == actor.wake and not actor.ended:
                self.now = max(self.now, at)
                self._give_to(actor)
        if not waiting or self._waited_for is not None:
            self.now = max(self.now, until)
        self._waited_for = None

    def run_while(self, condition: Callable[[], bool], until: float) -> bool:
        """Let time pass while this holds, looked at whenever time moves; whether it came to an end by then."""
        while condition() and self._timetable and self._timetable[0][0] <= until:
            self.run(self._timetable[0][0])
        return not condition()

    def act(self, name: str, do: Callable[[], T]) -> T:
        """What this gives when an actor does it; time passes for the others, too."""
        given: list[T] = []
        actor = self.start(name, lambda: given.append(do()))
        self.run_while(lambda: not actor.ended, NEVER)
        return given[0]

    def close(self) -> None:
        """End all actors."""
        self._closing = True
        for actor in self._actors:
            while not actor.ended:
                self._give_to(actor)

    def _plan(self, actor: Actor, at: float) -> None:
        actor.wake, actor.until = next(self._number), at
        if at < NEVER:
            heapq.heappush(self._timetable, (at, actor.wake, actor))

    def _give_to(self, actor: Actor) -> None:
        self.current = actor
        actor.turn.release()
        self._driver.acquire()
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        if actor.ended and actor in self._actors and not self._closing:
            self._actors.remove(actor)

    def _give_back(self, actor: Actor) -> None:
        self.current = None
        self._driver.release()
        actor.turn.acquire()
