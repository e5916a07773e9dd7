"""Policies: ARNs, AWS's own, statements and documents, told apart; a template of SAM's is refused."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from tests.contrib.async_lambda.config.shop import built, read, refused, shop

from ebbtide.deploy.checks import findings

STATEMENT = {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "arn:aws:s3:::bucket/*"}
OTHER = {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}


def role(folder: Path, *policies: Any) -> Any:
    """What the role of Orders has because of these."""
    made = built(folder, {"policies": list(policies)})["OrdersALFuncRole"]["Properties"]
    before = built(folder, {})["OrdersALFuncRole"]["Properties"]
    (mine,), (there,) = made["Policies"], before["Policies"]
    statements, ours = mine["PolicyDocument"]["Statement"], there["PolicyDocument"]["Statement"]
    assert statements[: len(ours)] == ours
    return statements[len(ours) :], made.get("ManagedPolicyArns", [])


def own(name: str) -> Any:
    return {"Fn::Sub": f"arn:${{AWS::Partition}}:iam::aws:policy/{name}"}


def test_statements_and_documents_stand_in_the_role_beside_ours(tmp_path: Path) -> None:
    document = {"Version": "2012-10-17", "Id": "mine", "Statement": [STATEMENT, OTHER]}
    assert role(tmp_path, STATEMENT) == ([STATEMENT], [])
    assert role(tmp_path, document) == ([STATEMENT, OTHER], [])
    assert role(tmp_path, {"Statement": OTHER}, STATEMENT) == ([OTHER, STATEMENT], [])


def test_two_documents_may_use_one_sid(tmp_path: Path) -> None:
    named = {"Sid": "Send", **STATEMENT}
    assert role(tmp_path, {"Statement": [named]}, {"Statement": [{**named, **OTHER}]}) == ([STATEMENT, OTHER], [])


@pytest.mark.parametrize(
    ("policy", "arn"),
    [
        ("arn:aws:iam::123456789012:policy/mine", "arn:aws:iam::123456789012:policy/mine"),
        ("AmazonS3ReadOnlyAccess", own("AmazonS3ReadOnlyAccess")),
        ("AWSLambdaVPCAccessExecutionRole", own("service-role/AWSLambdaVPCAccessExecutionRole")),
        ("service-role/AWSLambdaRole", own("service-role/AWSLambdaRole")),
        ({"Ref": "Mine"}, {"Ref": "Mine"}),
        (
            {"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/X"},
            {"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/X"},
        ),
    ],
)
def test_arns_names_and_references_are_managed_policies_of_the_role(tmp_path: Path, policy: Any, arn: Any) -> None:
    assert role(tmp_path, policy) == ([], [arn])


def test_the_names_of_awss_own_policies_for_lambda_lead_where_sam_leads(tmp_path: Path) -> None:
    known = json.loads((files("samtranslator") / "internal/data/aws_managed_policies.json").read_text("utf-8"))["aws"]
    names = [name for name, arn in known.items() if name.startswith("AWSLambda") and "/aws-service-role/" not in arn]
    assert len(names) > 10
    made = read(tmp_path, {"policies": names}).of("Orders").managed_policies
    assert [arn["Fn::Sub"].replace("${AWS::Partition}", "aws") for arn in made if isinstance(arn, dict)] == [
        known[name] for name in names
    ]


def test_policies_of_all_levels_stand_in_order_without_repeats(tmp_path: Path) -> None:
    said = {"policies": ["A", STATEMENT], "tasks": {"Orders": {"policies": [OTHER, STATEMENT, "A", "B"]}}}
    made = read(tmp_path, said)
    assert made.of("Orders").policies == [STATEMENT, OTHER]
    assert made.of("Orders").managed_policies == [own("A"), own("B")]
    assert made.of("Many").policies == [STATEMENT]


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        (
            {"S3ReadPolicy": {"BucketName": "b"}},
            "4: S3ReadPolicy is a template of SAM's; write the statement itself: "
            '{"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "arn:aws:s3:::BUCKET/*"}',
        ),
        (
            {"PollyFullAccessPolicy": {}},
            "4: PollyFullAccessPolicy is a template of SAM's; write the statement itself: "
            '{"Effect": "Allow", "Action": ["SERVICE:ACTION"], "Resource": "arn:aws:SERVICE:REGION:ACCOUNT:RESOURCE"}',
        ),
        ("arn aws", "3: 'arn aws' is neither an ARN nor the name of a policy of AWS's own"),
        ({"Efect": "Allow", "Action": "a:b"}, "4: unknown key 'Efect'. Did you mean 'Effect'?"),
        ({"Statement": [{"Effect": "Alow", "Action": "a:b"}]}, "6: Effect = 'Alow': one of 'Allow', 'Deny' expected"),
        ({"Statement": [3]}, "5: Statement: an IAM statement with Effect, Action and Resource expected"),
        ({"Statement": 3}, "4: Statement: an IAM statement with Effect, Action and Resource expected"),
        ({"Version": "2008-10-17", "Statement": []}, "4: Version = '2008-10-17': '2012-10-17' expected"),
        ({"Statement": [], "Name": "x"}, "3: a policy document has Version and Statement, and no Name"),
        ({}, "3: policies: an IAM statement with Effect, Action and Resource expected"),
    ],
)
def test_what_is_no_policy_is_refused(tmp_path: Path, policy: Any, told: str) -> None:
    assert any(
        line.startswith(f".async_lambda/config.json:{told}") for line in refused(tmp_path, {"policies": [policy]})
    )


def test_what_a_policy_for_all_lets_them_do_is_warned_of_once_and_on_its_line(tmp_path: Path) -> None:
    policies = ["AWSLambdaVPCAccessExecutionRole", {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "*"}]
    told = findings(shop(), "prod", read(tmp_path, {"policies": policies}))
    warned = [(one.file, one.line, one.message) for one in told if "alike" in one.message]
    roles = "OrdersALFuncRole"
    managed = "arn:${AWS::Partition}:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole"
    assert sorted(warned) == [
        (".async_lambda/config.json", 2, f"{roles} has managed policies: {managed}, and 4 more alike (T2)"),
        (".async_lambda/config.json", 2, f"{roles} may do ['s3:GetObject'] anywhere, and 4 more alike (T4)"),
    ]
