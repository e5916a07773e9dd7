"""Physical names on AWS: what a stage of an app calls its queues, functions, table and bucket.

The template gives these names and a client finds its way by them, so neither needs a state file or a look-up. A stage's
name holds no hyphen, so two stages of one app never meet.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from ebbtide.errors import DeclarationError
from ebbtide.queue import Queue

CLAIMS = {"claims/": 45, "claims-long/": 410, "claims-longest/": 3_700}
"""The bucket's prefixes for what is too big elsewhere, and the days after which the lifecycle of each removes it."""

AFTERLIFE = 29 * 86_400.0
"""Seconds a body is kept longer than its message can wait: as a dead letter (14 days), sent back (14), and one more."""

LONGEST_KEPT = max(CLAIMS.values()) * 86_400.0 - AFTERLIFE
"""Seconds: the most that an object can be asked to be kept for."""

Kind = Literal["queue", "function", "role", "mapping", "dead-letters"]
"""What a place may have a logical id of its own for; a mapping brings one lane's messages to the function."""

_STAGE = re.compile(r"[a-z][a-z0-9]{0,15}", re.ASCII)


def stage_name(name: str) -> str:
    """The name itself; raises DeclarationError unless it is 1 to 16 of a-z 0-9 starting with a letter."""
    if not isinstance(name, str) or not _STAGE.fullmatch(name):
        raise DeclarationError(
            f"{name!r} is no name for a stage: up to 16 small ASCII letters and digits, a letter first"
        )
    return name


def claim_prefix(keep: float) -> str | None:
    """The prefix that keeps an object for so many seconds and its afterlife; None if none does."""
    return next((prefix for prefix, days in CLAIMS.items() if keep + AFTERLIFE <= days * 86_400.0), None)


class Place(NamedTuple):
    """One stage of one app. app: the app's name; stage: see `stage_name`."""

    app: str
    stage: str

    @property
    def prefix(self) -> str:
        """What every name of this stage begins with; the name of its schedule group and its table."""
        return f"{self.app}-{self.stage}"

    @property
    def stack(self) -> str:
        """The stack (128 characters at most and no underscore, says CloudFormation)."""
        return self.prefix

    @property
    def marks(self) -> tuple[str, ...]:
        """What tells names of this stage from others: each has one of these in it."""
        return (self.prefix,)

    @property
    def crowded(self) -> bool:
        """Whether each task has a queue and a function of its own, as nothing of ours has: then the queues share a
        policy, and are no outputs, so that twice as many fit into a stack."""
        return False

    def queue(self, queue: Queue, lane: int = 0) -> str:
        """The SQS queue of one lane (80 characters at most, says SQS)."""
        name = f"{self.prefix}-{queue.name}" + (f"-lane{lane}" if lane else "")
        return f"{name}.fifo" if queue.fifo else name

    def dead_letters(self, fifo: bool) -> str:
        """The stage's dead-letter queue of one kind: SQS takes dead letters of a FIFO queue only on a FIFO queue."""
        return f"{self.prefix}-dead-letters" + (".fifo" if fifo else "")

    def function(self, queue: Queue) -> str:
        """The Lambda function that runs a queue (64 characters at most, says Lambda)."""
        return f"{self.prefix}-{queue.name}"

    def log_group(self, queue: Queue) -> str:
        """The log group of that function (512 characters at most, says CloudWatch)."""
        return f"/aws/lambda/{self.function(queue)}"

    def bucket(self, account: str, region: str) -> str:
        """The bucket for what is too big for a message (3 to 63 of a-z 0-9 -, unique in the world, says S3)."""
        return f"{self.prefix}-{account}-{region}".lower().replace("_", "-")

    def scheduler_role(self, region: str) -> str:
        """The role by which EventBridge Scheduler sends to this stage's queues. Roles are no region's own."""
        return f"{self.prefix}-{region}-scheduler"

    def logical(self, kind: Kind, queue: Queue | None = None, lane: int = 0, fifo: bool = False) -> str | None:
        """The logical id that a stack made before Ebbtide came has for this; None leaves it to the template's rule."""
        return None
