"""A shop in async-lambda's words: one app with every kind of task that it has.

POST /orders ─► Place ─► Charge ─► Confirm          a message on the till's own queue ─► Sold
GET /orders/{order} ─► Show                         a change of the table's items ─► Changed
every quarter of an hour ─► Tick ─► Tally           what failed for good ─► Letters
Ping ─► Pong ─► Ping ─► ... until it is stopped     Switchboard ─► Processing, in src/lanes.py
"""

import asyncio
import json
import os
import random
from collections.abc import Callable
from typing import Any

from src.lanes import lanes  # type: ignore[import-not-found]  # it is beside this file, where the app runs

from ebbtide.contrib.async_lambda import (
    APIEvent,
    AsyncLambdaController,
    BaseEvent,
    Defer,
    DynamoDBEvent,
    JSONResponse,
    ManagedSQSBatchEvent,
    ManagedSQSEvent,
    Response,
    ScheduledEvent,
    UnmanagedSQSEvent,
    config_set_name,
)

# In .async_lambda/config.json, whose variables are there while the app is built, too.
ORDERS = os.environ.get("ORDERS_STREAM", "arn:aws:dynamodb:eu-west-1:111122223333:table/Orders/stream/2026-11-21")
TILL = {"Fn::Sub": "arn:aws:sqs:${AWS::Region}:${AWS::AccountId}:till"}


def noted(event: BaseEvent, call_next: Callable[[BaseEvent], Any]) -> Any:
    """Middleware: around every task."""
    print(f"begin {type(event).__name__}")
    return call_next(event)


app = AsyncLambdaController(middleware=[([BaseEvent], noted)])
config_set_name("shop")
lambda_handler = app.async_lambda_handler

app.add_external_task("billing-Invoice")


@app.async_task("Letters", is_dlq_task=True)
def letters(event: ManagedSQSEvent) -> None:
    """Takes the dead letters of whoever names it, and is told why they are."""
    why = event.message_attributes["dead-letter-error"]["stringValue"]
    print(f"{event.destination_task_id} gave up {event.payload}: {why}")


# Requests


@app.api_task("Place", path="/orders", method="post", timeout=20)
def place(event: APIEvent) -> JSONResponse:
    order = json.loads(event.body or "{}")
    app.async_invoke("Charge", {"order": order["order"], "total": order["total"]})
    if "letter" in order:
        app.async_invoke("Archive", order["letter"])
    headers = {"X-Agent": event.headers["USER-AGENT"]}
    return JSONResponse({"order": order["order"], "gift": "gift" in event.querystring_params}, 202, headers)


@app.api_task("Show", path="/orders/{order}", method="get", timeout=20)
def show(event: APIEvent) -> Response:
    text = f"{event.path_parameters['order']} in {event.querystring_params.get('words', 'short')}"
    return Response(200, {"Content-Type": "text/plain"}, text)


# Queues


@app.async_task("Charge", max_receive_count=2, dlq_task_id="Letters")
def charge(event: ManagedSQSEvent) -> None:
    if event.payload["total"] < 0:
        print(f"refused {event.payload['order']}")
        raise ValueError("it costs less than nothing")
    app.async_invoke("Confirm", event.payload, delay=1)
    app.async_invoke("Remind", event.payload["order"], delay=3600, unique_delay_id=event.payload["order"])
    app.async_invoke("billing-Invoice", event.payload)


@app.async_task("Confirm")
async def confirm(event: ManagedSQSEvent) -> None:
    await asyncio.sleep(0)
    print(f"confirmed {event.payload['order']} from {event.source_task_id}")


@app.async_task("Remind")
def remind(event: ManagedSQSEvent) -> None:
    print(f"{event.payload} is still waiting")


@app.async_task("Archive")
def archive(event: ManagedSQSEvent) -> None:
    """Something big: from 250,000 bytes on it travels through the bucket."""
    print(f"archived {len(event.payload)}, {len(event.body) < 1000} in the queue, from {event.s3_payload_key}")


@app.async_batch_task("Count", batch_size=10, max_batching_window=1)
def count(event: ManagedSQSBatchEvent) -> None:
    print(f"counted {sum(one.payload for one in event.events)} of {len(event.events)}")


@app.sqs_task("Sold", queue_arn=TILL)
def sold(event: UnmanagedSQSEvent) -> None:
    print(f"sold {event.json()['article']}")
    app.async_invoke_batch("Count", [1, 2, 3])


@app.dynamodb_task("Changed", stream_arn=ORDERS, batch_size=10)
def changed(event: DynamoDBEvent) -> None:
    for record in event:
        print(f"changed {record.old_image} to {record.new_image}")


# The clock, and what is made once in each process


def roll(low: int, high: int) -> int:
    print("rolled")
    return random.randint(low, high)


dice = Defer(roll, 10, 100)


def told(task_id: str) -> None:
    print(f"init of {task_id}")


@app.scheduled_task("Tick", schedule_expression="rate(15 minutes)")
def tick(event: ScheduledEvent) -> None:
    app.async_invoke("Tally", payload={"foo": "bar"})


@app.async_task("Tally", init_tasks=[dice.execute, told])
def tally(event: ManagedSQSEvent) -> None:
    print(f"tally {event.payload} from {event.source_task_id}: {dice.value == dice.value}")


# If Ping were ever invoked, it would start an infinite loop; the lineage of the messages ends it.


@app.async_task("Ping")
def ping(event: ManagedSQSEvent) -> None:
    app.async_invoke("Pong", {})


@app.async_task("Pong")
def pong(event: ManagedSQSEvent) -> None:
    app.async_invoke("Ping", {})


app.add_controller(lanes)
lanes.set_dlq_task_id("Letters")  # for all its tasks
