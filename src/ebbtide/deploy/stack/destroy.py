"""A stage taken away: its buckets emptied, its stack deleted, what it uploaded removed; what is kept, named."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ebbtide.deploy.stack.account import Account
from ebbtide.deploy.stack.buckets import drop_if_empty, empty
from ebbtide.deploy.stack.execution import Event, remove
from ebbtide.deploy.stack.state import Stack, template_of
from ebbtide.deploy.stack.trouble import DeployError, told
from ebbtide.deploy.stack.upload import bucket_of
from ebbtide.deploy.stack.words import noun
from ebbtide.physical import Place

_GONE = "DELETE_COMPLETE"


class Member(NamedTuple):
    """One resource of a stack. kept: it stays in the account when the stack goes."""

    kind: str
    logical: str
    physical: str
    kept: bool

    @property
    def noun(self) -> str:
        return noun(self.kind)


def members(account: Account, stack: Stack) -> list[Member]:
    """All that the stack holds. Raises DeployError."""
    template = template_of(account, stack.id) or {}
    declared = template.get("Resources", {})
    with told(f"listing what is in {stack.name}"):
        pages = account.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack.id)
        found = [found for page in pages for found in page["StackResourceSummaries"]]
    return [
        Member(
            one["ResourceType"],
            one["LogicalResourceId"],
            one.get("PhysicalResourceId", ""),
            declared.get(one["LogicalResourceId"], {}).get("DeletionPolicy", "Delete") != "Delete",
        )
        for one in found
        if one["ResourceStatus"] != _GONE
    ]


def destroy(account: Account, stack: Stack, held: list[Member]) -> Iterator[Event]:
    """Empty the stack's own buckets and delete it, event by event. Raises DeployError."""
    if stack.protected:
        raise DeployError(
            f"{stack.name} is protected against deletion; lift that first: 'aws cloudformation "
            f"update-termination-protection --no-enable-termination-protection --stack-name {stack.name} "
            f"--region {account.region}'"
        )
    for member in held:
        if member.kind == "AWS::S3::Bucket" and not member.kept:
            empty(account, member.physical)
    return remove(account, stack.id)


def clear_artefacts(account: Account, place: Place) -> bool:
    """Remove what the stage uploaded; whether the artefact bucket is gone because no other stage needs it."""
    empty(account, bucket_of(account), f"{place.stack}/")
    return drop_if_empty(account, bucket_of(account))
