"""What the functions of a stage wrote: read from CloudWatch in order, and followed as it grows.

CloudWatch shows lines late and out of order, so a follower looks back some seconds and leaves out what it has shown.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from ebbtide.deploy.stack.account import Account
from ebbtide.deploy.stack.trouble import code_of, told

PAUSE = 2.0
"""Seconds between two looks; CloudWatch allows an account few a second."""

LATE = 15.0
"""Seconds a line may be late and still be shown by a follower."""

_PLATFORM = ("START RequestId: ", "END RequestId: ", "REPORT RequestId: ", "INIT_START ")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


class Line(NamedTuple):
    """One line. at: seconds since 1970; function: its name; fields: what it says, if it is one of our lines of JSON."""

    at: float
    function: str
    text: str
    fields: Mapping[str, Any] | None

    @property
    def platform(self) -> bool:
        """Whether Lambda itself says that an invocation begins or ends."""
        return self.fields is None and self.text.startswith(_PLATFORM)


class Wanted(NamedTuple):
    """Which lines are asked for; a line that is not JSON is asked for only if nothing is narrowed down.

    level: this one and above. text: a part of the line.
    """

    task: str | None = None
    id: str | None = None
    level: str | None = None
    text: str | None = None

    def __call__(self, line: Line) -> bool:
        if self.text is not None and self.text not in line.text:
            return False
        asked = {"task": self.task, "id": self.id}
        fields = line.fields or {}
        if any(value is not None and fields.get(name) != value for name, value in asked.items()):
            return False
        return self.level is None or fields.get("level") in LEVELS[LEVELS.index(self.level) :]

    @property
    def pattern(self) -> str:
        """The same in the filter language of CloudWatch, so that little is sent that is not wanted."""
        parts = [f"$.{name} = {json.dumps(value)}" for name, value in (("task", self.task), ("id", self.id)) if value]
        if self.level:
            levels = [f"$.level = {json.dumps(level)}" for level in LEVELS[LEVELS.index(self.level) :]]
            parts.append("(" + " || ".join(levels) + ")")
        return f"{{ {' && '.join(parts)} }}" if parts else ""


def read(
    account: Account, groups: Sequence[str], wanted: Wanted, since: float, until: float | None = None
) -> list[Line]:
    """The lines of these log groups from one moment (seconds since 1970) to another, in order. Raises DeployError."""
    found = (line for group in groups for _, line in _lines(account, group, wanted.pattern, since, until))
    return sorted((line for line in found if wanted(line)), key=lambda line: line.at)


def is_there(account: Account, groups: Sequence[str]) -> bool:
    """Whether one of these log groups is there, which a deployment makes. Raises DeployError."""
    for name in groups:
        with told(f"looking for the log {name}"):
            found = account.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        if any(group["logGroupName"] == name for group in found):
            return True
    return False


def follow(
    account: Account, groups: Sequence[str], wanted: Wanted, since: float, pause: float = PAUSE
) -> Iterator[list[Line]]:
    """The lines from a moment on, look by look, for ever; what a look finds is in order. Raises DeployError."""
    shown: dict[str, float] = {}
    while True:
        fresh = []
        for group in groups:
            for id, line in _lines(account, group, wanted.pattern, since, None):
                if id not in shown:
                    shown[id] = line.at
                    fresh.append(line)
        yield sorted((line for line in fresh if wanted(line)), key=lambda line: line.at)
        since = max(since, max(shown.values(), default=since) - LATE)
        shown = {id: at for id, at in shown.items() if at >= since}
        time.sleep(pause)


def _lines(account: Account, group: str, pattern: str, since: float, until: float | None) -> Iterator[tuple[str, Line]]:
    function = group.rpartition("/")[2]
    asked: dict[str, Any] = {"logGroupName": group, "startTime": int(since * 1_000)}
    if until is not None:
        asked["endTime"] = int(until * 1_000)
    if pattern:
        asked["filterPattern"] = pattern
    with told(f"reading the log of {function}"):
        try:
            for page in account.client("logs").get_paginator("filter_log_events").paginate(**asked):
                for event in page["events"]:
                    text = event["message"].rstrip("\n")
                    yield _identity(event), Line(event["timestamp"] / 1_000, function, text, _fields(text))
        except ClientError as error:
            if code_of(error) != "ResourceNotFoundException":  # it has not run yet
                raise


def _identity(event: Mapping[str, Any]) -> str:
    # What stands in for AWS gives no eventId.
    return str(event.get("eventId") or (event["logStreamName"], event["timestamp"], event["message"]))


def _fields(text: str) -> Mapping[str, Any] | None:
    if not text.startswith("{"):
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) and "event" in found and "level" in found else None
