"""A change set as CloudFormation's API describes it, with the values before and after that MiniStack does not tell."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from ebbtide.deploy.stack.account import Account
from ebbtide.deploy.stack.change_set import Change, propose
from ebbtide.deploy.stack.state import Stack
from ebbtide.deploy.stack.trouble import DeployError
from ebbtide.deploy.stack.words import called, noun

TIMEOUT = {
    "Target": {
        "Attribute": "Properties",
        "Name": "Timeout",
        "Path": "/Properties/Timeout",
        "BeforeValue": "60",
        "AfterValue": "120",
        "RequiresRecreation": "Never",
    },
    "ChangeSource": "DirectModification",
}
FOLLOWS = {
    "Target": {"Attribute": "Properties", "Name": "Role", "RequiresRecreation": "Never"},
    "ChangeSource": "ResourceAttribute",
    "CausingEntity": "Role.Arn",
}


def change(action: str, kind: str, **more: Any) -> dict[str, Any]:
    found = {"Action": action, "LogicalResourceId": "A", "ResourceType": kind, "PhysicalResourceId": "a", **more}
    return {"Type": "Resource", "ResourceChange": found}


class CloudFormation:
    """Answers with one change set, in two pages."""

    def __init__(self, *changes: dict[str, Any], status: str = "CREATE_COMPLETE", reason: str = "") -> None:
        self.changes, self.about = list(changes), {"Status": status, "StatusReason": reason}
        self.asked: list[dict[str, Any]] = []
        self.deleted: list[str] = []

    def create_change_set(self, **given: Any) -> dict[str, str]:
        self.asked.append(given)
        return {"Id": "set", "StackId": "stack"}

    def describe_change_set(self, NextToken: str = "", **given: Any) -> dict[str, Any]:
        half = len(self.changes) // 2
        if NextToken:
            return {**self.about, "Changes": self.changes[half:]}
        return {**self.about, "Changes": self.changes[:half], "NextToken": "more"}

    def delete_change_set(self, **given: Any) -> None:
        self.deleted.append("change set")

    def delete_stack(self, **given: Any) -> None:
        self.deleted.append("stack")

    def get_paginator(self, name: str) -> Any:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, name)


class Session:
    def __init__(self, client: CloudFormation) -> None:
        self._client = client

    def client(self, *given: Any, **more: Any) -> CloudFormation:
        return self._client


STACK = Stack("shop-prod", "stack", "UPDATE_COMPLETE", "", {}, {"Kept": "1", "Gone": "2"}, {})


def proposed(client: CloudFormation, stack: Stack | None = STACK) -> Any:
    here = Account(Session(client), "123456789012", "eu-west-1", "http://here")
    body = '{"Parameters": {"Kept": {}, "New": {}}}'
    return propose(here, "shop-prod", stack, {"TemplateBody": body}, {"New": "3"}, {"framework": "ebbtide"})


@pytest.mark.parametrize(
    ("found", "expected", "loses"),
    [
        (change("Add", "AWS::SQS::Queue"), "add", None),
        (change("Modify", "AWS::SQS::Queue", Replacement="False"), "change", None),
        (change("Modify", "AWS::SQS::Queue", Replacement="True"), "replace", "the messages in it"),
        (change("Modify", "AWS::DynamoDB::Table", Replacement="Conditional"), "may replace", "all its items"),
        (change("Modify", "AWS::Lambda::Function", Replacement="True"), "replace", None),
        (change("Remove", "AWS::S3::Bucket", PolicyAction="Delete"), "remove", "all its objects"),
        (change("Remove", "AWS::S3::Bucket", PolicyAction="Retain"), "keep", None),
        (change("Remove", "AWS::Lambda::LayerVersion"), "remove", None),
    ],
)
def test_an_action_is_what_it_does_to_the_resource(found: dict[str, Any], expected: str, loses: str | None) -> None:
    (read,) = proposed(CloudFormation(found)).changes
    assert (read.action, read.loses) == (expected, loses)


def test_a_change_says_what_causes_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    found = change("Modify", "AWS::Lambda::Function", Replacement="False", Details=[TIMEOUT, FOLLOWS, FOLLOWS])
    (read,) = proposed(CloudFormation(found)).changes
    assert read == Change("change", "AWS::Lambda::Function", "A", "a", ("Timeout: 60 -> 120", "Role, by Role.Arn"))


def follower(id: str, source: str, causing: str) -> dict[str, Any]:
    target = {"Attribute": "Properties", "Name": "Target", "RequiresRecreation": "Conditionally"}
    details = [{"Target": target, "Evaluation": "Dynamic", "ChangeSource": source, "CausingEntity": causing}]
    more = {"Replacement": "Conditional", "Details": details, "LogicalResourceId": id}
    return change("Modify", "AWS::ApiGatewayV2::Integration", **more)


def test_what_only_refers_to_a_resource_that_stays_is_no_change() -> None:
    code = change("Modify", "AWS::Lambda::Function", Replacement="False", Details=[TIMEOUT])
    by_arn, by_id = follower("B", "ResourceAttribute", "A.Arn"), follower("C", "ResourceReference", "B")
    assert [one.logical for one in proposed(CloudFormation(by_id, by_arn, code)).changes] == ["A"]


@pytest.mark.parametrize(
    ("replacement", "causing"),
    [("True", "A.Arn"), ("Conditional", "A.Arn"), ("False", "A.Version"), ("False", "Z.Arn")],
)
def test_what_refers_to_something_that_may_be_another_is_a_change(replacement: str, causing: str) -> None:
    code = change("Modify", "AWS::Lambda::Function", Replacement=replacement, Details=[TIMEOUT])
    refers = follower("B", "ResourceAttribute", causing)
    assert [one.logical for one in proposed(CloudFormation(code, refers)).changes] == ["A", "B"]


def test_all_pages_are_read() -> None:
    assert len(proposed(CloudFormation(*[change("Add", "AWS::SQS::Queue")] * 5)).changes) == 5


def test_parameters_not_given_keep_their_values_as_far_as_the_template_has_them() -> None:
    client = CloudFormation(change("Add", "AWS::SQS::Queue"))
    proposed(client)
    (asked,) = client.asked
    assert asked["Parameters"] == [
        {"ParameterKey": "New", "ParameterValue": "3"},
        {"ParameterKey": "Kept", "UsePreviousValue": True},
    ]
    assert asked["Capabilities"] == ["CAPABILITY_AUTO_EXPAND", "CAPABILITY_NAMED_IAM"]


@pytest.mark.parametrize(
    "reason",
    [
        "The submitted information didn't contain changes. Submit different information to create a change set.",
        "No updates are to be performed.",
    ],
)
def test_no_change_is_no_error_and_leaves_nothing(reason: str) -> None:
    client = CloudFormation(status="FAILED", reason=reason)
    assert proposed(client) is None
    assert client.deleted == ["change set"]


@pytest.mark.parametrize(("stack", "left"), [(STACK, ["change set"]), (None, ["change set", "stack"])])
def test_a_refusal_is_told_and_leaves_nothing(stack: Stack | None, left: list[str]) -> None:
    client = CloudFormation(status="FAILED", reason="Export shop-x is in use")
    with pytest.raises(DeployError, match="CloudFormation refuses the template: Export shop-x is in use"):
        proposed(client, stack)
    assert client.deleted == left


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("AWS::SQS::Queue", "queue"),
        ("AWS::ApiGatewayV2::Api", "HTTP API"),
        ("AWS::Glue::JobRun", "glue job run"),
        ("AWS::EC2::VPCEndpoint", "ec2 vpc endpoint"),
        ("Custom::Thing", "custom thing"),
    ],
)
def test_a_type_is_said_in_words(kind: str, said: str) -> None:
    assert noun(kind) == said


@pytest.mark.parametrize(
    ("physical", "said"),
    [
        ("https://sqs.eu-west-1.amazonaws.com/123456789012/shop-prod-mail", "shop-prod-mail"),
        ("arn:aws:sns:eu-west-1:123456789012:shop-prod-paid", "shop-prod-paid"),
        ("arn:aws:iam::123456789012:role/a/shop", "shop"),
        ("/aws/lambda/shop-prod-mail", "/aws/lambda/shop-prod-mail"),
    ],
)
def test_a_name_is_taken_out_of_what_holds_it(physical: str, said: str) -> None:
    assert called(physical) == said
