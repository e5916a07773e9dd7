"""The claim check: a body too big for a message waits in the stage's bucket, and the message says where.

The object is written before the message is sent, and not removed on delivery: SQS may deliver a message again after it
was settled, and a dead letter may be sent back weeks later. The bucket's lifecycle removes it, by the prefix it stands
under. A pointer holds the object's key alone: the bucket is the stage's own, whatever a message says.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import closing
from typing import Any

from ebbtide import strictjson
from ebbtide.brokers.sqs.clients import Clients
from ebbtide.brokers.sqs.digest import sha256
from ebbtide.brokers.sqs.faults import explained
from ebbtide.errors import EnvelopeError, PayloadError, PayloadGone, StorageError
from ebbtide.message import Message
from ebbtide.physical import CLAIMS, claim_prefix

VERSION = 1

_MARK = b'{"claim":'  # how every pointer begins, and no envelope does
_LONGEST = 8_192  # bytes of a pointer: id, task and queue have 200 characters at most, six bytes each
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}", re.ASCII)
_KEY = re.compile(rf"(?:{'|'.join(CLAIMS)})(?:sha256\.)?[A-Za-z0-9][A-Za-z0-9_-]{{0,99}}", re.ASCII)
_GONE = ("NoSuchKey", "404")


class ClaimCheck:
    """The bodies in one bucket. bucket: gives its name, asked for when first needed. Every verb raises StorageError."""

    def __init__(self, clients: Clients, bucket: Callable[[], str]) -> None:
        self._clients = clients
        self._bucket = bucket

    def store(self, message: Message, body: bytes, keep: float) -> bytes:
        """Have this body in the bucket and get the pointer to send in its place (ASCII JSON).

        keep: seconds the message can wait until it is run or dead. Raises PayloadError if nothing is kept so long.
        """
        key = self.put(message.id, body, keep)
        if key is None:
            raise PayloadError(
                f"task {message.task!r}: a message of {len(body):,} bytes waits in the bucket, which keeps nothing for "
                f"{keep / 86_400:,.0f} days; delay it less, or store the data and pass where it is"
            )
        about = {"id": message.id, "task": message.task, "queue": message.queue, "lane": message.lane}
        return strictjson.dumps({"claim": key, "bytes": len(body), "v": VERSION, **about}).encode("ascii")

    def put(self, name: str, body: bytes, keep: float) -> str | None:
        """Have this body in the bucket, under a key made of the name; None if nothing is kept so long."""
        prefix = claim_prefix(keep)
        if prefix is None:
            return None
        key = prefix + (name if _NAME.fullmatch(name) else f"sha256.{sha256(name)}")
        self._clients.s3.put_object(Bucket=self._bucket(), Key=key, Body=body, ContentType="application/json")
        return key

    def is_pointer(self, body: bytes) -> bool:
        """Whether this body is to be fetched."""
        return body.startswith(_MARK)

    def fetch(self, pointer: bytes) -> bytes:
        """The body a pointer points to. Raises PayloadGone, and EnvelopeError for a pointer that is none of ours."""
        about = _parsed(pointer)
        body = self.get(about["claim"], about["bytes"])
        if body is None:
            raise PayloadGone(
                f"the {about['bytes']:,} bytes of {about['id']} are no longer in the stage's bucket, at "
                f"{about['claim']}; its lifecycle or somebody removed them"
            )
        return body

    def task_of(self, pointer: bytes) -> str:
        """The task whose message a pointer points to. Raises EnvelopeError for a pointer that is none of ours."""
        return str(_parsed(pointer)["task"])

    def get(self, key: str, size: int) -> bytes | None:
        """The body under this key; None if it is gone, or is another one, of another size."""
        try:
            answer = self._clients.s3.get_object(Bucket=self._bucket(), Key=key)
            with explained("get_object", self._clients.where), closing(answer["Body"]) as stream:
                if answer["ContentLength"] != size:
                    return None
                body: bytes = stream.read()  # whole, so that one that breaks off is an error and not a short body
                return body
        except StorageError as error:
            if error.code not in _GONE:
                raise
            return None


def _parsed(pointer: bytes) -> dict[str, Any]:
    """The members of a pointer we wrote. Raises EnvelopeError for any other."""
    try:
        about = strictjson.loads(pointer.decode("ascii")) if len(pointer) <= _LONGEST else None
    except ValueError:
        about = None
    if not isinstance(about, dict) or {name: type(value) for name, value in about.items()} != _MEMBERS:
        raise EnvelopeError("a pointer to a large payload that is none of ours")
    if about["v"] != VERSION:
        raise EnvelopeError(f"pointer version {about['v']}: this Ebbtide speaks version {VERSION}")
    if not _KEY.fullmatch(about["claim"]) or about["bytes"] < 0:
        raise EnvelopeError(f"a large payload cannot be at {ascii(about['claim'])[:200]}")
    return about


_MEMBERS = {"claim": str, "bytes": int, "v": int, "id": str, "task": str, "queue": str, "lane": int}
