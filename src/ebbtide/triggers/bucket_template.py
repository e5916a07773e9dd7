"""What a bucket needs in a template so that its events reach a queue.

A bucket of the stack's own notifies the queue itself, which costs nothing. Where S3 cannot (a FIFO queue), or may not
(a bucket that is there already, whose notifications are not ours to write), a rule of EventBridge does it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Protocol

from ebbtide.physical import Place
from ebbtide.trigger import Asked, Json, Target
from ebbtide.triggers.bucket_kinds import KINDS
from ebbtide.triggers.names import logical, physical
from ebbtide.triggers.statements import allow, sends

PRIVATE = {"BlockPublicAcls": True, "BlockPublicPolicy": True, "IgnorePublicAcls": True, "RestrictPublicBuckets": True}


class Bucket(Protocol):
    """What a template is to know of a `Bucket`."""

    @property
    def kinds(self) -> list[str]:
        """The events it is for, each by its whole name."""

    name: str
    existing: bool
    prefix: str
    suffix: str
    events: tuple[str, ...]


def asked(bucket: Bucket, target: Target) -> Asked:
    """As the port says."""
    name = bucket.name if bucket.existing else _name(target.place, bucket.name)
    made = {} if bucket.existing else _made(bucket, name)
    where = f"arn:${{AWS::Partition}}:s3:::{name}"
    object = {"Fn::Sub": f"{where}/{_mine(bucket)}"}
    stays = any(not kind.startswith("ObjectRemoved:") for kind in bucket.kinds)
    reads = [allow(["s3:GetObject", "s3:GetObjectVersion"], object)] if stays else []
    if bucket.existing or target.fifo:
        if made:
            _properties(bucket, made)["NotificationConfiguration"] = {
                "EventBridgeConfiguration": {"EventBridgeEnabled": True}
            }
        rules = _rules(bucket, name, target)
        sent = [sends("events", {"Fn::GetAtt": [rule, "Arn"]}) for rule in rules]
        return Asked({**made, **rules}, reads, sent, sent)
    # S3 looks whether it may send when it is told to, so the queue's policy comes first. The policy names the bucket
    # by its ARN as text, not by a reference, which would make a circle.
    made[logical("Bucket", bucket.name)]["DependsOn"] = [f"{target.queue}Policy"]
    _properties(bucket, made)["NotificationConfiguration"] = {
        "QueueConfigurations": [_notification(bucket, event, target) for event in bucket.events]
    }
    return Asked(made, reads, [sends("s3", {"Fn::Sub": where})])


def _name(place: Place, name: str) -> str:
    # In small letters, as S3 wants it; the parts in ${} keep theirs.
    return f"{physical(place.prefix, name).lower().replace('_', '-')}-${{AWS::AccountId}}-${{AWS::Region}}"


def _properties(bucket: Bucket, made: Mapping[str, Json]) -> dict[str, Any]:
    properties: dict[str, Any] = made[logical("Bucket", bucket.name)]["Properties"]
    return properties


def _made(bucket: Bucket, name: str) -> dict[str, Json]:
    """The bucket and its policy, without notifications; the same for all tasks that share it."""
    id = logical("Bucket", bucket.name)
    only_by_tls = {
        "Sid": "OnlyByTls",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [{"Fn::Sub": f"arn:${{AWS::Partition}}:s3:::{name}{part}"} for part in ("", "/*")],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    encrypted = {"ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
    unfinished = {"Id": "unfinished", "Status": "Enabled", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}}
    return {
        id: {
            "Type": "AWS::S3::Bucket",
            "Properties": {
                "BucketName": {"Fn::Sub": name},
                "BucketEncryption": encrypted,
                "PublicAccessBlockConfiguration": dict(PRIVATE),
                "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
                "LifecycleConfiguration": {"Rules": [unfinished]},
            },
        },
        f"{id}Policy": {
            "Type": "AWS::S3::BucketPolicy",
            "Properties": {
                "Bucket": {"Ref": id},
                "PolicyDocument": {"Version": "2012-10-17", "Statement": [only_by_tls]},
            },
        },
    }


def _notification(bucket: Bucket, event: str, target: Target) -> Json:
    rules = [{"Name": name, "Value": _as_s3_writes(value)} for name, value in _ends(bucket) if value]
    filtered = {"Filter": {"S3Key": {"Rules": rules}}} if rules else {}
    return {"Event": f"s3:{event}", "Queue": {"Fn::GetAtt": [target.queue, "Arn"]}, **filtered}


def _as_s3_writes(end: str) -> str:
    """A prefix or suffix as S3 wants it in a filter: a plus for a space, %XX for what it calls special."""
    special = r"[^A-Za-z0-9/!_.'() -]"
    octets = re.sub(special, lambda one: "".join(f"%{octet:02X}" for octet in one[0].encode()), end)
    return octets.replace(" ", "+")


def _ends(bucket: Bucket) -> list[tuple[str, str]]:
    return [("prefix", bucket.prefix), ("suffix", bucket.suffix)]


def _mine(bucket: Bucket) -> str:
    """The keys it is for, as the end of a resource in Fn::Sub: `in/*.csv`. What IAM reads as a pattern is escaped."""
    prefix, suffix = (re.sub(r"[*?$]", lambda special: f"${{!{special[0]}}}", end) for _, end in _ends(bucket))
    return f"{prefix}*{suffix}"


def _rules(bucket: Bucket, name: str, target: Target) -> dict[str, Json]:
    """A rule for each kind that EventBridge has a word for."""
    told = dict.fromkeys(KINDS[kind][0] for kind in bucket.kinds)
    return {f"{target.logical}Rule{number}": _rule(bucket, name, target, kind) for number, kind in enumerate(told)}


def _rule(bucket: Bucket, name: str, target: Target, kind: str) -> Json:
    detail: dict[str, Any] = {"bucket": {"name": [name if bucket.existing else {"Fn::Sub": name}]}}
    if keys := _keys(bucket):
        detail["object"] = {"key": [keys]}
    wanted = [KINDS[one] for one in bucket.kinds if KINDS[one][0] == kind]
    if len(wanted) < sum(told[0] == kind for told in KINDS.values()):
        detail[wanted[0][1]] = [value for _, _, value in wanted]
    to: Json = {
        "Id": target.logical,
        "Arn": {"Fn::GetAtt": [target.queue, "Arn"]},
        "DeadLetterConfig": {"Arn": {"Fn::GetAtt": [target.dead_letters, "Arn"]}},
    }
    if target.fifo:
        to["SqsParameters"] = {"MessageGroupId": target.task}
    return {
        "Type": "AWS::Events::Rule",
        "Properties": {
            "Description": f"{bucket!r:.300} of task {target.task}",
            "EventPattern": {"source": ["aws.s3"], "detail-type": [kind], "detail": detail},
            "State": "ENABLED",
            "Targets": [to],
        },
    }


def _keys(bucket: Bucket) -> Json | None:
    if bucket.prefix and bucket.suffix:
        ends = [end.replace("\\", "\\\\").replace("*", "\\*") for end in (bucket.prefix, bucket.suffix)]
        return {"wildcard": "*".join(ends)}
    return next(({name: value} for name, value in _ends(bucket) if value), None)
