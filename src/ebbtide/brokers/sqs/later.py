"""A delay that SQS cannot hold: a schedule that sends the body to its queue once, and then deletes itself.

EventBridge Scheduler keeps to the minute, so a message may come up to a minute late; it never comes early. What it
cannot deliver for a day goes to the stage's dead letters.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

from ebbtide.brokers.sqs.clients import Clients
from ebbtide.brokers.sqs.digest import sha256
from ebbtide.errors import StorageError
from ebbtide.physical import Place

_NAME = re.compile(r"[0-9A-Za-z._-]{1,50}", re.ASCII)
_LATEST = 4_102_444_800.0  # the year 2100
_WORD = "<aws.scheduler."  # begins what Scheduler replaces in its input


class Later:
    """One-off schedules of one stage. Raises StorageError."""

    def __init__(self, clients: Clients, place: Place) -> None:
        self._clients = clients
        self._place = place

    def schedule(self, id: str, body: str, queue_arn: str, at: float, group: str | None = None) -> None:
        """Have `body` (JSON; Scheduler takes 256 KiB) sent to this queue at `at`, in seconds since 1970.

        Asked for twice with the same id and time it is there once. group: the message group, on a FIFO queue.
        """
        _, partition, _, region, account, _ = queue_arn.split(":", 5)
        second = math.ceil(min(at, _LATEST))
        target = {
            "Arn": queue_arn,
            "RoleArn": f"arn:{partition}:iam::{account}:role/{self._place.scheduler_role(region)}",
            "Input": body.replace(_WORD, "\\u003c" + _WORD[1:]),
            "DeadLetterConfig": {"Arn": f"arn:{partition}:sqs:{region}:{account}:{self._place.dead_letters(False)}"},
            **({"SqsParameters": {"MessageGroupId": group}} if group is not None else {}),
        }
        try:
            self._clients.scheduler.create_schedule(
                Name=f"{id if _NAME.fullmatch(id) else sha256(id)[:48]}-{second}",
                GroupName=self._place.prefix,
                ScheduleExpression=f"at({datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S})",
                ScheduleExpressionTimezone="UTC",
                FlexibleTimeWindow={"Mode": "OFF"},
                ActionAfterCompletion="DELETE",
                Target=target,
            )
        except StorageError as error:
            if error.code != "ConflictException":  # which says that it is there
                raise
