"""What a function may do: exactly what its queue's tasks need, as IAM statements."""

from __future__ import annotations

from collections.abc import Sequence

from ebbtide.deploy.settings import FunctionSettings
from ebbtide.deploy.template.ids import queue_id
from ebbtide.deploy.template.plan import (
    BUCKET,
    SCHEDULER,
    TABLE,
    Json,
    Plan,
    arn,
    sub,
)
from ebbtide.deploy.template.receivers import receivers
from ebbtide.physical import CLAIMS
from ebbtide.queue import Queue

CHANGES_NETWORK = ("ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface")
SEES_NETWORK = ("ec2:DescribeNetworkInterfaces",)
"""What a function in a VPC needs; for the second, IAM knows no narrower resource than all."""


def statements(plan: Plan, queue: Queue, log: str, asked: Sequence[Json]) -> list[Json]:
    """The role's statements. log: the logical id of its log group. asked: what its tasks' triggers need on top."""
    own = [arn(queue_id(plan.place, queue, lane)) for lane in range(queue.lanes)]
    said = plan.of(queue)
    return [
        _allow("Log", ["logs:CreateLogStream", "logs:PutLogEvents"], arn(log)),
        _allow(
            "Receive",
            ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"],
            own,
        ),
        _allow("Send", ["sqs:GetQueueUrl", "sqs:SendMessage"], receivers(plan)),
        _records(queue),
        _allow("Claims", ["s3:GetObject", "s3:PutObject"], [sub(f"${{{BUCKET}.Arn}}/{prefix}*") for prefix in CLAIMS]),
        # Without it S3 answers 403 for an object that is gone, which looks like a fault that may pass.
        _allow("Missing", ["s3:ListBucket"], arn(BUCKET)),
        *_delays(plan),
        *key_use(plan),
        *_secrets(said),
        *_network(said),
        *asked,
        *said.policies,
    ]


def _allow(sid: str, actions: Sequence[str], resources: object, **more: object) -> Json:
    return {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": resources, **more}


def _records(queue: Queue) -> Json:
    keys = [f"attempts/{queue.name}/*", "key/*", "result/*", "storm/*"]
    verbs = ("BatchGetItem", "BatchWriteItem", "UpdateItem")
    return _allow(
        "Records",
        [f"dynamodb:{verb}" for verb in verbs],
        arn(TABLE),
        Condition={"ForAllValues:StringLike": {"dynamodb:LeadingKeys": keys}},
    )


def _delays(plan: Plan) -> list[Json]:
    group = f"arn:${{AWS::Partition}}:scheduler:${{AWS::Region}}:${{AWS::AccountId}}:schedule/{plan.place.prefix}/*"
    passed = {"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}}
    return [
        _allow("Delay", ["scheduler:CreateSchedule"], sub(group)),
        _allow("PassScheduler", ["iam:PassRole"], arn(SCHEDULER), Condition=passed),
    ]


def _secrets(said: FunctionSettings) -> list[Json]:
    parameters, secrets = [], []
    for reference in dict.fromkeys(said.secrets.values()):
        kind, _, name = reference.partition(":")
        name = name.partition("#")[0]
        if kind == "ssm":
            parameters.append(_arn_of("ssm", f"parameter/{name.lstrip('/')}"))
        else:
            # Secrets Manager ends an ARN with a hyphen and six characters of its own.
            secrets.append(_arn_of("secretsmanager", f"secret:{name}-??????"))
    return [
        *([_allow("Parameters", ["ssm:GetParameters"], parameters)] if parameters else []),
        *([_allow("Secrets", ["secretsmanager:GetSecretValue"], secrets)] if secrets else []),
    ]


def _arn_of(service: str, rest: str) -> Json:
    return sub(f"arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:${{AWS::AccountId}}:{rest}")


def _network(said: FunctionSettings) -> list[Json]:
    if not said.vpc:
        return []
    here = sub("arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:*/*")
    return [_allow("Network", CHANGES_NETWORK, here), _allow("Networks", SEES_NETWORK, "*")]


def key_use(plan: Plan) -> list[Json]:
    """The use of the key that the stage's data is encrypted with, if it is the user's own."""
    key = plan.settings.kms_key
    return [_allow("Key", ["kms:Decrypt", "kms:GenerateDataKey"], key)] if key else []
