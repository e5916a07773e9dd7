"""The trigger ports: what outside of code starts a task, and what starts it by the clock."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

from ebbtide.signature import Signature

Missed = Literal["one", "skip", "all"]
"""What is made up of ticks that came due while nothing ran: the last of them, none, or each."""


class Trigger(ABC):
    """A frozen value given to `@app.task(...)`: both halves of being started from outside in one class."""

    @property
    def claim(self) -> str | None:
        """What only one task of an app may have, as `GET /reports/{}`; None: nothing."""
        return None

    @abstractmethod
    def check(self, task: str, parameters: Mapping[str, Any]) -> None:
        """Raise DeclarationError if a task with these parameters (name to annotation) cannot be started by it."""

    @abstractmethod
    def arguments(self, event: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """The JSON arguments of the call this event asks for. Raises EnvelopeError for an event of another kind."""

    def bound(self, signature: Callable[[], Signature]) -> Trigger:
        """This trigger as its task holds it. signature: that task's, for a trigger that reads events by annotation; to
        be asked for at the first event, when all annotations can be resolved."""
        return self


class Timed(Trigger):
    """A trigger that fires by the clock; a tick is one time it does, in seconds since 1970.

    name: when it fires, in words that stay the same: `cron(0 9 * * ? *) Europe/Berlin`. expression, zone: the same in
    its parts; zone is an IANA name. missed: what is made up. keywords: the keyword arguments of the call, as the
    task's function takes them.
    """

    name: str
    expression: str
    zone: str
    missed: Missed
    keywords: Mapping[str, Any]

    @abstractmethod
    def next_after(self, moment: float, anchor: float) -> float | None:
        """The first tick later than `moment`; None if there is none. anchor: when the schedule was first seen."""

    def ticks(self, moment: float, anchor: float) -> Iterator[float]:
        """Every tick later than `moment`, one after another; there may be no end of them."""
        tick = self.next_after(moment, anchor)
        while tick is not None:
            yield tick
            tick = self.next_after(tick, anchor)
