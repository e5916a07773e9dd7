"""Where a stage sends: its own queues, its dead letters, and the queues of other systems in its account and region."""

from __future__ import annotations

from ebbtide.deploy.template.ids import dead_letters_id, queue_id
from ebbtide.deploy.template.plan import Json, Plan, arn, sub
from ebbtide.queue import Queue


def lane_arn(plan: Plan, queue: Queue, lane: int = 0) -> Json:
    """The ARN of one lane, which is no resource of this template if another system runs it."""
    if queue.is_ours:
        return arn(queue_id(plan.place, queue, lane))
    return sub(f"arn:${{AWS::Partition}}:sqs:${{AWS::Region}}:${{AWS::AccountId}}:{plan.place.queue(queue, lane)}")


def receivers(plan: Plan) -> list[Json]:
    """The ARNs of all that messages of the stage may be sent to."""
    return [
        *(lane_arn(plan, queue, lane) for queue, lane in plan.lanes()),
        *(arn(dead_letters_id(plan.place, fifo)) for fifo in plan.kinds),
        *(lane_arn(plan, queue, lane) for queue in plan.elsewhere for lane in range(queue.lanes)),
    ]
