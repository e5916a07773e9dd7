"""The trigger ports: what outside of code starts a task, and what starts it by the clock.

A trigger has two halves: it reads the events it is for (`reads`, `arguments`), and it says what a template needs so
that these events come (`asks`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from ebbtide.physical import Place
from ebbtide.signature import Signature

Missed = Literal["one", "skip", "all"]
"""What is made up of ticks that came due while nothing ran: the last of them, none, or each."""


Json = dict[str, Any]


LOGICAL_ID = "tableLogicalId"
"""Member of a stream's record, added by its function: what the template calls the table, if it is the stage's own."""

INVOKED = "ebbtide:invocation"
"""The `eventSource` of what a trigger is offered when a function was itself invoked; `event` is what with."""

TABLE_VARIABLE = "EBBTIDE_TABLE_"
"""Begins the name of a function's variable that holds a table's name on AWS; its logical id follows."""


class Target(NamedTuple):
    """Where a trigger's events are to go, in words of a template.

    logical: a logical id for this trigger that no other has, to begin its resources' ids with. place: the stage.
    queue, function: logical ids of lane 0 of the task's queue and of the function that runs it. fifo: the queue's kind.
    task: the task's name. scheduler: the logical id of the role by which EventBridge Scheduler sends to the queue;
    schedules: that of the stage's schedule group. dead_letters: that of its standard dead-letter queue. The policy of a
    queue has the queue's own id with `Policy` behind it.
    """

    logical: str
    place: Place
    queue: str
    function: str
    fifo: bool
    task: str
    scheduler: str
    schedules: str
    dead_letters: str


class Route(NamedTuple):
    """A route of the stage's HTTP API. path: as API Gateway writes it, `/reports/{year}`. authorization: who may call
    it, "public" or "iam", or the name of an authorizer in the stage's settings; None if nobody said. later: whether it
    answers with where the result will be, so that the API needs a route for that, too."""

    method: str
    path: str
    authorization: str | None
    later: bool = False


class Asked(NamedTuple):
    """What a trigger asks of a template.

    resources: by logical id. statements: what the function's role must allow, as IAM statements. senders: statements
    of the queue's policy (without Resource), for services that send to it. undelivered: the same of the stage's
    standard dead letters, for services that put there what they could not deliver. parameters: of the template.
    environment: variables of the function's, as EBBTIDE_TABLE_Orders, for what only the template can know.
    """

    resources: Mapping[str, Json] = MappingProxyType({})
    statements: Sequence[Json] = ()
    senders: Sequence[Json] = ()
    undelivered: Sequence[Json] = ()
    parameters: Mapping[str, Json] = MappingProxyType({})
    route: Route | None = None
    environment: Mapping[str, str | Json] = MappingProxyType({})


class Miss(NamedTuple):
    """Why an event is none for a trigger. near: how many of its conditions hold; more is nearer. reason: the first that
    does not, in words, to stand behind "it is not for it:"."""

    near: int
    reason: str


class Trigger(ABC):
    """A frozen value given to `@app.task(...)`: both halves of being started from outside in one class."""

    @property
    def claim(self) -> str | None:
        """What only one task of an app may have, as `GET /reports/{}`; None: nothing."""
        return None

    @property
    def together(self) -> int:
        """The most of its events that one invocation of a function is handed."""
        return 1

    @abstractmethod
    def check(self, task: str, parameters: Mapping[str, Any]) -> None:
        """Raise DeclarationError if a task with these parameters (name to annotation) cannot be started by it."""

    @abstractmethod
    def arguments(self, event: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """The JSON arguments of the call this event asks for. Raises EnvelopeError for an event of another kind."""

    def reads(self, task: str, event: Mapping[str, Any]) -> bool:
        """Whether this event, which came to the queue or the function of this task, is one for `arguments`."""
        return False

    def miss(self, task: str, event: Mapping[str, Any]) -> Miss | None:
        """Why it does not read this event; None if it does."""
        return None if self.reads(task, event) else Miss(0, "it reads no such events")

    def about(self, task: str, event: Mapping[str, Any]) -> dict[str, Any]:
        """What the message of this call has beside its arguments, by the names of Message's members: its own id and
        lineage, lane, headers, key; what is left out is as the event's source says. Raises EnvelopeError."""
        return {}

    def asks(self, target: Target) -> Asked:
        """What the template must have so that the events come."""
        return Asked()

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
