"""The port of brokers that can be emptied: what an operator means by "throw these away", as data, and the two verbs.

What runs is never thrown away: it is on loan, and its holder's word counts.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Literal, NamedTuple

State = Literal["ready", "delayed", "dead", "done"]
STATES: tuple[State, ...] = ("ready", "delayed", "dead", "done")
"""As a `Depth` counts them; done: succeeded, and its record still kept."""

Place = tuple[str, State]
"""A queue's name and a state."""


class Chosen(NamedTuple):
    """Which messages are meant: those of these queues, in these states, from `before` (seconds since 1970) or older.

    A message that waits is as old as its enqueue, one that is dead or done as its end.
    """

    queues: tuple[str, ...]
    states: tuple[State, ...]
    before: float

    @property
    def places(self) -> list[Place]:
        """Every queue with every state."""
        return [(queue, state) for queue in self.queues for state in self.states]


class Purgeable(ABC):
    """Port: messages that can be removed before their time."""

    @abstractmethod
    def purgeable(self, chosen: Chosen) -> dict[Place, int]:
        """How many messages are meant, for each place; those without any are left out."""

    @abstractmethod
    def remove(self, chosen: Chosen) -> Iterator[int]:
        """Remove what is meant and not running, with records and payloads, for good; yields how many went, slice by
        slice, so that nobody waits long.

        A key whose task never succeeded is free again; that of a done one is held for its window.
        """
