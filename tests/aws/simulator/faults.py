"""What goes wrong, how often: probabilities from 0 to 1, drawn by one seeded generator for a whole account."""

from __future__ import annotations

from typing import NamedTuple


class Faults(NamedTuple):
    """Nothing goes wrong unless said.

    Of SQS: duplicate: a message of a standard queue is given and stays to be had. ghost: a deleted one comes back
    once, within `ghost_within` seconds. unseen: a short poll does not see a message. entry: one entry of a batch fails
    by SQS's fault (SenderFault false). throttled: a call is refused as RequestThrottled, having done nothing.
    unanswered: a call took effect and its answer is lost. stale: an older receipt handle of a standard queue is taken
    for the newest; silent: if it is not, a delete by it is answered as if it had been done.

    Of the event source mapping: invoke: an invocation is throttled, each by itself. phases: mean seconds of the times
    in which all are throttled, and of those in which none is; 0 for none. lost_before, lost_after: a poller is lost
    between receiving and invoking, or between the answer and deleting. late: a delete comes later by up to `late_by`
    seconds.
    """

    duplicate: float = 0.0
    ghost: float = 0.0
    ghost_within: float = 60.0
    unseen: float = 0.0
    entry: float = 0.0
    throttled: float = 0.0
    unanswered: float = 0.0
    stale: float = 0.0
    silent: float = 0.0
    invoke: float = 0.0
    phases: float = 0.0
    lost_before: float = 0.0
    lost_after: float = 0.0
    late: float = 0.0
    late_by: float = 600.0
