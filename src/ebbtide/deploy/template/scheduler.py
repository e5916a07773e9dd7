"""EventBridge Scheduler's share: the group of a stage's schedules, and the role by which they send to its queues."""

from __future__ import annotations

from ebbtide.deploy.template.permissions import key_use
from ebbtide.deploy.template.plan import (
    SCHEDULER,
    SCHEDULES,
    Json,
    Plan,
    policy,
    resource,
    sub,
)
from ebbtide.deploy.template.receivers import receivers


def scheduler(plan: Plan) -> dict[str, Json]:
    """The group and the role; long delays need them whether or not a task has a schedule."""
    group = sub(
        f"arn:${{AWS::Partition}}:scheduler:${{AWS::Region}}:${{AWS::AccountId}}:schedule-group/{plan.place.prefix}"
    )
    trusted = {
        "Effect": "Allow",
        "Principal": {"Service": "scheduler.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}, "aws:SourceArn": group}},
    }
    sends = {
        "Sid": "Send",
        "Effect": "Allow",
        "Action": "sqs:SendMessage",
        # What cannot be sent any more, because its queue is gone, becomes a dead letter.
        "Resource": receivers(plan),
    }
    return {
        SCHEDULES: resource("AWS::Scheduler::ScheduleGroup", {"Name": plan.place.prefix, "Tags": plan.tag_list()}),
        SCHEDULER: resource(
            "AWS::IAM::Role",
            {
                "RoleName": sub(plan.place.scheduler_role("${AWS::Region}")),
                "AssumeRolePolicyDocument": policy([trusted]),
                "Policies": [{"PolicyName": "send", "PolicyDocument": policy([sends, *key_use(plan)])}],
                "Tags": plan.tag_list(),
            },
        ),
    }
