"""Whether a role of a template allows a call: the call put into IAM's words, and judged with conditions and resources.

moto enforces actions and knows no conditions, so the judge is the evaluator of MiniStack, in this process.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ministack.core.iam_evaluator import EvalContext, evaluate, parse_policy_document  # type: ignore[import-untyped]

ACCOUNT, REGION = "123456789012", "eu-west-1"

_ACTIONS = {
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
}
"""Calls that IAM knows by another name."""

_ARNS = {
    "AWS::SQS::Queue": "arn:aws:sqs:{region}:{account}:{name}",
    "AWS::DynamoDB::Table": "arn:aws:dynamodb:{region}:{account}:table/{name}",
    "AWS::S3::Bucket": "arn:aws:s3:::{name}",
    "AWS::IAM::Role": "arn:aws:iam::{account}:role/{name}",
    "AWS::Logs::LogGroup": "arn:aws:logs:{region}:{account}:log-group:{name}:*",
}
_NAMES = ("QueueName", "TableName", "BucketName", "RoleName", "LogGroupName")


class Ask(NamedTuple):
    """One question to IAM. keys: of the request's context."""

    action: str
    resource: str
    keys: Mapping[str, Any] = {}


class Judge:
    """The roles of one template, its references resolved."""

    def __init__(self, template: Mapping[str, Any]) -> None:
        self._resources = template["Resources"]

    def allows(self, role: str, ask: Ask) -> bool:
        """Whether the role's policies allow it."""
        policies = self._resources[role]["Properties"]["Policies"]
        parsed = [parse_policy_document(self.resolved(one["PolicyDocument"])) for one in policies]
        context = EvalContext(
            f"arn:aws:iam::{ACCOUNT}:role/x", "AssumedRole", ACCOUNT, ask.action, ask.resource, REGION
        )
        context.service_context = {key.lower(): value for key, value in ask.keys.items()}
        return str(evaluate(context, parsed).decision) == "Allow"

    def resolved(self, value: Any) -> Any:
        """What CloudFormation would make of it."""
        if isinstance(value, list):
            return [self.resolved(one) for one in value]
        if not isinstance(value, dict):
            return value
        if set(value) == {"Fn::GetAtt"}:
            assert value["Fn::GetAtt"][1] == "Arn"
            return self._arn(value["Fn::GetAtt"][0])
        if set(value) == {"Fn::Sub"}:
            return re.sub(r"\$\{([^}]+)\}", lambda found: self._word(found[1]), value["Fn::Sub"])
        if set(value) == {"Ref"}:
            return self._word(value["Ref"])
        return {key: self.resolved(one) for key, one in value.items()}

    def _word(self, name: str) -> str:
        pseudo = {"AWS::Region": REGION, "AWS::AccountId": ACCOUNT, "AWS::Partition": "aws"}
        return pseudo[name] if name in pseudo else self._arn(name.removesuffix(".Arn"))

    def _arn(self, id: str) -> str:
        made = self._resources[id]
        name = next((self.resolved(made["Properties"][one]) for one in _NAMES if one in made["Properties"]), id)
        return _ARNS[made["Type"]].format(region=REGION, account=ACCOUNT, name=name)


def asks(service: str, operation: str, given: Mapping[str, Any]) -> Iterator[Ask]:
    """What IAM is asked when this call comes. Raises KeyError for a call it does not know, so that none slips by."""
    action = _ACTIONS.get(f"{service}:{operation}", f"{service}:{operation}")
    if service == "sqs":
        name = given.get("QueueName") or given["QueueUrl"].rsplit("/")[-1]
        yield Ask(action, f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")
    elif service == "dynamodb":
        yield from _of_table(action, operation, given)
    elif service == "s3":
        verb = {"PutObject": "s3:PutObject", "GetObject": "s3:GetObject"}[operation]
        yield Ask(verb, f"arn:aws:s3:::{given['Bucket']}/{given['Key']}")
    elif operation == "CreateSchedule":
        where = f"schedule/{given['GroupName']}/{given['Name']}"
        yield Ask(action, f"arn:aws:scheduler:{REGION}:{ACCOUNT}:{where}")
        yield Ask("iam:PassRole", given["Target"]["RoleArn"], {"iam:PassedToService": "scheduler.amazonaws.com"})
    else:
        raise KeyError(f"{service}:{operation}")


def _of_table(action: str, operation: str, given: Mapping[str, Any]) -> Iterator[Ask]:
    if operation == "UpdateItem":
        keys = {given["TableName"]: [given["Key"]["id"]["S"]]}
    elif operation == "BatchGetItem":
        keys = {table: [key["id"]["S"] for key in said["Keys"]] for table, said in given["RequestItems"].items()}
    elif operation == "BatchWriteItem":
        keys = {
            table: [put["PutRequest"]["Item"]["id"]["S"] for put in puts]
            for table, puts in given["RequestItems"].items()
        }
    else:
        raise KeyError(operation)
    for table, leading in keys.items():
        arn = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table}"
        yield Ask(action, arn, {"dynamodb:LeadingKeys": leading})
