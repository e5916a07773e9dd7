"""Payloads too large for a message, in async-lambda's bucket under keys like its own: either side reads the other's.

An object holds the payload's JSON text and nothing else. Only functions have the bucket's name, in their environment;
AWS's library is loaded when the first of them is written or read.
"""

from __future__ import annotations

import os
import time
import warnings
from contextlib import closing
from functools import cache

from ebbtide.brokers.sqs.clients import Client, Clients
from ebbtide.brokers.sqs.faults import explained
from ebbtide.contrib.async_lambda.notices import AsyncLambdaWarning
from ebbtide.contrib.async_lambda.writing import BUCKET
from ebbtide.errors import EnvelopeError, PayloadGone, StorageError

_GONE = ("NoSuchKey", "404")


def spill(text: str) -> str:
    """Have this payload (JSON) in the bucket; its key there, "2026/11/21/<32 hexadecimal digits>.json".

    Raises StorageError.
    """
    s3, bucket = _bucket()
    key = f"{time.strftime('%Y/%m/%d', time.gmtime())}/{os.urandom(16).hex()}.json"
    s3.put_object(Bucket=bucket, Key=key, Body=text.encode(), ContentType="application/json")
    return key


def fetch(key: str) -> str:
    """The payload's JSON under this key. Raises PayloadGone, EnvelopeError if it is no text, and StorageError."""
    s3, bucket = _bucket()
    try:
        answer = s3.get_object(Bucket=bucket, Key=key)
        with explained("get_object", _where(bucket)), closing(answer["Body"]) as stream:
            body: bytes = stream.read()
    except StorageError as error:
        if error.code not in _GONE:
            raise
        raise PayloadGone(
            f"the payload is no longer in the bucket {bucket}, at {ascii(key)[:200]}; its lifecycle or somebody "
            f"removed it"
        ) from None
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise EnvelopeError(f"the payload at {ascii(key)[:200]} is not UTF-8 at byte {error.start}") from None


def delete(key: str) -> None:
    """Remove a payload that was used. What AWS refuses is a warning: the lifecycle removes it, and the task was run."""
    try:
        s3, bucket = _bucket()
        s3.delete_object(Bucket=bucket, Key=key)
    except StorageError as error:
        warnings.warn(f"a payload stays until the bucket's lifecycle removes it: {error}", AsyncLambdaWarning, 2)


def _bucket() -> tuple[Client, str]:
    """The client, and the bucket's name. Raises StorageError."""
    name = os.environ.get(BUCKET)
    if not name:
        raise StorageError(f"a payload is in the app's payload bucket: set {BUCKET} to that bucket's name")
    return _clients(name).s3, name


@cache
def _clients(bucket: str) -> Clients:
    return Clients(where=_where(bucket), cure=f"{BUCKET} names a bucket of the app's stack")


def _where(bucket: str) -> str:
    return f"the payload bucket {bucket}"
