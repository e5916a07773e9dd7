"""The queues of a template: one for each lane, with its policy and its alarm, and the stage's dead letters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ebbtide.app import App
from ebbtide.dead_letters import taker
from ebbtide.deploy.settings.merge import merge
from ebbtide.deploy.template.ids import dead_letters_id, queue_id
from ebbtide.deploy.template.plan import (
    GOES,
    Json,
    Plan,
    arn,
    batch_size,
    only_by_tls,
    policy,
    resource,
    visibility,
)
from ebbtide.deploy.template.receivers import lane_arn
from ebbtide.queue import Queue

QUEUES = "StageQueuesPolicy"
"""The policy that queues share, where they do."""

RETENTION = 14 * 86_400
"""Seconds: the longest SQS keeps a message."""

NET, MOST_RECEIVES = 20, 1000
"""Receives on top of those that attempts can take: a net for a function that cannot even start. SQS's most: 1,000."""

OUTAGE, LATEST = 3 * 86_400, 12 * 86_400
"""Seconds: how long all of a function's invocations may be throttled, or fail to start, before SQS gives good messages
up without a word; and when it must, while it still keeps them."""

AGE_ALARM = 3600
"""Seconds the oldest message may wait before the alarm, unless its loan is longer."""


def queues(plan: Plan, senders: Mapping[str, Sequence[Json]]) -> dict[str, Json]:
    """Every lane of every queue, and the dead letters. senders: statements by a queue's logical id."""
    made: dict[str, Json] = {}
    for fifo in plan.kinds:
        made |= _dead_letters(plan, fifo, senders.get(dead_letters_id(plan.place, fifo), ()))
    shared = []
    for queue, lane in plan.lanes():
        id = queue_id(plan.place, queue, lane)
        if plan.place.crowded and not senders.get(id):
            shared.append(id)
            own = {}
        else:
            own = {f"{id}Policy": _policy(id, senders.get(id, ()), {"queue": queue.name})}
        made |= _lane(plan, queue, lane, own)
    return made | _shared(shared)


def _shared(ids: Sequence[str]) -> dict[str, Json]:
    """One policy for all these queues. It is never several: a queue that went from one of them to another would lose
    its own, if CloudFormation changed that one last."""
    properties = {"Queues": [{"Ref": id} for id in ids], "PolicyDocument": policy([only_by_tls("sqs:*", "*")])}
    return {QUEUES: resource("AWS::SQS::QueuePolicy", properties)} if ids else {}


def attempts(app: App, queue: Queue) -> int:
    """The most attempts any task of the queue has."""
    return max([queue.attempts, *(task.retry.attempts for task in app.tasks.values() if task.queue == queue)])


def receives(app: App, queue: Queue) -> int:
    """After how many receives SQS moves a message to the dead letters.

    A message is received without being run when its invocation is throttled until its loan is over, when one before it
    in its batch kills the function, and, on a FIFO queue, whenever one before it in its group is tried again.
    """
    most, seconds = attempts(app, queue), visibility(app, queue)
    wanted = max(most * batch_size(app, queue) + NET, OUTAGE // seconds)
    return min(max(min(wanted, LATEST // seconds), most + NET), MOST_RECEIVES)


def _lane(plan: Plan, queue: Queue, lane: int, own_policy: Mapping[str, Json]) -> dict[str, Json]:
    id, about, said = queue_id(plan.place, queue, lane), {"queue": queue.name}, plan.of(queue)
    properties: Json = {
        "QueueName": plan.place.queue(queue, lane),
        **_kind(queue.fifo),
        "VisibilityTimeout": visibility(plan.app, queue),
        "MessageRetentionPeriod": RETENTION,
        "ReceiveMessageWaitTimeSeconds": 20,
        "MaximumMessageSize": 1_048_576,
        **_encryption(plan),
        "RedrivePolicy": {
            "deadLetterTargetArn": _target(plan, queue),
            "maxReceiveCount": receives(plan.app, queue),
        },
        "Tags": plan.tag_list(said.tags),
    }
    late = max(AGE_ALARM, properties["VisibilityTimeout"])
    return {
        id: resource("AWS::SQS::Queue", merge(properties, dict(said.queue_properties)), about, **GOES),
        **own_policy,
        f"{id}Age": _alarm(
            plan,
            id,
            "ApproximateAgeOfOldestMessage",
            late,
            f"a message of queue {queue.name!r}, lane {lane}, has waited more than {late} seconds",
            about,
        ),
    }


def _target(plan: Plan, queue: Queue) -> Json:
    """Where SQS moves what it was asked for too often: to the task that takes the queue's dead letters, if one does."""
    task = taker(plan.app, queue)
    return lane_arn(plan, task.queue) if task else arn(dead_letters_id(plan.place, queue.fifo))


def _dead_letters(plan: Plan, fifo: bool, senders: Sequence[Json]) -> dict[str, Json]:
    id = dead_letters_id(plan.place, fifo)
    properties = {
        "QueueName": plan.place.dead_letters(fifo),
        **_kind(fifo),
        "MessageRetentionPeriod": RETENTION,
        "MaximumMessageSize": 1_048_576,
        **_encryption(plan),
        "Tags": plan.tag_list(),
    }
    told = f"{plan.place.app}, stage {plan.place.stage}: there are dead letters; 'ebbtide dlq list' shows them"
    return {
        id: resource("AWS::SQS::Queue", properties, **GOES),
        f"{id}Policy": _policy(id, senders),
        f"{id}Alarm": _alarm(plan, id, "ApproximateNumberOfMessagesVisible", 0, told),
    }


def _kind(fifo: bool) -> Json:
    if not fifo:
        return {}
    # Scheduler's targets need the first; the others let groups run side by side at full speed.
    return {
        "FifoQueue": True,
        "ContentBasedDeduplication": True,
        "DeduplicationScope": "messageGroup",
        "FifoThroughputLimit": "perMessageGroupId",
    }


def _encryption(plan: Plan) -> Json:
    # SQS takes one or the other.
    return plan.with_key("KmsMasterKeyId") or {"SqsManagedSseEnabled": True}


def _policy(id: str, senders: Sequence[Json], about: Mapping[str, str] | None = None) -> Json:
    statements = [only_by_tls("sqs:*", arn(id)), *({**sender, "Resource": arn(id)} for sender in senders)]
    return resource("AWS::SQS::QueuePolicy", {"Queues": [{"Ref": id}], "PolicyDocument": policy(statements)}, about)


def _alarm(plan: Plan, id: str, metric: str, above: int, told: str, about: Mapping[str, str] | None = None) -> Json:
    properties: Json = {
        "AlarmDescription": told,
        "Namespace": "AWS/SQS",
        "MetricName": metric,
        "Dimensions": [{"Name": "QueueName", "Value": {"Fn::GetAtt": [id, "QueueName"]}}],
        "Statistic": "Maximum",
        "Period": 300,
        "EvaluationPeriods": 1,
        "Threshold": above,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
        "Tags": plan.tag_list(),
    }
    if plan.settings.alarms:
        properties |= {"AlarmActions": [plan.settings.alarms], "OKActions": [plan.settings.alarms]}
    return resource("AWS::CloudWatch::Alarm", properties, about)
