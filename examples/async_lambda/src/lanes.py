"""Two lanes beside each other, on a controller of its own: all tasks below have them."""

from ebbtide.contrib.async_lambda import AsyncLambdaController, ManagedSQSEvent

lanes = AsyncLambdaController(is_sub=True, lane_count=2)


@lanes.async_task("Switchboard", lane_count=1, max_receive_count=2)
def switchboard(event: ManagedSQSEvent) -> None:
    lane = 1 if event.payload["value"] > 50_000 else 0
    lanes.async_invoke("Processing", event.payload, lane=lane)


@lanes.async_task("Processing", maximum_concurrency=[10, 2])
def processing(event: ManagedSQSEvent) -> None:
    print(f"processed {event.payload['value']} in lane {lanes.get_current_lane()} from {event.source_task_id}")
    lanes.async_invoke("Processed", event.payload)  # in the same lane
    lanes.async_invoke("Switched", event.payload)  # in lane 0, for it has no other


@lanes.async_task("Processed")
def processed(event: ManagedSQSEvent) -> None:
    print(f"ended {event.payload['value']} in lane {lanes.get_current_lane()}")


@lanes.async_task("Switched", lane_count=1)
def switched(event: ManagedSQSEvent) -> None:
    print(f"switched {event.payload['value']} in lane {lanes.get_current_lane()}")
