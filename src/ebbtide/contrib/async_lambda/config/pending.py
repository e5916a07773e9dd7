"""What async-lambda's schedules for long delays still need, once our template has taken the place of its own.

They stand in a group of the old stack and send by its role; with the group they would be gone. So group, role and the
queue for what cannot be sent stay where they are. Nothing new is put there, and where there was no such stack they are
empty and cost nothing.
"""

from __future__ import annotations

from ebbtide.app import App
from ebbtide.contrib.async_lambda.names import DEAD_LETTERS
from ebbtide.deploy.settings.values import Json
from ebbtide.deploy.template.ids import queue_id
from ebbtide.deploy.template.plan import GOES, arn, only_by_tls, policy, sub
from ebbtide.physical import Place

GROUP, ROLE, LETTERS = "AsyncLambdaDelayScheduleGroup", "AsyncLambdaDelaySchedulerRole", "AsyncLambdaDelayDLQ"

RETENTION = 14 * 86_400


def kept(app: App, place: Place) -> dict[str, Json]:
    """The resources, by logical id. They have the stage's tags from elsewhere."""
    lanes = [
        arn(queue_id(place, queue, lane))
        for queue in app.queues.values()
        if queue.is_ours and queue.name in app.tasks
        for lane in range(queue.lanes)
    ]
    name = f"{place.app}-delay"
    sends = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": [*lanes, arn(LETTERS)]}
    letters = {
        "QueueName": f"{name}-dlq",
        "MessageRetentionPeriod": RETENTION,
        "SqsManagedSseEnabled": True,
        "RedrivePolicy": {"deadLetterTargetArn": arn(DEAD_LETTERS), "maxReceiveCount": 1000},
    }
    document = policy([only_by_tls("sqs:*", arn(LETTERS))])
    return {
        GROUP: {"Type": "AWS::Scheduler::ScheduleGroup", "Properties": {"Name": name}},
        ROLE: {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "AssumeRolePolicyDocument": policy([_trust(name)]),
                "Policies": [{"PolicyName": "send", "PolicyDocument": policy([sends])}],
            },
        },
        LETTERS: {"Type": "AWS::SQS::Queue", **GOES, "Properties": letters},
        f"{LETTERS}Policy": {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {"Queues": [{"Ref": LETTERS}], "PolicyDocument": document},
        },
        f"{LETTERS}Age": {"Type": "AWS::CloudWatch::Alarm", "Properties": _alarm(name)},
    }


def _alarm(name: str) -> Json:
    return {
        "AlarmDescription": f"{name}-dlq: a delayed message could not be sent to its queue",
        "Namespace": "AWS/SQS",
        "MetricName": "ApproximateAgeOfOldestMessage",
        "Dimensions": [{"Name": "QueueName", "Value": {"Fn::GetAtt": [LETTERS, "QueueName"]}}],
        "Statistic": "Maximum",
        "Period": 300,
        "EvaluationPeriods": 1,
        "Threshold": 0,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
    }


def _trust(group: str) -> Json:
    source = sub(f"arn:${{AWS::Partition}}:scheduler:${{AWS::Region}}:${{AWS::AccountId}}:schedule-group/{group}")
    return {
        "Effect": "Allow",
        "Principal": {"Service": "scheduler.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}, "aws:SourceArn": source}},
    }
