"""What the tasks' triggers ask for, gathered: resources, statements for roles and queue policies, parameters, routes.

Two triggers may ask for one resource, as for one bucket: it is made once, with what both want.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ebbtide.deploy.settings.merge import clashes, merge, without_repeats
from ebbtide.deploy.template.ids import dead_letters_id, function_id, queue_id
from ebbtide.deploy.template.logical import logical
from ebbtide.deploy.template.plan import SCHEDULER, SCHEDULES, Json, Plan
from ebbtide.errors import DeclarationError
from ebbtide.trigger import Asked, Route, Target

TAGGED = ("AWS::DynamoDB::Table", "AWS::Events::Rule", "AWS::S3::Bucket", "AWS::SNS::Topic", "AWS::SQS::Queue")
"""Kinds of what triggers ask for that can carry the stage's tags, as a list."""


class Wanted(NamedTuple):
    """A route, the task it starts and that task's queue; id: how its resources' logical ids begin."""

    id: str
    task: str
    queue: str
    route: Route


@dataclass
class Gathered:
    """All of it. statements, environment: by queue name; senders: by the queue's logical id; routes: in order of
    declaration."""

    resources: dict[str, Json] = field(default_factory=dict)
    parameters: dict[str, Json] = field(default_factory=dict)
    statements: dict[str, list[Json]] = field(default_factory=dict)
    senders: dict[str, list[Json]] = field(default_factory=dict)
    environment: dict[str, Json] = field(default_factory=dict)
    routes: list[Wanted] = field(default_factory=list)


def asked_by(plan: Plan) -> Gathered:
    """What all triggers of the plan's tasks ask for. Raises DeclarationError where two cannot both have it."""
    all_of_it = Gathered()
    for task in plan.app.tasks.values():
        for number, trigger in enumerate(task.triggers):
            id = f"{logical(task.name)}Task{number}"
            to = Target(
                id,
                plan.place,
                queue_id(plan.place, task.queue),
                function_id(plan.place, task.queue),
                task.queue.fifo,
                task.name,
                SCHEDULER,
                SCHEDULES,
                dead_letters_id(plan.place, fifo=False),
            )
            asked = trigger.asks(to)
            _add(all_of_it, asked, plan, to, task.queue.name)
            if asked.route:
                all_of_it.routes.append(Wanted(id, task.name, task.queue.name, asked.route))
    return all_of_it


def _add(all_of_it: Gathered, asked: Asked, plan: Plan, to: Target, queue: str) -> None:
    for name, made in asked.resources.items():
        own = _ours(made, plan, to.task)
        there = all_of_it.resources.get(name, {})
        for path, one, other in clashes(there, own):
            raise DeclarationError(
                f"task {to.task!r} shares {made['Type']} {name} with another task and cannot: {'.'.join(path)} is "
                f"{one!r:.80} for one and {other!r:.80} for the other; say the same in both"
            )
        all_of_it.resources[name] = merge(there, own)
    all_of_it.parameters |= asked.parameters
    all_of_it.environment.setdefault(queue, {}).update(asked.environment)
    for by_name, key, more in (
        (all_of_it.statements, queue, asked.statements),
        (all_of_it.senders, to.queue, asked.senders),
        (all_of_it.senders, to.dead_letters, asked.undelivered),
    ):
        by_name[key] = without_repeats([*by_name.get(key, ()), *more])


def _ours(made: Mapping[str, object], plan: Plan, task: str) -> Json:
    """The resource with its owner's name and the stage's tags."""
    tags = {"Properties": {"Tags": plan.tag_list()}} if made["Type"] in TAGGED else {}
    key = {"Properties": plan.with_key("KmsMasterKeyId")} if made["Type"] == "AWS::SNS::Topic" else {}
    own: Json = merge(merge({"Metadata": {"Ebbtide": {"tasks": [task]}}, **tags}, key), dict(made))
    return own
