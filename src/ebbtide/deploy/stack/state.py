"""What is there of a stage's stack now, and what may be done with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from ebbtide.deploy.stack.account import Account
from ebbtide.deploy.stack.trouble import DeployError, code_of, message_of, told

NEVER_DEPLOYED = ("REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE", "DELETE_COMPLETE")
"""A stack that holds nothing: its first deployment was only looked at, or failed and was taken back."""


class Stack(NamedTuple):
    """A stack as it stands. status: as CloudFormation says it; outputs, parameters, tags: by name.
    protected: nobody may delete it."""

    name: str
    id: str
    status: str
    reason: str
    outputs: Mapping[str, str]
    parameters: Mapping[str, str]
    tags: Mapping[str, str]
    description: str = ""
    protected: bool = False

    @property
    def empty(self) -> bool:
        """Whether it is a stack in name only, which CloudFormation will not update."""
        return self.status in NEVER_DEPLOYED

    @property
    def busy(self) -> bool:
        """Whether somebody's operation is under way."""
        return self.status.endswith("_IN_PROGRESS") and self.status != "REVIEW_IN_PROGRESS"


def find(account: Account, name: str) -> Stack | None:
    """The stack of that name or id; None if there is none."""
    with told(f"looking for the stack {name}"):
        try:
            (found,) = account.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            if code_of(error) == "ValidationError" and "does not exist" in message_of(error):
                return None
            raise
    return Stack(
        found["StackName"],
        found["StackId"],
        found["StackStatus"],
        found.get("StackStatusReason", ""),
        {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", ())},
        {given["ParameterKey"]: given.get("ParameterValue", "") for given in found.get("Parameters", ())},
        {tag["Key"]: tag["Value"] for tag in found.get("Tags", ())},
        found.get("Description", ""),
        found.get("EnableTerminationProtection", False),
    )


def template_of(account: Account, name: str) -> Any:
    """The template the stack was last given, as it was given; None where it cannot be had."""
    with told(f"reading the template of {name}"):
        body = account.client("cloudformation").get_template(StackName=name, TemplateStage="Original")["TemplateBody"]
    try:
        return json.loads(body) if isinstance(body, str) else body
    except ValueError:
        return None


def ready(account: Account, stack: Stack) -> None:
    """Raise DeployError unless the stack can be changed now; says who or what is in the way."""
    if stack.busy:
        raise DeployError(
            f"{stack.name} is being changed by somebody else just now ({stack.status}); wait until that has ended"
        )
    if stack.status == "UPDATE_ROLLBACK_FAILED":
        raise DeployError(
            f"{stack.name} could not be rolled back ({stack.reason or stack.status}): mend what is named there, "
            f"then run 'aws cloudformation continue-update-rollback --stack-name {stack.name} "
            f"--region {account.region}'"
        )
    if stack.status in ("DELETE_FAILED", "ROLLBACK_FAILED", "CREATE_FAILED"):
        raise DeployError(
            f"{stack.name} is neither here nor gone ({stack.status}: {stack.reason or 'no reason given'}); "
            f"take it away with 'ebbtide destroy' first"
        )
