"""A stage of an app in a simulated account, set up from the very template that is generated for it.

What stands in the template is made: queues with their visibility and redrive, the table, the bucket, functions with
their time limits, and mappings. A function's handler is Ebbtide's own, over Ebbtide's own broker; each container
declares the app anew, as a cold start does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.aws.simulator.account import NUMBER, REGION, Account
from tests.aws.simulator.dynamodb import DynamoDbClient
from tests.aws.simulator.function import Function, Handler
from tests.aws.simulator.mapping import Mapping as EventSourceMapping
from tests.aws.simulator.queue import SimulatedQueue
from tests.aws.simulator.s3 import S3Client
from tests.aws.simulator.scheduler import SchedulerClient
from tests.aws.simulator.service import Client
from tests.aws.simulator.sqs import SqsClient

from ebbtide.app import App
from ebbtide.broker import Broker
from ebbtide.brokers.sqs.broker import SqsBroker
from ebbtide.brokers.sqs.clients import Clients
from ebbtide.deploy.artefacts import Artefacts
from ebbtide.deploy.settings import Settings
from ebbtide.deploy.template import template
from ebbtide.on_lambda import handler, settings
from ebbtide.physical import Place
from ebbtide.result import ResultStore
from ebbtide.results.dynamodb import DynamoDbResults

STAGE = "prod"
ARTEFACTS = Artefacts(Path("code.zip"), None, "arm64", "python3.13")

Json = dict[str, Any]
Declare = Callable[["Wiring"], App]
"""Declares the app, as the user's module does; it passes the wiring on: `App("shop", **wiring)`."""
Wiring = dict[str, Any]


class SimulatedClients(Clients):
    """Ebbtide's clients, over simulated services instead of botocore's."""

    def __init__(self, services: Mapping[str, Client]) -> None:
        super().__init__(where="the simulated stage")
        self.services = services

    def make(self, session: Any, service: str) -> Any:
        return self.services[service]


class Simulated(SqsBroker):
    """Ebbtide's broker; where it pauses before it tries again, virtual time passes."""

    def __init__(self, account: Account, *positional: Any, **named: Any) -> None:
        super().__init__(*positional, **named, clock=account.timeline)
        self.account = account
        for part in (self._sender, self._settler, self._buryer):
            part._pause = account.timeline.sleep


class Stage:
    """A deployed app. change: called with the template before it is deployed, to plant a fault in it."""

    broker: type[Simulated] = Simulated
    function: type[handler.Function] = handler.Function
    queue_service: type[SqsClient] = SqsClient

    def __init__(
        self,
        account: Account,
        declare: Declare,
        change: Callable[[Json], object] = lambda template: None,
        **options: Any,
    ) -> None:
        self.account = account
        self.sqs, self.dynamodb = self.queue_service(account), DynamoDbClient(account)
        self.s3, self.scheduler = S3Client(account), SchedulerClient(account)
        services = {"sqs": self.sqs, "dynamodb": self.dynamodb, "s3": self.s3, "scheduler": self.scheduler}
        self.clients, self._declare, self._options = SimulatedClients(services), declare, options
        self.app = self.declared(None)
        """The app as whoever enqueues has it."""
        self.place = Place(self.app.name, STAGE)
        self.template: Json = template(self.app, "shop:app", STAGE, Settings(), ARTEFACTS)
        change(self.template)
        self.functions: dict[str, Function] = {}
        self.mappings: list[EventSourceMapping] = []
        self.queues: dict[str, SimulatedQueue] = {}
        """By logical id."""
        for make in (self._make_storage, self._make_queue, self._make_function, self._make_mapping):
            for id, resource in self._in_order():
                make(id, resource["Type"], resource.get("Properties", {}))

    def declared(self, mapped: str | None) -> App:
        """The app, over a broker of its own. mapped: as the broker has it."""
        made: list[App] = []
        records: list[DynamoDbResults] = []

        def connect() -> Broker:
            (app,) = made
            broker = self.broker(
                self.account,
                Place(app.name, STAGE),
                app.queues,
                self.clients,
                tasks=app.tasks,
                mapped=mapped,
                **self._options,
            )
            timeline = self.account.timeline
            records.append(DynamoDbResults(broker.table, broker.claims, timeline, timeline.sleep))
            broker.records = records[-1]
            return broker

        def results() -> ResultStore:  # the app asks for these next
            return records[-1]

        made.append(self._declare({"broker": connect, "results": results, "clock": self.account.timeline}))
        return made[0]

    @property
    def dead_letters(self) -> list[Json]:
        """All dead letters: body, and attributes by name; also such as SQS moved there, without a reason."""
        found = []
        for id in ("StageDeadLetters", "StageDeadLettersFifo"):
            for stored in self.queues[id].stored.values() if id in self.queues else ():
                said = {name: value["StringValue"] for name, value in stored.attributes.items()}
                found.append({"body": stored.body, "attributes": said, "moved": stored.source is not None})
        return found

    @property
    def work(self) -> list[SimulatedQueue]:
        """The lanes."""
        return [queue for id, queue in self.queues.items() if not id.startswith("StageDeadLetters")]

    def left(self) -> int:
        """Messages that are not done: on the lanes, and waiting in schedules."""
        waiting = sum(len(group) for group in self.scheduler.groups.values())
        return waiting + sum(len(queue.stored) for queue in self.work)

    def run_until_done(self, most: float, look: float = 60.0) -> bool:
        """Let time pass until no message is left, at most so many seconds; whether none is."""
        until = self.account.timeline.now + most
        while self.left() and self.account.timeline.now < until:
            self.account.timeline.sleep(look)
        return not self.left()

    def close(self) -> None:
        self.account.timeline.close()

    # From the template

    def _in_order(self) -> list[tuple[str, Json]]:
        """Dead letters first, for others name them."""
        resources: dict[str, Json] = self.template["Resources"]
        return sorted(resources.items(), key=lambda item: "RedrivePolicy" in item[1].get("Properties", {}))

    def _make_storage(self, id: str, kind: str, properties: Json) -> None:
        if kind == "AWS::DynamoDB::Table":
            ttl = properties["TimeToLiveSpecification"]["AttributeName"]
            self.dynamodb.table(properties["TableName"], properties["KeySchema"][0]["AttributeName"], ttl)
        elif kind == "AWS::S3::Bucket":
            self.s3.buckets[self.place.bucket(NUMBER, REGION)] = {}
        elif kind == "AWS::Scheduler::ScheduleGroup":
            self.scheduler.groups[properties["Name"]] = {}

    def _make_queue(self, id: str, kind: str, properties: Json) -> None:
        if kind != "AWS::SQS::Queue":
            return
        given = {name: _text(value) for name, value in properties.items() if not isinstance(value, (list, dict))}
        if "RedrivePolicy" in properties:
            policy = properties["RedrivePolicy"]
            dead = self.queues[policy["deadLetterTargetArn"]["Fn::GetAtt"][0]]
            given["RedrivePolicy"] = json.dumps({**policy, "deadLetterTargetArn": dead.arn})
        self.queues[id] = SimulatedQueue(self.account, given.pop("QueueName"), given)

    def _make_function(self, id: str, kind: str, properties: Json) -> None:
        if kind == "AWS::Serverless::Function":
            told = settings.settings_of(properties["Environment"]["Variables"])
            self.functions[id] = Function(
                self.account,
                properties["FunctionName"],
                lambda: self._container(told),
                timeout=properties["Timeout"],
                memory=properties["MemorySize"],
                concurrency=properties.get("ReservedConcurrentExecutions"),
                recursive_loop=properties.get("RecursiveLoop", "Terminate"),
            )

    def _container(self, told: settings.Settings) -> Handler:
        return self.function(self.declared(told.queue), told, lambda code: self.account.timeline.kill())

    def _make_mapping(self, id: str, kind: str, properties: Json) -> None:
        if kind == "AWS::Lambda::EventSourceMapping":
            self.mappings.append(
                EventSourceMapping(
                    self.account,
                    self.queues[properties["EventSourceArn"]["Fn::GetAtt"][0]],
                    self.functions[properties["FunctionName"]["Ref"]],
                    properties["BatchSize"],
                    properties.get("MaximumBatchingWindowInSeconds", 0),
                    properties.get("ScalingConfig", {}).get("MaximumConcurrency"),
                    "ReportBatchItemFailures" in properties.get("FunctionResponseTypes", ()),
                )
            )


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
