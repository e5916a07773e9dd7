"""Buckets emptied: CloudFormation deletes none that holds an object, or an old version of one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError

from ebbtide.deploy.stack.account import Account
from ebbtide.deploy.stack.trouble import DeployError, code_of, told

PAGE = 1_000
"""Objects deleted by one request (the quota of DeleteObjects)."""

_GONE = {"404", "NoSuchBucket", "NotFound"}


def empty(account: Account, bucket: str, prefix: str = "", done: Callable[[int], None] = lambda count: None) -> int:
    """Delete all objects and versions below a prefix; how many there were. done: told as they go."""
    total = 0
    with told(f"emptying the bucket {bucket}"):
        try:
            found = _objects(account, bucket, prefix)
            while page := list(islice(found, PAGE)):
                answer = account.client("s3").delete_objects(
                    Bucket=bucket, Delete={"Objects": page, "Quiet": True}, ExpectedBucketOwner=account.id
                )
                for error in answer.get("Errors", ()):
                    raise DeployError(f"{error['Key']} in {bucket} cannot be deleted: {error.get('Message')}")
                total += len(page)
                done(len(page))
        except ClientError as error:
            if code_of(error) not in _GONE:
                raise
    return total


def drop_if_empty(account: Account, bucket: str) -> bool:
    """Delete a bucket unless something is in it; whether it is gone."""
    with told(f"deleting the bucket {bucket}"):
        try:
            if next(_objects(account, bucket, ""), None) is not None:
                return False
            account.client("s3").delete_bucket(Bucket=bucket, ExpectedBucketOwner=account.id)
        except ClientError as error:
            if code_of(error) not in {*_GONE, "BucketNotEmpty"}:
                raise
            return code_of(error) in _GONE
    return True


def _objects(account: Account, bucket: str, prefix: str) -> Iterator[dict[str, Any]]:
    pages = account.client("s3").get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
    for page in pages:
        for found in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
            yield {"Key": found["Key"], "VersionId": found["VersionId"]}
