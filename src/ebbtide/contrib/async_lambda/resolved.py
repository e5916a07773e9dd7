"""A declaration with what it has from the controllers above it: what is said nearer the task wins."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol, TypeVar

from ebbtide.contrib.async_lambda.declared import Declared, Kind
from ebbtide.contrib.async_lambda.globals import config
from ebbtide.contrib.async_lambda.middleware import Layer
from ebbtide.errors import DeclarationError

T = TypeVar("T")

LAMBDAS = 512
"""MB of /tmp that Lambda gives where nothing is said."""


class Owner(Protocol):
    """What a controller says for the tasks below it."""

    lane_count: int | None
    propagate_lane_assignment: bool | None
    propagate_message_group_id: bool | None
    dlq_task_id: str | None
    layers: list[Layer]


class Resolved(NamedTuple):
    """One task. dlq_task_id: the task that takes its dead letters, if one does. layers: the middleware, outermost
    first."""

    declared: Declared
    lane_count: int
    propagates_lane: bool
    propagates_group: bool
    dlq_task_id: str | None
    layers: tuple[Layer, ...]

    @property
    def kind(self) -> Kind:
        """What starts it."""
        return self.declared.kind

    @property
    def is_dlq_task(self) -> bool:
        """Whether it is there for others' dead letters."""
        return self.declared.is_dlq_task

    @property
    def function_properties(self) -> dict[str, Any]:
        """What the declaration says of the `AWS::Serverless::Function` that no queue says."""
        storage = self.declared.ephemeral_storage or config.ephemeral_storage
        return {
            **({"EphemeralStorage": {"Size": storage}} if storage != LAMBDAS else {}),
            **({"SnapStart": {"ApplyOn": "PublishedVersions"}} if self.declared.snap_start else {}),
        }


def resolved(declared: Declared, owners: Iterable[Owner]) -> Resolved:
    """owners: the root first. Raises DeclarationError where lanes and limits do not fit."""
    from_root = list(owners)
    near = [*reversed(from_root)]
    lanes = _first(declared.lane_count, *(owner.lane_count for owner in near)) or 1
    limit = declared.maximum_concurrency
    lanes = lanes if declared.queued else 1
    if limit is not None and not isinstance(limit, int) and len(limit) != lanes:
        raise DeclarationError(
            f"task {declared.task_id!r}: maximum_concurrency has {len(limit)} numbers for {lanes} "
            f"lane{'s' if lanes > 1 else ''}; give one number for all, or one for each"
        )
    lane = _first(declared.propagate_lane_assignment, *(owner.propagate_lane_assignment for owner in near))
    group = _first(*(owner.propagate_message_group_id for owner in near))
    dlq = _first(declared.dlq_task_id, *(owner.dlq_task_id for owner in near))
    takes_letters = declared.is_dlq_task or dlq == declared.task_id or not declared.queued
    layers = tuple(layer for owner in from_root for layer in owner.layers)
    return Resolved(declared, lanes, lane is not False, group is not False, None if takes_letters else dlq, layers)


def _first(*said: T | None) -> T | None:
    return next((value for value in said if value is not None), None)
