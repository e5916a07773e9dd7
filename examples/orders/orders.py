"""A small mail-order house: every way a task can be started on AWS, in one app.

POST /orders ─► place ─► charge (lane 1) ─► confirm (queue mail)
an upload to the bucket ─► stock         a message on the topic ─► paid
the till's own queue ─► sold             a change of the table's items ─► moved
every morning ─► report                  ship, archive, remind: by hand
"""

from __future__ import annotations

import os
from decimal import Decimal
from typing import Any

import boto3

from ebbtide import (
    App,
    Bucket,
    Delivery,
    ForeignQueue,
    Http,
    Queue,
    Retry,
    RetryPolicy,
    Schedule,
    TableStream,
    Topic,
)

app = App(
    "orders",
    queues=[
        Queue("orders", lanes=2, timeout=20, memory=256),
        Queue("mail", lanes=2, timeout=10, memory=256),
        Queue("parcels", timeout=20, memory=256, attempts=3),
    ],
)


class NoAddress(LookupError):
    """Nobody has said where the parcel is to go; asking again at once would not help."""


@app.task(Http("POST", "/orders", authorization="public"), queue="orders")
def place(order: str, total: Decimal) -> dict[str, str]:
    charged = charge.using(lane=1).enqueue(order, total)
    return {"order": order, "charge": charged.id}


@app.task(queue="orders", retry=RetryPolicy(attempts=5, base=0), takes_context=True)
def charge(delivery: Delivery, order: str, total: Decimal) -> str:
    """Take the money, and tell the customer. The bank does not answer at the first call for an odd amount of pence."""
    if delivery.attempt == 1 and int(total * 100) % 2:
        raise Retry("the bank is busy", after=1)
    confirm.enqueue(order)
    return f"{order}: {total} at attempt {delivery.attempt}"


@app.task(queue="mail", takes_context=True)
def confirm(delivery: Delivery, order: str) -> str:
    return f"{order} confirmed on lane {delivery.lane}"


@app.task(queue="parcels", retry=RetryPolicy(attempts=3, never=(NoAddress,)))
def ship(order: str) -> str:
    """Send the parcel to the address in the table; without one it is set aside until there is."""
    found = _addresses().get_item(Key={"order": order}).get("Item")
    if found is None:
        raise NoAddress(f"order {order} has no address")
    return f"{order} to {found['address']}"


@app.task(Bucket("uploads", prefix="stock/", suffix=".csv"), queue="parcels")
def stock(bucket: str, key: str, size: int) -> str:
    lines = boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read().decode().splitlines()
    return f"{key}: {len(lines)} lines, {size} bytes"


@app.task(Topic("paid"), queue="mail")
def paid(message: dict[str, str], subject: str | None = None) -> str:
    return f"{message['order']} paid ({subject})"


@app.task(ForeignQueue("till"), queue="parcels")
def sold(body: dict[str, str], message_id: str) -> str:
    return f"{body['article']} sold"


@app.task(TableStream("Addresses", start="oldest"), queue="parcels")
def moved(event: str, keys: dict[str, str], new: dict[str, Any] | None = None) -> str:
    return f"{event} {keys['order']}: {new['address'] if new else 'gone'}"


@app.task(Schedule("cron(0 6 * * ? *)", timezone="Europe/Berlin", arguments={"region": "eu"}), queue="mail")
def report(region: str) -> str:
    return f"report of {region}"


@app.task(queue="orders")
def archive(text: str) -> int:
    """Something big: over 256 KiB it travels through the stage's bucket, and nobody notices."""
    return len(text)


@app.task(queue="mail")
def remind(order: str) -> str:
    return f"{order} is still waiting"


def _addresses() -> Any:
    return boto3.resource("dynamodb").Table(os.environ["ADDRESSES"])
