"""A change carried out: its events as they come, and the first real cause if it fails.

When one resource fails CloudFormation cancels its neighbours and then takes everything back, which makes many failures
of one. The cause is the earliest that is no cancellation.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import takewhile
from typing import Any, NamedTuple

from ebbtide.deploy.stack.account import Account
from ebbtide.deploy.stack.change_set import ChangeSet
from ebbtide.deploy.stack.trouble import DeployError, told
from ebbtide.deploy.stack.validation import faults
from ebbtide.deploy.stack.words import noun

_CANCELLED = ("cancelled", "Cancelled")
_STUCK = {"ROLLBACK_FAILED", "UPDATE_ROLLBACK_FAILED", "DELETE_FAILED"}
_GOOD = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_COMPLETE", "IMPORT_COMPLETE"}


class Event(NamedTuple):
    """One line of a stack's history. of_stack: it is about the stack itself."""

    id: str
    at: datetime
    status: str
    kind: str
    logical: str
    physical: str
    reason: str
    of_stack: bool

    @property
    def noun(self) -> str:
        return noun(self.kind)

    @property
    def failed(self) -> bool:
        """Whether a resource failed by itself, and not because another did."""
        return self.status.endswith("_FAILED") and not self.of_stack and not self.reason.endswith(_CANCELLED)

    @property
    def ends(self) -> bool:
        """Whether the operation is over with it; a stack that failed is first taken back."""
        over = self.status.endswith("_COMPLETE") or self.status in _STUCK
        return self.of_stack and over


def execute(account: Account, proposed: ChangeSet) -> Iterator[Event]:
    """Carry a change set out and follow it. The last event tells how it ended; see `outcome`."""
    before = _latest(account, proposed.stack)
    with told("starting the change"):
        account.client("cloudformation").execute_change_set(ChangeSetName=proposed.id, StackName=proposed.stack)
    return follow(account, proposed.stack, before)


def remove(account: Account, stack: str) -> Iterator[Event]:
    """Delete a stack, by its id, and follow it."""
    before = _latest(account, stack)
    with told("starting the removal"):
        account.client("cloudformation").delete_stack(StackName=stack)
    return follow(account, stack, before)


def follow(account: Account, stack: str, after: str | None) -> Iterator[Event]:
    """The events of a stack (by its id) since the one named, in order, until its operation has ended."""
    while True:
        new = list(_since(after, _events(account, stack)))
        for event in reversed(new):
            yield event
            if event.ends:
                return
        after = new[0].id if new else after
        time.sleep(account.pause)


def _since(after: str | None, newest_first: Iterator[Event]) -> Iterator[Event]:
    return takewhile(lambda event: event.id != after, newest_first)


def outcome(account: Account, stack: str, events: Iterable[Event]) -> str | None:
    """None if all went well; else what went wrong, first of all. stack: its id."""
    seen = list(events)
    if seen and seen[-1].status in _GOOD:
        return None
    for event in seen:
        if event.failed:
            return f"{event.noun} {event.physical or event.logical}: {event.reason or event.status}"
    if refused := faults(account, StackName=stack):
        return "; ".join(refused)
    return next((event.reason for event in seen if event.of_stack and event.reason), "CloudFormation gave no reason")


def _latest(account: Account, stack: str) -> str | None:
    return next((event.id for event in _events(account, stack)), None)


def _events(account: Account, stack: str) -> Iterator[Event]:
    """Newest first."""
    with told("reading the stack's events"):
        pages = account.client("cloudformation").get_paginator("describe_stack_events").paginate(StackName=stack)
        for page in pages:
            for event in page["StackEvents"]:
                yield _read(event)


def _read(found: dict[str, Any]) -> Event:
    physical = found.get("PhysicalResourceId", "")
    return Event(
        found["EventId"],
        found["Timestamp"],
        found["ResourceStatus"],
        found["ResourceType"],
        found["LogicalResourceId"],
        physical,
        found.get("ResourceStatusReason", ""),
        physical == found["StackId"],
    )


def succeeded(account: Account, stack: str, events: Iterable[Event], doing: str) -> None:
    """Raise DeployError with the first real cause unless all went well."""
    seen = list(events)
    if cause := outcome(account, stack, seen):
        stuck = bool(seen) and seen[-1].status in _STUCK
        raise DeployError(f"{doing} failed{'' if stuck else ' and was taken back'}: {cause}")
