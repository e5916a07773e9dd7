"""A schedule: the trigger that starts a task by the clock, in the expressions of AWS EventBridge Scheduler.

    @app.task(Schedule("cron(0 9 ? * MON-FRI *)", timezone="Europe/Berlin", arguments={"region": "eu"}))
    def report(region: str) -> None: ...

On the embedded engine a worker fires it; on AWS the template asks EventBridge Scheduler to, by `asks`. Either way a
tick's message has the tick in its key, so that a tick which is delivered twice runs once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import tzinfo
from importlib import import_module
from types import MappingProxyType
from typing import Any, get_args

from ebbtide import strictjson
from ebbtide.errors import ArgumentError, DeclarationError, EnvelopeError
from ebbtide.names import nearest
from ebbtide.signature import Signature
from ebbtide.trigger import Asked, Json, Miss, Missed, Target, Timed
from ebbtide.triggers.expression import Timing, read
from ebbtide.triggers.wrong import Wrong, corrected
from ebbtide.triggers.zone import UnknownZone, zone_named
from ebbtide.values import ValueRefused, codec_for

KEY_WINDOW = 86_400.0
"""Seconds a tick's key is held."""

_LATE = 86_400
"""Seconds a tick may be late on AWS: as long as Scheduler ever tries to deliver."""

_TICK = "<aws.scheduler.scheduled-time>"
"""Scheduler writes the tick in its place, in ISO 8601; what stands in for it here does not."""


class Schedule(Timed):
    """Frozen; equal if all its parts are.

    expression: `rate(5 minutes)`, `cron(0 9 ? * MON-FRI *)` or `at(2027-01-01T09:00:00)`.
    timezone: the IANA name of the zone that cron and at are written in; a rate counts real time.
    arguments: keyword arguments of the call, as the function takes them.
    missed: what is made up of ticks that came due while nothing ran: "one" (the last), "skip", "all".

    Raises DeclarationError with the corrected form.
    """

    def __init__(
        self,
        expression: str,
        *,
        timezone: str = "UTC",
        arguments: Mapping[str, Any] = MappingProxyType({}),
        missed: Missed = "one",
    ) -> None:
        where = self._written(expression)
        if not isinstance(expression, str):
            raise DeclarationError(f"{where}: a text such as 'rate(5 minutes)' expected")
        try:
            timing, zone = read(expression), zone_named(timezone)
        except Wrong as wrong:
            right = corrected(expression, read)
            cure = f"write {self._written(right)}" if right else "as 'rate(5 minutes)' or 'cron(0 9 ? * MON-FRI *)' are"
            raise DeclarationError(f"{where}: {wrong}; {cure}") from None
        except UnknownZone as error:
            near = f"; write timezone={error.near[0]!r}" if error.near else "; write an IANA name, as 'Europe/Berlin'"
            raise DeclarationError(f"{where}: there is no time zone {timezone!r} here{near}") from None
        if missed not in get_args(Missed):
            raise DeclarationError(
                f"{where}: missed={missed!r} must be one of {', '.join(map(repr, get_args(Missed)))}"
            )
        if not isinstance(arguments, Mapping) or not all(isinstance(name, str) for name in arguments):
            raise DeclarationError(f"{where}: arguments={arguments!r:.80} must map the names of parameters to values")
        parts = {"expression": timing.text, "zone": timezone, "missed": missed, "name": f"{timing.text} {timezone}"}
        vars(self).update(parts, keywords=MappingProxyType(dict(arguments)), _timing=timing, _tzinfo=zone)

    @staticmethod
    def _written(expression: object) -> str:
        return f"Schedule({expression!r})"

    _signature: Callable[[], Signature] | None = None
    _timing: Timing
    _tzinfo: tzinfo

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Schedule is frozen; declare another instead of setting {name!r}")

    def __repr__(self) -> str:
        zone = f", timezone={self.zone!r}" if self.zone != "UTC" else ""
        given = f", arguments={dict(self.keywords)!r}" if self.keywords else ""
        missed = f", missed={self.missed!r}" if self.missed != "one" else ""
        return f"Schedule({self.expression!r}{zone}{given}{missed})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Schedule):
            return NotImplemented
        return (self.name, self.missed, self.keywords) == (other.name, other.missed, other.keywords)

    def __hash__(self) -> int:
        return hash((self.name, self.missed))

    def next_after(self, moment: float, anchor: float) -> float | None:
        return self._timing.next_after(moment, anchor, self._tzinfo)

    def check(self, task: str, parameters: Mapping[str, Any]) -> None:
        where = f"task {task!r}, {self!r}"
        for name, value in self.keywords.items():
            if name not in parameters:
                raise DeclarationError(f"{where}: the task has no parameter {name!r}.{nearest(name, parameters)}")
            try:
                codec_for(parameters[name]).encode(value)
            except ValueRefused as refused:
                raise DeclarationError(f"{where}: parameter {name!r}: {refused}") from None

    def bound(self, signature: Callable[[], Signature]) -> Schedule:
        try:
            signature().pack((), self.keywords)
        except ArgumentError as error:
            raise DeclarationError(f"{self!r}: its arguments do not fit: {error}") from None
        made = object.__new__(type(self))
        vars(made).update(vars(self), _signature=signature)
        return made

    def timing(self) -> dict[str, str]:
        """When it fires, as properties of an `AWS::Scheduler::Schedule`."""
        return {"ScheduleExpression": self.expression, "ScheduleExpressionTimezone": self.zone}

    def asks(self, target: Target) -> Asked:
        to: Json = {
            "Arn": {"Fn::GetAtt": [target.queue, "Arn"]},
            "RoleArn": {"Fn::GetAtt": [target.scheduler, "Arn"]},
            "Input": strictjson.dumps(self._event(target.task)),
            # A tick that is to be skipped when missed is worth nothing a minute later, which is the least AWS takes.
            "RetryPolicy": {
                "MaximumEventAgeInSeconds": 60 if self.missed == "skip" else _LATE,
                "MaximumRetryAttempts": 185,
            },
            "DeadLetterConfig": {"Arn": {"Fn::GetAtt": [target.dead_letters, "Arn"]}},
        }
        if target.fifo:
            to["SqsParameters"] = {"MessageGroupId": target.task}
        schedule: Json = {
            "Type": "AWS::Scheduler::Schedule",
            "Properties": {
                "Description": f"{self!r:.300} of task {target.task}",
                "GroupName": {"Ref": target.schedules},
                **self.timing(),
                "FlexibleTimeWindow": {"Mode": "OFF"},
                "Target": to,
            },
        }
        return Asked({f"{target.logical}Schedule": schedule})

    def _event(self, task: str) -> Json:
        """What a tick puts on the queue, its arguments as they travel."""
        arguments = self._signature().pack((), self.keywords)[1] if self._signature else dict(self.keywords)
        return {"schedule": self.name, "task": task, "tick": _TICK, "arguments": arguments}

    def miss(self, task: str, event: Mapping[str, Any]) -> Miss | None:
        if not isinstance(event.get("schedule"), str) or not isinstance(event.get("arguments"), dict):
            return Miss(0, "it is no tick of a schedule")
        if event.get("task") != task:
            return Miss(1, f"its task is {ascii(event.get('task'))[:80]}")
        return Miss(2, f"its schedule is {ascii(event['schedule'])[:80]}") if event["schedule"] != self.name else None

    def reads(self, task: str, event: Mapping[str, Any]) -> bool:
        return self.miss(task, event) is None

    def about(self, task: str, event: Mapping[str, Any]) -> dict[str, Any]:
        tick = event.get("tick")
        if not isinstance(tick, str) or not re.fullmatch(r"[0-9TZ:.+-]{10,40}", tick, re.ASCII):
            return {"headers": {"schedule": self.name}}
        given = strictjson.dumps(dict(sorted(event["arguments"].items())))
        # Who declares a schedule does not wait 3 ms for what only its ticks need.
        digest = import_module("hashlib").sha256(given.encode()).hexdigest()[:12]
        key = f"{task}@{self.name} #{digest} {tick}"
        return {"key": key, "key_window": KEY_WINDOW, "headers": {"schedule": self.name, "tick": tick}}

    def arguments(self, event: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        given = event.get("arguments")
        if event.get("schedule") != self.name or not isinstance(given, dict):
            raise EnvelopeError(f"not an event of {self!r}: its schedule is {event.get('schedule')!r:.80}")
        return [], given
