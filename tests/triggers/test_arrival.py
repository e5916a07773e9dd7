"""What triggers ask of a template, made by a CloudFormation: the events of real services arrive and are read."""

import json
import time
from typing import Any

import boto3
import pytest
from tests.aws.ministack import unique
from tests.fakes import memory_app
from tests.triggers.reading import Calls, calls, delivery

from ebbtide import App, Bucket, Queue, Topic
from ebbtide.deploy.rehearsal.server import Server
from ebbtide.deploy.settings.merge import merge
from ebbtide.events import deliveries
from ebbtide.physical import Place
from ebbtide.trigger import Target

Json = dict[str, Any]
ACCOUNT = "000000000000"


class Stack:
    """A stack of the queues of an app and of what its triggers ask for, without functions."""

    def __init__(self, app: App, server: Server) -> None:
        self.app = app
        self.place = Place(unique("shop"), "test")
        self.region = server.region
        self.client: Any = boto3.client("cloudformation")
        self.sqs: Any = boto3.client("sqs")
        self.client.create_stack(StackName=self.place.prefix, TemplateBody=json.dumps(self.template()))
        self.client.get_waiter("stack_create_complete").wait(
            StackName=self.place.prefix, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )

    def template(self) -> Json:
        made: Json = {"DeadLetters": {"Type": "AWS::SQS::Queue"}}
        senders: dict[str, list[Json]] = {name: [] for name in self.app.queues}
        undelivered: list[Json] = []
        for task in self.app.tasks.values():
            for number, trigger in enumerate(task.triggers):
                queue = f"{task.queue.name.capitalize()}Queue"
                words = (task.name, "Role", "Group", "DeadLetters")
                to = Target(f"{task.name}{number}", self.place, queue, "Function", task.queue.fifo, *words)
                asked = trigger.asks(to)
                for id, resource in asked.resources.items():
                    made[id] = merge(made.get(id, {}), resource)
                senders[task.queue.name] += asked.senders
                undelivered += asked.undelivered
        made |= self.policy("DeadLetters", undelivered)
        for name, allowed in senders.items():
            made |= self.queue(self.app.queues[name], f"{name.capitalize()}Queue", allowed)
        return {"Resources": made}

    def queue(self, queue: Queue, id: str, senders: list[Json]) -> Json:
        fifo = {"FifoQueue": True, "ContentBasedDeduplication": True} if queue.fifo else {}
        made = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": self.place.queue(queue), **fifo}}
        return {id: made, **self.policy(id, senders)}

    def policy(self, id: str, senders: list[Json]) -> Json:
        allowed = [{**sender, "Resource": {"Fn::GetAtt": [id, "Arn"]}} for sender in senders]
        document = {"Version": "2012-10-17", "Statement": allowed}
        properties = {"Queues": [{"Ref": id}], "PolicyDocument": document}
        return {f"{id}Policy": {"Type": "AWS::SQS::QueuePolicy", "Properties": properties}} if allowed else {}

    def bucket(self, name: str) -> str:
        return f"{self.place.prefix}-{name}-{ACCOUNT}-{self.region}"

    def topic(self, name: str) -> str:
        return f"arn:aws:sns:{self.region}:{ACCOUNT}:{self.place.prefix}-{name}"

    def arrived(self, queue: str, count: int) -> Calls:
        """So many calls that come on a queue."""
        url = self.sqs.get_queue_url(QueueName=self.place.queue(self.app.queues[queue]))["QueueUrl"]
        found: Calls = []
        end = time.monotonic() + 30
        while len(found) < count and time.monotonic() < end:
            answer = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            for message in answer.get("Messages", []):
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                given = delivery(message["Body"].encode(), queue)
                found += calls(self.app, deliveries(self.app, given, {"messageId": message["MessageId"]}))
        return sorted(found, key=str)


@pytest.fixture
def app() -> App:
    app = memory_app(Queue("order", fifo=True), Queue("mail"))

    @app.task(Bucket("raw-uploads", prefix="in/", suffix=".csv"))
    def ingest(key: str, size: int) -> None: ...

    @app.task(Bucket("raw-uploads", prefix="in/", suffix=".csv"))
    def count(event: str) -> None: ...

    @app.task(Bucket("raw-uploads", prefix="out/"), queue="mail")
    def tell(key: str) -> None: ...

    @app.task(Bucket("photos"), queue="order")
    def develop(key: str) -> None: ...

    @app.task(Bucket(unique("acme"), existing=True, prefix="x", events=["ObjectCreated:*", "ObjectRemoved:*"]))
    def theirs(key: str, event: str) -> None: ...

    @app.task(Topic("new-orders", filter={"kind": ["paid"]}), queue="mail")
    def ship(message: dict[str, int], subject: str | None) -> None: ...

    return app


def test_uploads_and_messages_arrive_as_calls(app: App, aws: Server) -> None:
    (trigger,) = app.tasks["theirs"].triggers
    assert isinstance(trigger, Bucket)
    s3: Any = boto3.client("s3")
    s3.create_bucket(Bucket=trigger.name)
    bridge: Json = {"EventBridgeConfiguration": {}}
    s3.put_bucket_notification_configuration(Bucket=trigger.name, NotificationConfiguration=bridge)
    stack = Stack(app, aws)
    uploads = stack.bucket("raw--uploads")
    for bucket, key in (
        *((uploads, "in/ä b+c.csv"), (uploads, "in/a.txt"), (uploads, "out/a.txt"), (stack.bucket("photos"), "p 1")),
        *((trigger.name, "x1"), (trigger.name, "y1")),
    ):
        s3.put_object(Bucket=bucket, Key=key, Body=b"abc")
    s3.delete_object(Bucket=trigger.name, Key="x1")
    sns: Any = boto3.client("sns")
    for kind in ("paid", "open"):
        attributes = {"kind": {"DataType": "String", "StringValue": kind}}
        sns.publish(TopicArn=stack.topic("new--orders"), Message='{"id": 7}', MessageAttributes=attributes)
    assert stack.arrived("default", 4) == [
        ("count", [], {"event": "ObjectCreated:Put"}),
        ("ingest", [], {"key": "in/ä b+c.csv", "size": 3}),
        ("theirs", [], {"key": "x1", "event": "ObjectCreated:Put"}),
        ("theirs", [], {"key": "x1", "event": "ObjectRemoved:Delete"}),
    ]
    assert stack.arrived("mail", 2) == [
        ("ship", [], {"message": {"id": 7}, "subject": None}),
        ("tell", [], {"key": "out/a.txt"}),
    ]
    assert stack.arrived("order", 1) == [("develop", [], {"key": "p 1"})]
