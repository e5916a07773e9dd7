"""What a stage tells other stacks: ARNs and addresses, exported by the stack's name and the output's."""

from __future__ import annotations

from collections.abc import Mapping

from ebbtide.deploy.template.ids import dead_letters_id, function_id, queue_id
from ebbtide.deploy.template.logical import logical
from ebbtide.deploy.template.plan import BUCKET, TABLE, Json, Plan, arn, sub


def outputs(plan: Plan, more: Mapping[str, str | Json]) -> dict[str, Json]:
    """Table, bucket, dead letters; of each queue its first lane and its function; and more, by name."""
    made: dict[str, str | Json] = {"Table": arn(TABLE), "Bucket": {"Ref": BUCKET}}
    for fifo in plan.kinds:
        made[f"DeadLetters{'Fifo' if fifo else ''}Arn"] = arn(dead_letters_id(plan.place, fifo))
    # Where there are many, only two hundred would fit; their names are known without.
    for queue in () if plan.place.crowded else plan.queues:
        made[f"{logical(queue.name)}QueueArn"] = arn(queue_id(plan.place, queue))
        made[f"{logical(queue.name)}QueueUrl"] = {"Ref": queue_id(plan.place, queue)}
    for queue in () if plan.place.crowded else plan.on_lambda:
        made[f"{logical(queue.name)}FunctionArn"] = arn(function_id(plan.place, queue))
    return {name: _exported(name, value) for name, value in {**made, **more}.items()}


def _exported(name: str, value: str | Json) -> Json:
    """An output that other stacks can import."""
    return {"Value": value, "Export": {"Name": sub(f"${{AWS::StackName}}-{name}")}}
