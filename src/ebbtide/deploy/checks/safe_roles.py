"""What every template promises of its roles, T2 to T10: no more than a queue's tasks need, nothing by a wildcard."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ebbtide.deploy.checks.promise import Broken, Stage
from ebbtide.deploy.checks.view import FUNCTIONS, listed, ref, statements, text
from ebbtide.deploy.template.permissions import SEES_NETWORK
from ebbtide.deploy.template.plan import BUCKET, SCHEDULER, TABLE
from ebbtide.physical import CLAIMS

ANYWHERE = {*SEES_NETWORK, "dynamodb:ListStreams"}
"""What IAM knows no narrower resource for."""


def no_managed_policies(stage: Stage) -> Iterator[Broken]:
    """T2: no role has a managed policy, and no function asks SAM for one."""
    for id, said in stage.view.of("AWS::IAM::Role"):
        if said.get("ManagedPolicyArns"):
            yield Broken(id, f"has managed policies: {', '.join(map(text, said['ManagedPolicyArns']))}")
    for id, said in stage.view.of(*FUNCTIONS):
        if "Policies" in said or "Role" not in said or "Events" in said:
            yield Broken(id, "lets SAM make its role or attach policies to it")


def no_wildcard_action(stage: Stage) -> Iterator[Broken]:
    """T3: every allowed action is named in full."""
    for id, said in _allowed(stage):
        if "NotAction" in said or any("*" in action for action in said["Action"]):
            yield Broken(id, f"may do {said['Action']}")


def no_wildcard_resource(stage: Stage) -> Iterator[Broken]:
    """T4: every allowed resource is named, but where IAM knows none."""
    for id, said in _allowed(stage):
        everything = [one for one in said["Resource"] if one == "*" or text(one).endswith(":*:*")]
        if ("NotResource" in said or everything) and not ANYWHERE.issuperset(said["Action"]):
            yield Broken(id, f"may do {said['Action']} anywhere")


def receives_its_own(stage: Stage) -> Iterator[Broken]:
    """T5: a function takes messages from its own queues, or those it is mapped to, and from no other."""
    takes = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"}
    for id, role in _functions(stage):
        mapped = [said["EventSourceArn"] for _, said in stage.view.mappings(id)]
        for said in stage.view.allowed(role):
            if takes.intersection(said["Action"]):
                for resource in said["Resource"]:
                    if resource not in mapped:
                        yield Broken(id, f"may receive from {resource}, which it is not mapped to")


def sends_within_the_stage(stage: Stage) -> Iterator[Broken]:
    """T6: a function and the scheduler send to queues of this template alone, and to those declared as others'."""
    for id, said in _allowed(stage):
        if "sqs:SendMessage" in said["Action"]:
            for resource in said["Resource"]:
                declared = isinstance(resource, Mapping) and resource.get("Fn::Sub") in stage.others
                if not declared and stage.view.kind(ref(resource)) != "AWS::SQS::Queue":
                    yield Broken(id, f"may send to {resource}, which is none of this stage's queues")


def reads_its_own_rows(stage: Stage) -> Iterator[Broken]:
    """T7: the table only by keys, and of the ledger only its own queue's."""
    for id, role in _functions(stage):
        queue = stage.view.resources[id].get("Metadata", {}).get("Ebbtide", {}).get("queue", "")
        expected = {f"attempts/{queue}/*", "key/*", "result/*", "storm/*"}
        for said in stage.view.allowed(role):
            if not any(action.startswith("dynamodb:") for action in said["Action"]):
                continue
            if not any(ref(resource) == TABLE for resource in said["Resource"]):
                continue
            keys = said.get("Condition", {}).get("ForAllValues:StringLike", {}).get("dynamodb:LeadingKeys", ["*"])
            if not queue or not expected.issuperset(keys):
                yield Broken(id, f"may use the table's keys {keys}")
            if {"dynamodb:Scan", "dynamodb:Query", "dynamodb:DeleteTable"}.intersection(said["Action"]):
                yield Broken(id, f"may {said['Action']} the table")


def reads_claims_only(stage: Stage) -> Iterator[Broken]:
    """T8: of the stage's bucket, the prefixes of big bodies, and whether there is such an object."""
    allowed = {f"${{{BUCKET}.Arn}}/{prefix}*" for prefix in CLAIMS}
    for id, said in _allowed(stage):
        for resource in said["Resource"]:
            ours = ref(resource) == BUCKET or f"${{{BUCKET}" in text(resource)
            asks_only = ref(resource) == BUCKET and said["Action"] == ["s3:ListBucket"]
            if ours and not asks_only and text(resource) not in allowed:
                yield Broken(id, f"may do {said['Action']} on {resource}")


def passes_one_role(stage: Stage) -> Iterator[Broken]:
    """T9: no role can be handed on but the scheduler's, and to nobody but the scheduler."""
    for id, said in _allowed(stage):
        if "iam:PassRole" in said["Action"]:
            to = said.get("Condition", {}).get("StringEquals", {}).get("iam:PassedToService")
            if [ref(resource) for resource in said["Resource"]] != [SCHEDULER] or to != "scheduler.amazonaws.com":
                yield Broken(id, f"may pass {said['Resource']} to {to or 'anybody'}")
        elif any(action.startswith(("iam:", "sts:")) for action in said["Action"]):
            yield Broken(id, f"may do {said['Action']}")


def trusts_services(stage: Stage) -> Iterator[Broken]:
    """T10: roles are taken on by Lambda, or by the scheduler for this stage's own schedules."""
    for id, said in stage.view.of("AWS::IAM::Role"):
        for trusted in statements(said["AssumeRolePolicyDocument"]):
            who: Mapping[str, Any] = trusted.get("Principal", {})
            services = listed(who.get("Service", [])) if isinstance(who, Mapping) and set(who) == {"Service"} else []
            condition = trusted.get("Condition", {}).get("StringEquals", {})
            ours = {"aws:SourceAccount", "aws:SourceArn"} <= set(condition)
            if services == ["lambda.amazonaws.com"] or (services == ["scheduler.amazonaws.com"] and ours):
                continue
            yield Broken(id, f"can be taken on by {who}")


def _functions(stage: Stage) -> Iterator[tuple[str, str | None]]:
    return ((id, ref(said.get("Role"))) for id, said in stage.view.of(*FUNCTIONS))


def _allowed(stage: Stage) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for id, _ in stage.view.of("AWS::IAM::Role"):
        yield from ((id, said) for said in stage.view.allowed(id) if said["Effect"] == "Allow")
