"""boto3's `s3` client over buckets in memory: whole objects, put, read and deleted."""

from __future__ import annotations

import io
from typing import Any

from tests.aws.simulator.account import Account
from tests.aws.simulator.service import Answer, Client


class S3Client(Client):
    """Objects by bucket and key."""

    service = "s3"

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self.buckets: dict[str, dict[str, bytes]] = {}

    def _create_bucket(self, Bucket: str, **_: Any) -> Answer:
        self.buckets.setdefault(Bucket, {})
        return {}

    def _put_object(self, Bucket: str, Key: str, Body: Any = b"", **_: Any) -> Answer:
        self._bucket("PutObject", Bucket)[Key] = Body if isinstance(Body, bytes) else Body.read()
        return {}

    def _get_object(self, Bucket: str, Key: str, **_: Any) -> Answer:
        held = self._bucket("GetObject", Bucket).get(Key)
        if held is None:
            raise self.refusal("GetObject", "NoSuchKey", "The specified key does not exist.", status=404)
        return {"Body": io.BytesIO(held), "ContentLength": len(held)}

    def _head_object(self, Bucket: str, Key: str, **_: Any) -> Answer:
        held = self._bucket("HeadObject", Bucket).get(Key)
        if held is None:
            raise self.refusal("HeadObject", "404", "Not Found", status=404)
        return {"ContentLength": len(held)}

    def _delete_object(self, Bucket: str, Key: str, **_: Any) -> Answer:
        self._bucket("DeleteObject", Bucket).pop(Key, None)
        return {}

    def _bucket(self, operation: str, name: str) -> dict[str, bytes]:
        if name not in self.buckets:
            raise self.refusal(operation, "NoSuchBucket", "The specified bucket does not exist", status=404)
        return self.buckets[name]
