"""A function's role suffices for what its tasks do, and for nothing of a neighbour's.

What they do is not written down here but recorded: the broker of a stage does all it can, against moto, and each call
it makes is one that the generated role must allow.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.aws import moto
from tests.brokers.sqs.stage import made
from tests.deploy.template import rich
from tests.deploy.template.iam import ACCOUNT, REGION, Ask, Judge, asks

from ebbtide.app import App
from ebbtide.broker import Settlement
from ebbtide.brokers.sqs import Clients, SqsBroker
from ebbtide.deploy.settings import Settings
from ebbtide.deploy.template import template
from ebbtide.physical import Place
from ebbtide.queue import Queue
from ebbtide.result import Report, Status, TaskError
from ebbtide.results.dynamodb import DynamoDbResults
from ebbtide.task import Task

PLACE = Place("privilege", "prod")
ROLE = "ImagesRole"


QUEUES = (Queue("images", lanes=2, results=600), Queue("mail"), Queue("money", fifo=True))


def app(broker: SqsBroker | None = None, results: DynamoDbResults | None = None) -> App:
    made = App(
        "privilege",
        queues=QUEUES,
        broker=(lambda: broker) if broker else None,
        results=(lambda: results) if results else None,
    )

    def work(text: str = "") -> None: ...

    for queue in ("images", "mail", "money"):
        made.task(queue=queue, name=queue)(work)
    return made


class Recording(Clients):
    """Clients that note every call made through them."""

    calls: list[tuple[str, str, dict[str, Any]]]

    def make(self, session: Any, service: str) -> Any:
        client = super().make(session, service)

        def note(params: dict[str, Any], model: Any, **more: Any) -> None:
            self.calls.append((service, model.name, params))

        client.meta.events.register("provide-client-params.*.*", note)
        return client


@pytest.fixture(scope="module")
def recorded() -> Iterator[list[Ask]]:
    """What IAM is asked while a broker does all that a function's does."""
    before = {name: os.environ.get(name) for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    os.environ.update(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test")
    try:
        clients = Recording(REGION, moto.clients().endpoint)
        clients.calls = []
        made(clients, PLACE, QUEUES)
        clients.calls.clear()
        _do_everything(clients)
        yield [ask for call in clients.calls for ask in asks(*call)]
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _do_everything(clients: Clients) -> None:
    broker = SqsBroker(PLACE, {queue.name: queue for queue in QUEUES}, clients, inline=1024)
    records = broker.records = DynamoDbResults(broker.table, broker.claims, time.time)
    here = app(broker, records)
    images: Task[Any, Any, Any] = here.tasks["images"]
    for task in (images, images.using(lane=1), here.tasks["mail"], here.tasks["money"].using(group="a")):
        task.enqueue("x")
    images.enqueue("x" * 5000)
    images.enqueue_many([("a",), ("b",)])
    images.using(delay=5000).enqueue("later")
    images.using(key="once", key_window=60).enqueue("x")
    images.using(key="once", key_window=60).enqueue("x")
    queues = [here.queues["images"]]
    for _ in range(30):
        deliveries = broker.receive(queues, 10)
        if not deliveries:
            break
        for number, delivery in enumerate(deliveries):
            broker.begin(delivery)
            _ = delivery.message
            ended = Report(
                delivery.message.id, "images", Status.FAILED, 1, 60.0, here.now(), error=TaskError("E", "x", "", 1)
            )
            settled = [Settlement(delivery, ended, 0.0, spent=bool(number % 2))]
            if delivery.attempt == 1 and number % 3 == 0:
                broker.extend([delivery], 60)
                broker.retry([Settlement(delivery, None, 0.0, spent=bool(number % 2))])
            elif number % 3 == 1:
                records.save([ended])
                broker.bury(settled)
            else:
                broker.ack(settled)
    broker.flush()
    records.load([images.enqueue("x").id])


def judge(settings: Settings | None = None) -> Judge:
    return Judge(template(app(), "privilege:app", "prod", settings or Settings(), rich.ZIPPED))


def test_every_kind_of_call_was_made(recorded: list[Ask]) -> None:
    assert {ask.action for ask in recorded} >= {
        "sqs:SendMessage",
        "sqs:GetQueueUrl",
        "sqs:ReceiveMessage",
        "sqs:DeleteMessage",
        "sqs:ChangeMessageVisibility",
        "dynamodb:UpdateItem",
        "dynamodb:BatchGetItem",
        "s3:PutObject",
        "s3:GetObject",
        "scheduler:CreateSchedule",
        "iam:PassRole",
    }


def test_the_role_suffices_for_all_of_them(recorded: list[Ask]) -> None:
    here = judge()
    assert [ask for ask in recorded if not here.allows(ROLE, ask)] == []


def test_each_statement_is_needed_by_one_of_them(recorded: list[Ask]) -> None:
    made = template(app(), "privilege:app", "prod", Settings(), rich.ZIPPED)
    policy = made["Resources"][ROLE]["Properties"]["Policies"][0]["PolicyDocument"]
    services_own = {"Log", "Missing"}  # the latter S3 asks for itself, when an object is not there
    for statement in list(policy["Statement"]):
        policy["Statement"] = [one for one in policy["Statement"] if one is not statement]
        refused = [ask for ask in recorded if not Judge(made).allows(ROLE, ask)]
        policy["Statement"].append(statement)
        assert refused or statement["Sid"] in services_own, statement


QUEUE, TABLE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:", f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/privilege-prod"
BUCKET = f"arn:aws:s3:::privilege-prod-{ACCOUNT}-{REGION}"
SCHEDULES = f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/"
LOGS = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/"
ROLES = f"arn:aws:iam::{ACCOUNT}:role/"


def keys(*leading: str) -> dict[str, Any]:
    return {"dynamodb:LeadingKeys": list(leading)}


@pytest.mark.parametrize(
    "ask",
    [
        Ask("sqs:ReceiveMessage", f"{QUEUE}privilege-prod-mail"),
        Ask("sqs:DeleteMessage", f"{QUEUE}privilege-prod-mail"),
        Ask("sqs:ReceiveMessage", f"{QUEUE}privilege-prod-dead-letters"),
        Ask("sqs:ReceiveMessage", f"{QUEUE}privilege-dev-images"),
        Ask("sqs:ReceiveMessage", f"{QUEUE}privilege-prod-images2"),
        Ask("sqs:SendMessage", f"{QUEUE}privilege-dev-images"),
        Ask("sqs:SendMessage", f"{QUEUE}privilege-prod-images-lane2"),
        Ask("sqs:PurgeQueue", f"{QUEUE}privilege-prod-images"),
        Ask("sqs:SetQueueAttributes", f"{QUEUE}privilege-prod-images"),
        Ask("dynamodb:UpdateItem", TABLE, keys("attempts/mail/1")),
        Ask("dynamodb:UpdateItem", TABLE, keys("attempts/images2/1")),
        Ask("dynamodb:BatchGetItem", TABLE, keys("attempts/images/1", "attempts/mail/1")),
        Ask("dynamodb:BatchGetItem", TABLE, keys("users/1")),
        Ask("dynamodb:UpdateItem", TABLE + "2", keys("result/1")),
        Ask("dynamodb:Scan", TABLE),
        Ask("dynamodb:DeleteItem", TABLE, keys("result/1")),
        Ask("s3:GetObject", f"{BUCKET}/other/1"),
        Ask("s3:GetObject", f"{BUCKET}/claims2/1"),
        Ask("s3:DeleteObject", f"{BUCKET}/claims/1"),
        Ask("s3:ListBucket", f"{BUCKET}2"),
        Ask("s3:GetObject", f"{BUCKET}2/claims/1"),
        Ask("scheduler:CreateSchedule", f"{SCHEDULES}privilege-dev/1"),
        Ask("scheduler:CreateSchedule", f"{SCHEDULES}default/1"),
        Ask("scheduler:DeleteSchedule", f"{SCHEDULES}privilege-prod/1"),
        Ask("iam:PassRole", f"{ROLES}admin", {"iam:PassedToService": "scheduler.amazonaws.com"}),
        Ask(
            "iam:PassRole",
            f"{ROLES}privilege-prod-{REGION}-scheduler",
            {"iam:PassedToService": "lambda.amazonaws.com"},
        ),
        Ask(
            "logs:PutLogEvents",
            f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/privilege-prod-mail:log-stream:x",
        ),
        Ask("logs:CreateLogGroup", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/privilege-prod-images"),
        Ask("ssm:GetParameters", f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/shop/database"),
        Ask("kms:Decrypt", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1"),
    ],
    ids=lambda ask: f"{ask.action}-{ask.resource.rsplit(':')[-1]}-{','.join(*ask.keys.values()) if ask.keys else ''}",
)
def test_a_neighbours_things_are_refused(ask: Ask) -> None:
    assert not judge().allows(ROLE, ask)


@pytest.mark.parametrize("id", ["12345678-0000-0000", "a"])
def test_what_is_its_own_is_allowed(id: str) -> None:
    here = judge()
    assert here.allows(ROLE, Ask("dynamodb:UpdateItem", TABLE, keys(f"attempts/images/{id}")))
    assert here.allows(ROLE, Ask("dynamodb:BatchGetItem", TABLE, keys(f"result/{id}", f"key/t/{id}", f"storm/{id}")))
    assert here.allows(ROLE, Ask("s3:GetObject", f"{BUCKET}/claims-long/{id}"))
    log = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/privilege-prod-images:log-stream:{id}"
    assert here.allows(ROLE, Ask("logs:PutLogEvents", log))


def test_a_secret_is_for_the_function_that_refers_to_it() -> None:
    with_secret = Settings().everywhere._replace(secrets={"A": "ssm:/shop/a", "B": "secretsmanager:shop/b#x"})
    here = judge(Settings(queues={"images": with_secret}))
    parameter = Ask("ssm:GetParameters", f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/shop/a")
    secret = Ask("secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:shop/b-AbCdEf")
    other = Ask("ssm:GetParameters", f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/shop/ab")
    assert [here.allows(ROLE, ask) for ask in (parameter, secret, other)] == [True, True, False]
    assert [here.allows("MailRole", ask) for ask in (parameter, secret)] == [False, False]


def test_the_scheduler_sends_to_this_stages_queues_alone() -> None:
    here = judge()
    assert here.allows("StageScheduler", Ask("sqs:SendMessage", f"{QUEUE}privilege-prod-images-lane1"))
    assert here.allows("StageScheduler", Ask("sqs:SendMessage", f"{QUEUE}privilege-prod-dead-letters"))
    assert not here.allows("StageScheduler", Ask("sqs:SendMessage", f"{QUEUE}privilege-dev-images"))
    assert not here.allows("StageScheduler", Ask("sqs:ReceiveMessage", f"{QUEUE}privilege-prod-images"))
