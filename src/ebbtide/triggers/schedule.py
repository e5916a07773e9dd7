"""A schedule: the trigger that starts a task by the clock, in the expressions of AWS EventBridge Scheduler.

    @app.task(Schedule("cron(0 9 ? * MON-FRI *)", timezone="Europe/Berlin", arguments={"region": "eu"}))
    def report(region: str) -> None: ...

On the embedded engine a worker fires it; on AWS the template asks EventBridge Scheduler to, by `asks`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import tzinfo
from types import MappingProxyType
from typing import Any, get_args

from ebbtide import strictjson
from ebbtide.errors import ArgumentError, DeclarationError, EnvelopeError
from ebbtide.names import nearest
from ebbtide.signature import Signature
from ebbtide.trigger import Asked, Json, Missed, Target, Timed
from ebbtide.triggers.expression import Timing, read
from ebbtide.triggers.wrong import Wrong, corrected
from ebbtide.triggers.zone import UnknownZone, zone_named
from ebbtide.values import ValueRefused, codec_for


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
        where = f"Schedule({expression!r})"
        if not isinstance(expression, str):
            raise DeclarationError(f"{where}: a text such as 'rate(5 minutes)' expected")
        try:
            timing, zone = read(expression), zone_named(timezone)
        except Wrong as wrong:
            right = corrected(expression, read)
            cure = f"write Schedule({right!r})" if right else "as 'rate(5 minutes)' or 'cron(0 9 ? * MON-FRI *)' are"
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
        return self

    def timing(self) -> dict[str, str]:
        """When it fires, as properties of an `AWS::Scheduler::Schedule`."""
        return {"ScheduleExpression": self.expression, "ScheduleExpressionTimezone": self.zone}

    def asks(self, target: Target) -> Asked:
        event = {"schedule": self.name, "task": target.task, "arguments": dict(self.keywords)}
        to: Json = {
            "Arn": {"Fn::GetAtt": [target.queue, "Arn"]},
            "RoleArn": {"Fn::GetAtt": [target.scheduler, "Arn"]},
            "Input": strictjson.dumps(event),
        }
        if target.fifo:
            to["SqsParameters"] = {"MessageGroupId": target.task}
        schedule: Json = {
            "Type": "AWS::Scheduler::Schedule",
            "Properties": {
                "GroupName": target.place.prefix,
                **self.timing(),
                "FlexibleTimeWindow": {"Mode": "OFF"},
                "Target": to,
            },
        }
        return Asked({f"{target.logical}Schedule": schedule})

    def arguments(self, event: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        given = event.get("arguments")
        if event.get("schedule") != self.name or not isinstance(given, dict):
            raise EnvelopeError(f"not an event of {self!r}: its schedule is {event.get('schedule')!r:.80}")
        return [], given
