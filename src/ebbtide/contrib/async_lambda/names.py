"""What async-lambda calls things on AWS, by name and by logical id, so that our template takes the place of its own:
deployed onto the same stack it changes queues, functions and mappings where they are, with messages in flight.
"""

from __future__ import annotations

from binascii import crc32

from ebbtide.physical import Kind, Place
from ebbtide.queue import Queue

DEAD_LETTERS = "AsyncLambdaDLQ"
PAYLOADS = "AsyncLambdaPayloadBucket"

ROOM = 35
"""Characters that the number of an account and the longest name of a region leave of a bucket's 63."""


class AsyncLambdaPlace(Place):
    """One stage; its name is in no name but those of what async-lambda does not have."""

    __slots__ = ()

    @property
    def marks(self) -> tuple[str, ...]:
        return (self.prefix, self._short, f"{self.app}-")

    @property
    def stack(self) -> str:
        """By `ebbtide deploy`; who deploys with other tools has given another name anyway."""
        return self.prefix.replace("_", "-")

    @property
    def crowded(self) -> bool:
        return True

    def queue(self, queue: Queue, lane: int = 0) -> str:
        """The SQS queue of one lane; another app's queue is called what it is called."""
        if queue.runner == "elsewhere":
            return queue.name
        return f"{self.app}-{queue.name}" + (f"-L{lane}" if lane else "")

    def function(self, queue: Queue) -> str:
        return f"{self.app}-{queue.name}"

    def bucket(self, account: str, region: str) -> str:
        """Of ours alone, so a project whose name leaves no room for it keeps that name."""
        return f"{self._short}-{account}-{region}".lower().replace("_", "-")

    def scheduler_role(self, region: str) -> str:
        return f"{self._short}-{region}-scheduler"

    @property
    def _short(self) -> str:
        """The prefix where it fits, else its beginning and its sum."""
        prefix = self.prefix
        return prefix if len(prefix) <= ROOM else f"{prefix[: ROOM - 9]}-{crc32(prefix.encode()):08x}"

    def log_group(self, queue: Queue) -> str:
        """One of its own: async-lambda's functions have made theirs themselves, which no stack can take over."""
        return f"/aws/lambda/{self.prefix}/{queue.name}"

    def logical(self, kind: Kind, queue: Queue | None = None, lane: int = 0, fifo: bool = False) -> str | None:
        if queue is None:
            return DEAD_LETTERS if kind == "dead-letters" else None
        suffix = f"L{lane}" if lane else ""
        return {
            "queue": f"{queue.name}ALQueue{suffix}",
            "function": f"{queue.name}ALFunc",
            "role": f"{queue.name}ALFuncRole",
            "mapping": f"{queue.name}ALFuncManagedSQS{suffix}",
        }.get(kind)
