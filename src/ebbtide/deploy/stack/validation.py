"""What CloudFormation's own checks found before it made anything: each fault by the resource it is in.

A stack's event says only that there are such faults; they are told by DescribeEvents alone.
"""

from __future__ import annotations

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ebbtide.deploy.stack.account import Account


def faults(account: Account, **which: str) -> list[str]:
    """The faults of a change set (ChangeSetName=, StackName=) or of a stack's last operation (StackName=), if any."""
    found: list[str] = []
    last: str | None = None
    try:
        pages = account.client("cloudformation").get_paginator("describe_events")
        for page in pages.paginate(**which, Filters={"FailedEvents": True}):
            for event in page.get("OperationEvents", ()):
                last = last or event.get("OperationId")
                if event.get("EventType") == "VALIDATION_ERROR" and event.get("OperationId") == last:
                    found.append(_told(event))
    except (BotoCoreError, ClientError):
        return found  # that something is wrong is known already; this only says what
    return found


def _told(event: dict[str, Any]) -> str:
    reason = event.get("ValidationStatusReason") or event.get("ResourceStatusReason") or event["ValidationName"]
    return f"{event.get('LogicalResourceId') or event.get('ValidationPath', '')}: {reason}"
