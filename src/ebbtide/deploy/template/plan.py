"""What every part of a template is made from, and how its resources are called."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ebbtide.app import App
from ebbtide.deploy.artefacts import Artefacts
from ebbtide.deploy.settings import FunctionSettings, Settings
from ebbtide.physical import Place
from ebbtide.queue import MAX_VISIBILITY, Queue

Json = dict[str, Any]

TABLE = "StageTable"
BUCKET = "StageBucket"
SCHEDULES = "StageSchedules"
SCHEDULER = "StageScheduler"
DEPENDENCIES = "StageDependencies"
API = "StageApi"

LAMBDA_TIMEOUT = 900
"""Seconds: the longest Lambda lets a function run."""

MARGIN = 2
"""Seconds a function is given on top of its tasks' time, to settle what it ran."""


class Plan(NamedTuple):
    """One stage of one app, about to become a template. target: `shop:app`, by which a function finds the app."""

    app: App
    target: str
    place: Place
    settings: Settings
    artefacts: Artefacts

    @property
    def queues(self) -> list[Queue]:
        """The queues it makes, in the order of their declaration; `default` only if a task is in it."""
        used = {task.queue.name for task in self.app.tasks.values()}
        ours = [queue for queue in self.app.queues.values() if queue.is_ours]
        return [queue for queue in ours if queue.name in used or queue.name != "default"]

    @property
    def elsewhere(self) -> list[Queue]:
        """The queues of other systems, to which it only sends."""
        return [queue for queue in self.app.queues.values() if not queue.is_ours]

    @property
    def on_lambda(self) -> list[Queue]:
        """The queues that Lambda runs."""
        return [queue for queue in self.queues if queue.runner == "lambda"]

    @property
    def kinds(self) -> list[bool]:
        """Of which kinds there are dead letters: standard always, FIFO if a queue is."""
        return [False, *([True] if any(queue.fifo for queue in self.queues) else [])]

    def lanes(self) -> Iterator[tuple[Queue, int]]:
        """Every lane of every queue it makes."""
        return ((queue, lane) for queue in self.queues for lane in range(queue.lanes))

    def of(self, queue: Queue) -> FunctionSettings:
        """What the user's settings say of a queue and its function."""
        return self.settings.of(queue.name)

    def with_key(self, name: str) -> Json:
        """The user's own key as a property of that name; nothing if there is none."""
        return {name: self.settings.kms_key} if self.settings.kms_key else {}

    def tags(self, users: Mapping[str, str] | None = None) -> dict[str, str]:
        """The tags of a resource: ours win."""
        users = self.settings.everywhere.tags if users is None else users
        return {**users, "application": self.place.app, "environment": self.place.stage, "framework": "ebbtide"}

    def tag_list(self, users: Mapping[str, str] | None = None) -> list[Json]:
        """The same as most resources want them."""
        return [{"Key": key, "Value": value} for key, value in self.tags(users).items()]


def function_timeout(app: App, queue: Queue) -> int:
    """Seconds: room for two tasks, so that most often a batch's later records still fit; for one, if there never are
    any."""
    triggers = (trigger for task in app.tasks.values() if task.queue == queue for trigger in task.triggers)
    most = max([queue.batch, *(trigger.together for trigger in triggers)])
    return min(LAMBDA_TIMEOUT, math.ceil(min(2, most) * queue.timeout) + MARGIN)


def batch_size(app: App, queue: Queue) -> int:
    """Records in one invocation: one, if a second task would not fit, unless one call of a task takes them all."""
    gathers = any(task.gathers for task in app.tasks.values() if task.queue == queue)
    return queue.batch if gathers or math.ceil(2 * queue.timeout) + MARGIN <= LAMBDA_TIMEOUT else 1


def visibility(app: App, queue: Queue) -> int:
    """Seconds a message is on loan: six times the function's timeout at least, as AWS advises."""
    return min(math.ceil(max(queue.loan, 6 * function_timeout(app, queue))), int(MAX_VISIBILITY))


def arn(id: str) -> Json:
    """The ARN of a resource of this template."""
    return {"Fn::GetAtt": [id, "Arn"]}


def sub(text: str) -> Json:
    """Text with `${AWS::Region}` and the like in it."""
    return {"Fn::Sub": text}


GOES: Json = {"DeletionPolicy": "Delete", "UpdateReplacePolicy": "Delete"}
"""What holds data says so: it goes with its stage."""


def resource(kind: str, properties: Mapping[str, Any], about: Mapping[str, Any] | None = None, **more: Any) -> Json:
    """A resource. about: whose it is, for those who read it, as `{"queue": "images"}` or `{"tasks": ["scan"]}`."""
    made: Json = {"Type": kind, **more, "Properties": dict(properties)}
    return made | ({"Metadata": {"Ebbtide": dict(about)}} if about else {})


def policy(statements: Iterable[Json]) -> Json:
    """An IAM policy document."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def only_by_tls(action: str, resources: Any) -> Json:
    """The statement that refuses whoever does not come by TLS."""
    return {
        "Sid": "OnlyByTls",
        "Effect": "Deny",
        "Principal": "*",
        "Action": action,
        "Resource": resources,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
