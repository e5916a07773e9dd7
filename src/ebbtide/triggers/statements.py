"""Statements of IAM, as triggers ask for them: never more than one thing, on exactly the resource it is about."""

from __future__ import annotations

from collections.abc import Sequence

from ebbtide.trigger import Json


def allow(actions: Sequence[str], resource: str | Json) -> Json:
    """What a function's role may do."""
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource}


def sends(service: str, source: str | Json, *, anywhere: bool = False) -> Json:
    """That a service may send to the queue, for this source alone; without Resource.

    anywhere: the source's ARN has its account in it, which may be another one.
    """
    ours = {} if anywhere else {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    return {
        "Effect": "Allow",
        "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Condition": {"ArnEquals": {"aws:SourceArn": source}, **ours},
    }


def arn_of(service: str, rest: str) -> Json:
    """The ARN of something in this account and region."""
    return {"Fn::Sub": f"arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:${{AWS::AccountId}}:{rest}"}
