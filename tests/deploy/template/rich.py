"""An app with one of everything a template can have, its settings, and what a build would have made of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ebbtide.app import App
from ebbtide.deploy.artefacts import Artefacts, Image
from ebbtide.deploy.settings import Api, FunctionSettings, Settings
from ebbtide.queue import Queue
from ebbtide.retry import RetryPolicy
from ebbtide.triggers.bucket import Bucket
from ebbtide.triggers.foreign_queue import ForeignQueue
from ebbtide.triggers.http import Http
from ebbtide.triggers.schedule import Schedule
from ebbtide.triggers.table_stream import TableStream
from ebbtide.triggers.topic import Topic

ZIPPED = Artefacts(Path("code.zip"), Path("dependencies.zip"), "arm64", "python3.13")
IMAGE = Artefacts(Path("image"), None, "x86_64", "python3.12", Image(Path("image")))

ACCOUNT, REGION = "123456789012", "eu-west-1"


def app() -> App:
    made = App(
        "shop",
        queues=[
            Queue("images", timeout=30, lanes=3, concurrency=[10, 5, None], memory=2048),
            Queue("mail", fifo=True, timeout=20, attempts=8),
            Queue("web", timeout=10),
            Queue("bulk", batch=100, batch_window=5, timeout=5),
        ],
    )

    @made.task(Bucket("uploads", prefix="in/", suffix=".jpg"), queue="images")
    def thumbnail(key: str) -> None: ...

    @made.task(Bucket("uploads", prefix="text/"), Topic("orders"), queue="bulk")
    def count_words(key: str = "", message: str = "") -> None: ...

    @made.task(Schedule("cron(0 9 ? * MON-FRI *)", timezone="Europe/Berlin"), queue="mail")
    def remind(whom: str = "all") -> None: ...

    @made.task(Schedule("rate(5 minutes)"), retry=RetryPolicy(attempts=12))
    def sweep() -> None: ...

    @made.task(Http("GET", "/prices/{photo}", authorization="public"), queue="web")
    def price(photo: str) -> int:
        return len(photo)

    @made.task(Http("POST", "/orders", asynchronous=True, authorization="users"), queue="web", name="order.place")
    def place(order: dict[str, Any]) -> None: ...

    @made.task(ForeignQueue(f"arn:aws:sqs:{REGION}:{ACCOUNT}:partner"), queue="bulk")
    def partner(body: dict[str, Any]) -> None: ...

    @made.task(
        TableStream(f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/orders/stream/2027-01-01T00:00:00.000"), queue="web"
    )
    def changed(keys: dict[str, str]) -> None: ...

    return made


def settings() -> Settings:
    everywhere = FunctionSettings(
        environment={"MODE": "prod"},
        secrets={"DATABASE_PASSWORD": "ssm:/shop/database", "STRIPE": "secretsmanager:shop/stripe#live"},
        tags={"team": "photos", "framework": "mine"},
        log_retention=90,
    )
    web = everywhere._replace(
        vpc={"subnets": ["subnet-0123456789abcdef0"], "security_groups": ["sg-0123456789abcdef0"]},
        policies=[
            {"Effect": "Allow", "Action": "ses:SendEmail", "Resource": f"arn:aws:ses:{REGION}:{ACCOUNT}:identity/a.b"}
        ],
        properties={"EphemeralStorage": {"Size": 2048}},
        layers=[f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:fonts:3"],
        metrics=True,
    )
    return Settings(
        region=REGION,
        alarms=f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms",
        api=Api(
            cors={"origins": ["https://shop.example"], "methods": ["GET", "POST"], "max_age": 600},
            domain={
                "name": "api.shop.example",
                "certificate": f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/01234567-89ab-cdef-0123-456789abcdef",
            },
            authorizers={"users": {"issuer": "https://login.shop.example", "audience": ["shop"]}},
        ),
        resources={"ImagesQueueAge": {"Properties": {"Threshold": 600}}},
        everywhere=everywhere,
        queues={
            "images": everywhere._replace(queue_properties={"VisibilityTimeout": 900}),
            "web": web,
            "mail": everywhere,
            "bulk": everywhere,
        },
    )
