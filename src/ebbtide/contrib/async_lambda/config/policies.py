"""What functions may do besides: ARNs, names of AWS's own policies, statements and whole documents, told apart.

A template of SAM's, as `{"S3ReadPolicy": ...}`, is refused: the statement it stands for says what it allows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ebbtide.contrib.async_lambda.config.keys import is_reference, within
from ebbtide.deploy.settings.keys import KEYS
from ebbtide.deploy.settings.kinds import Wrong, wrong
from ebbtide.deploy.settings.merge import Path

Json = dict[str, Any]

VERSION = "2012-10-17"
"""Of the language that policies are written in."""

_NAME = re.compile(r"((service-role|job-function)/)?[\w+=,.@-]{1,128}", re.ASCII)
_OF_SERVICE_ROLES = re.compile(
    r"AWSLambda(BasicExecutionRole|(DynamoDB|Kinesis|MSK|SQSQueue|VPCAccess)ExecutionRole|ENIManagementAccess|Role)"
)
"""Of AWS's own policies for Lambda, those whose ARN has a path, which people leave out as SAM lets them."""

_TEMPLATE = re.compile(r"[A-Z]\w*Policy(_v2)?")
_INSTEAD: dict[str, tuple[Sequence[str], str]] = {
    "S3ReadPolicy": (["s3:GetObject"], "s3:::BUCKET/*"),
    "S3WritePolicy": (["s3:PutObject"], "s3:::BUCKET/*"),
    "S3CrudPolicy": (["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], "s3:::BUCKET/*"),
    "DynamoDBReadPolicy": (["dynamodb:GetItem", "dynamodb:Query"], "dynamodb:REGION:ACCOUNT:table/TABLE"),
    "DynamoDBWritePolicy": (["dynamodb:PutItem", "dynamodb:UpdateItem"], "dynamodb:REGION:ACCOUNT:table/TABLE"),
    "DynamoDBCrudPolicy": (
        ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:DeleteItem"],
        "dynamodb:REGION:ACCOUNT:table/TABLE",
    ),
    "SQSSendMessagePolicy": (["sqs:SendMessage"], "sqs:REGION:ACCOUNT:QUEUE"),
    "SNSPublishMessagePolicy": (["sns:Publish"], "sns:REGION:ACCOUNT:TOPIC"),
    "LambdaInvokePolicy": (["lambda:InvokeFunction"], "lambda:REGION:ACCOUNT:function:FUNCTION"),
    "SSMParameterReadPolicy": (["ssm:GetParameter"], "ssm:REGION:ACCOUNT:parameter/NAME"),
    "AWSSecretsManagerGetSecretValuePolicy": (
        ["secretsmanager:GetSecretValue"],
        "secretsmanager:REGION:ACCOUNT:secret:NAME",
    ),
    "KMSDecryptPolicy": (["kms:Decrypt"], "kms:REGION:ACCOUNT:key/KEY"),
}
_ANY = (["SERVICE:ACTION"], "SERVICE:REGION:ACCOUNT:RESOURCE")


class Policies(NamedTuple):
    """statements: for the role itself. managed: ARNs of policies that it has besides, as text or reference."""

    statements: list[Json]
    managed: list[Any]


def sorted_out(said: Sequence[Any]) -> Policies:
    """The policies, told apart. Statements lose their Sid: it names nothing outside of the document it stood in, and
    in one document no two may be alike."""
    made = Policies([], [])
    for policy in said:
        if isinstance(policy, str) or is_reference(policy):
            made.managed.append(_managed(policy))
        else:
            made.statements.extend(
                {name: value for name, value in statement.items() if name != "Sid"} for statement in _statements(policy)
            )
    return made


def wrong_policy(policy: Any, path: Path) -> Iterator[Wrong]:
    """What is wrong with one of them."""
    if isinstance(policy, str):
        if not policy.startswith("arn:") and not _NAME.fullmatch(policy):
            yield Wrong(path, f"{policy!r} is neither an ARN nor the name of a policy of AWS's own")
    elif "Statement" in policy:
        yield from _wrong_document(policy, path)
    elif len(policy) == 1 and _TEMPLATE.fullmatch(name := next(iter(policy))):
        yield Wrong((*path, name), f"{name} is a template of SAM's; write the statement itself: {_instead(name)}")
    elif not is_reference(policy):
        yield from wrong(KEYS["policies"].kind, [policy], path)


def _wrong_document(policy: Json, path: Path) -> Iterator[Wrong]:
    if unknown := policy.keys() - {"Version", "Id", "Statement"}:
        yield Wrong(path, f"a policy document has Version and Statement, and no {' and no '.join(sorted(unknown))}")
    if policy.get("Version", VERSION) != VERSION:
        yield Wrong((*path, "Version"), f"Version = {policy['Version']!r:.40}: {VERSION!r} expected")
    here, kind = (*path, "Statement"), KEYS["policies"].kind
    if not isinstance(policy["Statement"], list):
        yield from wrong(kind, [policy["Statement"]], here)
    else:
        for number, statement in enumerate(policy["Statement"]):
            yield from within(wrong(kind, [statement], here), here, number)


def _statements(policy: Json) -> list[Json]:
    found = policy.get("Statement", policy)
    return found if isinstance(found, list) else [found]


def _managed(policy: Any) -> Any:
    if not isinstance(policy, str) or policy.startswith("arn:"):
        return policy
    name = f"service-role/{policy}" if _OF_SERVICE_ROLES.fullmatch(policy) else policy
    return {"Fn::Sub": f"arn:${{AWS::Partition}}:iam::aws:policy/{name}"}


def _instead(name: str) -> str:
    actions, resource = _INSTEAD.get(name, _ANY)
    listed = ", ".join(f'"{action}"' for action in actions)
    return f'{{"Effect": "Allow", "Action": [{listed}], "Resource": "arn:aws:{resource}"}}'
