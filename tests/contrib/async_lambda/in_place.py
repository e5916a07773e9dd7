"""One app on either of two packages, for what becomes of its stack. Run as a program it is on async-lambda, and prints
the SAM template that this makes of it."""

import json
from importlib import import_module
from typing import Any

NAME = "shop"
STREAM = "arn:aws:dynamodb:eu-west-1:123456789012:table/Orders/stream/2026-01-01T00:00:00.000"


def declared(package: Any) -> Any:
    """The app's controller, with every kind of task."""
    package.config_set_name(NAME)
    app = package.AsyncLambdaController(lane_count=2)
    app.async_task("Letters", is_dlq_task=True, lane_count=1)(nothing)
    app.set_dlq_task_id("Letters")
    app.async_task("Place", max_receive_count=3, maximum_concurrency=[10, 2], timeout=30)(nothing)
    app.async_batch_task("Count")(nothing)
    app.scheduled_task("Tick", schedule_expression="rate(15 minutes)")(nothing)
    app.api_task("Show", path="/orders/{id}", method="get", timeout=20)(nothing)
    app.dynamodb_task("Changed", stream_arn=STREAM, batch_size=10)(nothing)
    app.sqs_task("Sold", queue_arn="arn:aws:sqs:eu-west-1:123456789012:till")(nothing)
    app.pure_task("Pure")(nothing)
    return app


def nothing(event: Any) -> None:
    """A task's function."""


if __name__ == "__main__":
    made = declared(import_module("async_lambda")).generate_sam_template("in_place", {}, None)
    print(json.dumps(made))
