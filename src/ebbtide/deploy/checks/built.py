"""What is wrong with the whole that the app and the settings make, seen in the template before it is written.

A queue can be right and its function, too, and the two wrong together; and the settings may pass anything through.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ebbtide.deploy.checks.finding import Finding
from ebbtide.deploy.checks.limits import (
    MOST_BYTES,
    MOST_OF_A_POLICY,
    MOST_OF_AN_ENVIRONMENT,
    MOST_OUTPUTS,
    MOST_RESOURCES,
    at,
    breaches,
)
from ebbtide.deploy.checks.plain import is_known_secret
from ebbtide.deploy.checks.sources import of_sources
from ebbtide.deploy.checks.view import FUNCTIONS, View, ref, resolved
from ebbtide.deploy.checks.where import Subjects
from ebbtide.deploy.template.plan import BUCKET
from ebbtide.names import nearest

QUEUE = "AWS::SQS::Queue"


def of_built(on: Subjects, template: Mapping[str, Any]) -> Iterator[Finding]:
    """All findings on a template."""
    view = View(template)
    yield from _size(on, view)
    for id, path, message, cure in [*breaches(view), *of_sources(view)]:
        if id != BUCKET:  # whose name is judged with all others
            yield about(on, view, id, path, message, cure)
    for id, properties in view.of(*FUNCTIONS):
        yield from _function(on, view, id, properties)
    for id, properties in view.of("AWS::Scheduler::Schedule"):
        yield from _schedule(on, view, id, properties)
    yield from _secrets(on, view)


def of_no_type(on: Subjects, template: Mapping[str, Any]) -> Iterator[Finding]:
    """Findings on resources of the settings that are neither laid over one of ours nor say what they are."""
    ours = [id for id, made in template["Resources"].items() if "Type" in made]
    for id in template["Resources"].keys() - ours:
        message = f"resource {id!r} has no Type, and the template has none of that name.{nearest(id, ours)}"
        cure = "give it a Type, or the logical id of the one that is to be changed"
        said = next((path for path in on.settings.lines if path[-3:-1] == ("resources", id)), ("resources", id))
        yield on.setting("", said[-3:], message, cure)


def about(
    on: Subjects, view: View, id: str, path: str, message: str, cure: str, *, error: bool = True, key: str = ""
) -> Finding:
    """A finding on a resource: on the setting that changed it, or whose it is. key: of the settings, if it is known."""
    owner = view.resources[id].get("Metadata", {}).get("Ebbtide", {})
    kinds = {"AWS::Serverless::Function": "properties", QUEUE: "queue_properties", "AWS::IAM::Role": "policies"}
    key = key or kinds.get(view.kind(id), "")
    queue = owner.get("queue", "")
    parts = tuple(path.split(".")) if path else ()
    for said in (("resources", id, "Properties", *parts), ("resources", id), (key, *parts)):
        if any(line[-len(said) :] == said for line in on.settings.lines):
            return on.setting(queue, said, message, cure, error=error)
    if queue:
        return on.queue(queue, message, cure, error=error)
    if tasks := owner.get("tasks"):
        return on.task(tasks[0], message, cure, error=error)
    return on.setting("", ("resources", id), message, cure, error=error)


def _size(on: Subjects, view: View) -> Iterator[Finding]:
    for what, count, most in (
        ("resources", len(view.resources), MOST_RESOURCES),
        ("outputs", len(view.template.get("Outputs", {})), MOST_OUTPUTS),
        ("bytes", len(json.dumps(view.template, separators=(",", ":"))), MOST_BYTES),
    ):
        if count > most:
            queues, lanes = len(list(view.of(*FUNCTIONS))), len(list(view.of(QUEUE)))
            yield on.whole(
                f"the template would have {count:,} {what}, and CloudFormation takes {most:,}; {queues} functions and "
                f"{lanes} queues and lanes make most of them",
                "use fewer queues or lanes, or make two apps of it, which may send to each other's queues",
            )


def _function(on: Subjects, view: View, id: str, properties: Mapping[str, Any]) -> Iterator[Finding]:
    timeout = properties.get("Timeout", 3)
    for mapping, said in view.mappings(id):
        source = view.properties(ref(said.get("EventSourceArn")))
        visibility = source.get("VisibilityTimeout", 30)
        if view.kind(ref(said.get("EventSourceArn"))) == QUEUE and visibility < 6 * timeout:
            yield about(
                on,
                view,
                str(ref(said["EventSourceArn"])),
                "VisibilityTimeout",
                f"its messages are on loan for {visibility} seconds, less than six times its function's {timeout}: "
                "they would come back while they are still being run",
                f"leave VisibilityTimeout out, or make it {6 * timeout} or more",
            )
        yield from _mapping(on, view, mapping, said, bool(source.get("FifoQueue")))
    environment = at(properties, "Environment.Variables") or {}
    length = sum(len(f"{name}{value}".encode()) for name, value in environment.items() if isinstance(value, str))
    if length > MOST_OF_AN_ENVIRONMENT:
        yield about(
            on,
            view,
            id,
            "Environment",
            f"its variables are {length:,} bytes, and Lambda takes {MOST_OF_AN_ENVIRONMENT:,}",
            "put what is big into Parameter Store or a file of the bundle",
        )
    policies = at(view.properties(ref(properties.get("Role"))), "Policies") or []
    size = sum(len(json.dumps(resolved(view, policy["PolicyDocument"]), separators=(",", ":"))) for policy in policies)
    if size > MOST_OF_A_POLICY:
        yield about(
            on,
            view,
            id,
            "Role",
            f"its role would need a policy of about {size:,} characters, and IAM takes {MOST_OF_A_POLICY:,}",
            "use fewer queues or lanes, or make two apps of it, which may send to each other's queues",
        )


def _mapping(on: Subjects, view: View, id: str, said: Mapping[str, Any], fifo: bool) -> Iterator[Finding]:
    if at(said, "ScalingConfig.MaximumConcurrency") and said.get("ProvisionedPollerConfig"):
        yield about(
            on,
            view,
            id,
            "ProvisionedPollerConfig",
            "Lambda takes either a limit of concurrency or provisioned pollers, not both",
            "leave out the queue's concurrency, or ProvisionedPollerConfig",
        )
    window = said.get("MaximumBatchingWindowInSeconds", 0)
    if fifo and window:
        yield about(
            on,
            view,
            id,
            "MaximumBatchingWindowInSeconds",
            "a FIFO queue can have no batching window on Lambda",
            "leave it out",
        )


def _schedule(on: Subjects, view: View, id: str, properties: Mapping[str, Any]) -> Iterator[Finding]:
    target = properties.get("Target", {})
    queue = view.properties(ref(target.get("Arn")))
    if not queue.get("FifoQueue"):
        return
    if not at(target, "SqsParameters.MessageGroupId"):
        yield about(
            on,
            view,
            id,
            "Target",
            "its schedule sends to a FIFO queue without a message group, which SQS refuses at every tick",
            "give its Target SqsParameters with a MessageGroupId",
        )
    if queue.get("ContentBasedDeduplication") is not True:
        yield about(
            on,
            view,
            str(ref(target["Arn"])),
            "ContentBasedDeduplication",
            "a schedule sends to this FIFO queue, which without content-based deduplication refuses it at every tick",
            "leave ContentBasedDeduplication as it is",
        )


def _secrets(on: Subjects, view: View) -> Iterator[Finding]:
    for id, made in view.resources.items():
        for path, value in _texts(made.get("Properties", {}), ()):
            if path[:2] != ("Environment", "Variables") and (why := is_known_secret(value)):
                yield about(
                    on,
                    view,
                    id,
                    ".".join(path),
                    f"{'.'.join(path)} of {id} looks like a secret ({why}), and all of a template can be read by many",
                    "refer to it: {{resolve:secretsmanager:NAME}} or {{resolve:ssm-secure:NAME}}",
                    error=False,
                )


def _texts(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _texts(inner, (*path, str(key)))
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _texts(inner, path)
