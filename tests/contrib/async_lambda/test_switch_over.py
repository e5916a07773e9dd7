"""Either side of a switch-over reads what the other sent: ours, and async-lambda itself, as its registry has it.

It runs as a process in an environment of its own, `.venvs/async-lambda`. Between the two is an SQS that speaks AWS's
protocol; what AWS Lambda's poller and EventBridge Scheduler do, the tests do by hand.
"""

import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from tests.aws.ministack import unique
from tests.contrib.async_lambda import switching
from tests.on_lambda.stage import Context

from ebbtide.contrib import async_lambda
from ebbtide.contrib.async_lambda.globals import config
from ebbtide.contrib.async_lambda.notices import AsyncLambdaWarning
from ebbtide.deploy.rehearsal.server import Server
from ebbtide.on_lambda.handler import Function
from ebbtide.on_lambda.settings import Settings
from ebbtide.runners.worker import Settings as Working
from ebbtide.runners.worker import Worker

pytestmark = pytest.mark.xdist_group("switch-over")  # one process of async-lambda's serves all

PYTHON = Path(__file__).parents[3] / ".venvs" / "async-lambda" / "bin" / "python"
STAGE = "prod"
LARGE = "é" * 50_000
"""300,000 bytes as JSON: more than async-lambda puts on a queue."""

Seen = list[dict[str, Any]]


class Cloud:
    """The account both are in. name: the app's; other: another app's."""

    def __init__(self, server: Server) -> None:
        self.name, self.other = unique("shop"), unique("mail")
        self.external = f"{self.other}-Take"
        self.region, self.account = server.region, server.account
        session = boto3.Session("test", "test", region_name=server.region)
        self.sqs, self.s3, self.scheduler = (
            session.client(service, endpoint_url=server.endpoint) for service in ("sqs", "s3", "scheduler")
        )
        self.environment = {
            **server.credentials,
            "ASYNC_LAMBDA_ACCOUNT_ID": self.account,
            "ASYNC_LAMBDA_PAYLOAD_S3_BUCKET": unique("payloads"),
            "ASYNC_LAMBDA_DELAY_SCHEDULE_GROUP": f"{self.name}-delay",
            "ASYNC_LAMBDA_DELAY_SCHEDULER_ROLE_ARN": f"arn:aws:iam::{self.account}:role/delay",
            "ASYNC_LAMBDA_DELAY_SCHEDULE_DLQ_ARN": f"arn:aws:sqs:{self.region}:{self.account}:{self.name}-delay-dlq",
        }
        self.groups = (self.environment["ASYNC_LAMBDA_DELAY_SCHEDULE_GROUP"], f"{self.name}-{STAGE}")
        self.s3.create_bucket(Bucket=self.environment["ASYNC_LAMBDA_PAYLOAD_S3_BUCKET"])
        for group in self.groups:
            self.scheduler.create_schedule_group(Name=group)
        for name in [self.queue(task, lane) for task in switching.TASKS for lane in range(switching.LANES)]:
            self.sqs.create_queue(QueueName=name)
        self.sqs.create_queue(QueueName=self.external)
        self.sqs.create_queue(QueueName=f"{self.name}-{STAGE}-dead-letters")
        session.client("dynamodb", endpoint_url=server.endpoint).create_table(
            TableName=f"{self.name}-{STAGE}",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )

    def queue(self, task: str, lane: int = 0) -> str:
        return f"{self.name}-{task}" + (f"-L{lane}" if lane else "")

    def url(self, queue: str) -> str:
        return str(self.sqs.get_queue_url(QueueName=queue)["QueueUrl"])

    def polled(self, queue: str, count: int = 1) -> list[dict[str, Any]]:
        """Messages of this queue as the records that Lambda's poller makes of them; they are gone from it then."""
        url, found = self.url(queue), list[dict[str, Any]]()
        while len(found) < count:
            answer = self.sqs.receive_message(
                QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=5, MessageSystemAttributeNames=["All"]
            )
            assert answer.get("Messages"), f"{queue} has {len(found)} of {count} messages"
            found += answer["Messages"]
        for message in found:
            self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        assert len(found) == count
        return [self._record(queue, message) for message in found]

    def _record(self, queue: str, message: dict[str, Any]) -> dict[str, Any]:
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message["Attributes"],
            "messageAttributes": {},
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": f"arn:aws:sqs:{self.region}:{self.account}:{queue}",
            "awsRegion": self.region,
        }

    def scheduled(self, group: str) -> dict[str, Any]:
        """The one schedule in this group, which is gone then."""
        (found,) = self.scheduler.list_schedules(GroupName=group)["Schedules"]
        schedule: dict[str, Any] = self.scheduler.get_schedule(GroupName=group, Name=found["Name"])
        self.scheduler.delete_schedule(GroupName=group, Name=found["Name"])
        return schedule


class Theirs:
    """async-lambda's side: `switching.py` as a program."""

    def __init__(self, cloud: Cloud) -> None:
        assert PYTHON.exists(), "async-lambda is not in .venvs/async-lambda: run `make setup`"
        argv = [str(PYTHON), "-I", str(switching.__file__), cloud.name, cloud.external]
        self._process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=cloud.environment
        )
        self.queue, self.send, self.send_batch = self._verb("queue"), self._verb("send"), self._verb("send_batch")
        self.handle = self._verb("handle")

    def _verb(self, verb: str) -> Any:
        def ask(**arguments: Any) -> Any:
            assert self._process.stdin
            assert self._process.stdout
            self._process.stdin.write(json.dumps({"verb": verb, **arguments}) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
            assert answer, "async-lambda's side has ended; its standard error says why"
            return json.loads(answer)

        return ask

    def close(self) -> None:
        self._process.communicate(timeout=20)


class Ours:
    """Ebbtide's side, in this process: the deployed app's functions, or a worker. mapped: for its functions."""

    def __init__(self, cloud: Cloud, name: str, *, mapped: bool = True) -> None:
        self.seen: Seen = []
        with pytest.warns(AsyncLambdaWarning, match="task 'Fail': max_receive_count=1"):
            self._controller = switching.declared(async_lambda, name, cloud.external, self.seen.append)
        self.app = self._controller.app()
        self.app.use(f"sqs://{STAGE}?mapped={mapped:d}")
        self.send, self.send_batch = self._controller.async_invoke, self._controller.async_invoke_batch

    def queue(self, task: str, lane: int) -> str:
        return str(self.app.place(STAGE).queue(self.app.queues[task], lane))

    def handle(self, task: str, records: list[dict[str, Any]]) -> Seen:
        """What a task's function has seen of an SQS event, all of which must be over then."""
        self.seen.clear()
        function = Function(self.app, Settings("switching:app", queue=task, stage=STAGE))
        assert function({"Records": records}, Context()) == {"batchItemFailures": []}
        return self.seen

    def work(self, task: str) -> Seen:
        """What this task has seen in a worker that ends when its queue is empty."""
        queues = [self.app.queues[task]]
        Worker(self.app, queues, Working(drain=True), lambda delivery, outcome: None, lambda error: None).run()
        return self.seen


@pytest.fixture(scope="module")
def cloud(ministack_server: Server) -> Iterator[Cloud]:
    made = Cloud(ministack_server)
    with pytest.MonkeyPatch.context() as here:
        for name, value in made.environment.items():
            here.setenv(name, value)
        yield made


@pytest.fixture(scope="module")
def theirs(cloud: Cloud) -> Iterator[Theirs]:
    made = Theirs(cloud)
    yield made
    made.close()


@pytest.fixture(scope="module")
def ours(cloud: Cloud) -> Iterator[Ours]:
    made = Ours(cloud, cloud.name)
    yield made
    made.app.close()
    config.reset()


@pytest.fixture(params=["theirs to ours", "ours to theirs"])
def sides(request: pytest.FixtureRequest, theirs: Theirs, ours: Ours) -> tuple[Any, Any]:
    """Who sends, and who receives."""
    return (theirs, ours) if request.param == "theirs to ours" else (ours, theirs)


def test_both_call_the_queues_the_same(cloud: Cloud, theirs: Theirs, ours: Ours) -> None:
    for task in switching.TASKS:
        for lane in range(switching.LANES):
            assert ours.queue(task, lane) == theirs.queue(task=task, lane=lane) == cloud.queue(task, lane)


@pytest.mark.parametrize(
    "payload", [{"total": 1.5, "who": 'é "😀" <aws.scheduler.x>'}, [1, [None, True]], "text", None]
)
def test_a_payload_arrives_as_it_was_sent(cloud: Cloud, sides: tuple[Any, Any], payload: Any) -> None:
    sender, receiver = sides
    sender.send(task_id="Take", payload=payload)
    (record,) = cloud.polled(cloud.queue("Take"))
    (seen,) = receiver.handle(task="Take", records=[record])
    assert seen["payload"] == payload
    assert (seen["source_task_id"], seen["destination_task_id"], seen["lane"]) == (None, "Take", 0)
    assert seen["invocation_id"] == json.loads(record["body"])["invocation_id"]
    assert seen["s3_payload_key"] is None


def test_lane_and_group_are_kept(cloud: Cloud, sides: tuple[Any, Any]) -> None:
    sender, receiver = sides
    sender.send(task_id="Take", payload=1, lane=1, message_group_id="tenant")
    (seen,) = receiver.handle(task="Take", records=cloud.polled(cloud.queue("Take", 1)))
    assert (seen["lane"], seen["message_group_id"]) == (1, "tenant")


def test_a_chain_over_both_keeps_invocation_lane_and_group_and_names_its_last_task(
    cloud: Cloud, sides: tuple[Any, Any]
) -> None:
    sender, receiver = sides
    sender.send(task_id="Relay", payload={"n": 1}, lane=1, message_group_id="tenant")
    (first,) = cloud.polled(cloud.queue("Relay", 1))
    receiver.handle(task="Relay", records=[first])
    (seen,) = sender.handle(task="Take", records=cloud.polled(cloud.queue("Take", 1)))
    assert seen["payload"] == {"n": 1}
    assert (seen["source_task_id"], seen["lane"], seen["message_group_id"]) == ("Relay", 1, "tenant")
    assert seen["invocation_id"] == json.loads(first["body"])["invocation_id"]


def test_a_large_payload_goes_through_the_bucket(cloud: Cloud, sides: tuple[Any, Any]) -> None:
    sender, receiver = sides
    sender.send(task_id="Take", payload=LARGE)
    (record,) = cloud.polled(cloud.queue("Take"))
    key = json.loads(record["body"])["s3_payload_key"]
    (seen,) = receiver.handle(task="Take", records=[record])
    assert (seen["payload"], seen["s3_payload_key"]) == (LARGE, key)


def test_a_batch_arrives_in_full_at_a_batch_task(cloud: Cloud, sides: tuple[Any, Any]) -> None:
    sender, receiver = sides
    groups = [None] * 9 + ["tenant"]  # no more than ten: async-lambda begins its list anew for each ten
    sender.send_batch(task_id="Gather", payloads=list(range(10)), message_group_id=groups, lane=1)
    seen = receiver.handle(task="Gather", records=cloud.polled(cloud.queue("Gather", 1), 10))
    assert sorted(one["payload"] for one in seen) == list(range(10))
    assert [one["payload"] for one in seen if one["message_group_id"] == "tenant"] == [9]


def test_a_task_of_another_app_is_reached_and_told_from_which(cloud: Cloud, theirs: Theirs) -> None:
    theirs.send(task_id=cloud.external, payload={"e": 1})
    (record,) = cloud.polled(cloud.external)
    assert json.loads(record["body"])["source_app"] == cloud.name
    other = Ours(cloud, cloud.other)
    (seen,) = other.handle(task="Take", records=[record])
    other.app.close()
    assert (seen["payload"], seen["destination_task_id"], seen["lane"]) == ({"e": 1}, cloud.external, 0)


def test_a_task_of_another_app_that_async_lambda_runs_is_reached_and_told_from_which(
    cloud: Cloud, theirs: Theirs, ours: Ours
) -> None:
    ours.send(cloud.external, {"e": 1})
    (record,) = cloud.polled(cloud.external)
    assert json.loads(record["body"])["source_app"] == cloud.name
    (seen,) = theirs.handle(task="Take", records=[record])
    assert (seen["payload"], seen["destination_task_id"], seen["lane"]) == ({"e": 1}, cloud.external, 0)


def test_a_short_delay_is_kept_by_the_queue_whoever_sends(cloud: Cloud, theirs: Theirs, ours: Ours) -> None:
    theirs.send(task_id="Take", payload="later", delay=1)
    ours.send("Take", "later", delay=1, lane=1)
    receivers: list[Any] = [ours, theirs]
    for lane, receiver in enumerate(receivers):
        (record,) = cloud.polled(cloud.queue("Take", lane))
        about = record["attributes"]
        assert int(about["ApproximateFirstReceiveTimestamp"]) - int(about["SentTimestamp"]) >= 900  # milliseconds
        (seen,) = receiver.handle(task="Take", records=[record])
        assert (seen["payload"], seen["lane"]) == ("later", lane)


def test_what_their_schedule_sends_after_a_long_delay_is_read_by_ours(cloud: Cloud, theirs: Theirs, ours: Ours) -> None:
    theirs.send(task_id="Take", payload="late", delay=3_600, lane=1, message_group_id="tenant")
    request = json.loads(cloud.scheduled(cloud.groups[0])["Target"]["Input"])
    assert request.pop("DelaySeconds") == 900
    cloud.sqs.send_message(**request | {"QueueUrl": cloud.url(request["QueueUrl"].rpartition("/")[2])})
    (seen,) = ours.handle("Take", cloud.polled(cloud.queue("Take", 1)))
    assert (seen["payload"], seen["lane"], seen["message_group_id"]) == ("late", 1, "tenant")


@pytest.mark.parametrize("payload", ["late", "x" * 200_000], ids=["small", "large"])
def test_what_our_schedule_sends_after_a_long_delay_is_read_by_theirs(
    cloud: Cloud, theirs: Theirs, ours: Ours, payload: str
) -> None:
    ours.send("Take", payload, delay=3_600, lane=1)
    found = cloud.scheduled(cloud.groups[1])
    at = datetime.fromisoformat(found["ScheduleExpression"][3:-1]).replace(tzinfo=UTC)
    assert 3_500 < (at - datetime.now(UTC)).total_seconds() < 3_700
    queue = found["Target"]["Arn"].rpartition(":")[2]
    assert queue == cloud.queue("Take", 1)
    cloud.sqs.send_message(QueueUrl=cloud.url(queue), MessageBody=found["Target"]["Input"])
    (seen,) = theirs.handle(task="Take", records=cloud.polled(queue))
    assert (seen["payload"], seen["lane"]) == (payload, 1)


def test_a_worker_of_ours_takes_what_theirs_sent(cloud: Cloud, theirs: Theirs) -> None:
    theirs.send_batch(task_id="Take", payloads=[0, 1])
    theirs.send(task_id="Take", payload=2, lane=1, message_group_id="tenant")
    ours = Ours(cloud, cloud.name, mapped=False)
    seen = {one["payload"]: (one["lane"], one["message_group_id"]) for one in ours.work("Take")}
    ours.app.close()
    assert seen == {0: (0, None), 1: (0, None), 2: (1, "tenant")}


def test_a_dead_letter_of_ours_is_read_by_their_dead_letter_task(cloud: Cloud, theirs: Theirs, ours: Ours) -> None:
    theirs.send(task_id="Fail", payload={"n": 1}, lane=1)
    (first,) = cloud.polled(cloud.queue("Fail", 1))
    ours.handle("Fail", [first])
    (seen,) = theirs.handle(task="Dead", records=cloud.polled(cloud.queue("Dead")))
    assert (seen["payload"], seen["destination_task_id"]) == ({"n": 1}, "Fail")
    assert seen["invocation_id"] == json.loads(first["body"])["invocation_id"]


def test_what_sqs_itself_moves_from_their_queue_is_read_by_our_dead_letter_task(
    cloud: Cloud, theirs: Theirs, ours: Ours
) -> None:
    theirs.send(task_id="Fail", payload={"n": 1})
    (first,) = cloud.polled(cloud.queue("Fail"))
    cloud.sqs.send_message(QueueUrl=cloud.url(cloud.queue("Dead")), MessageBody=first["body"])
    (seen,) = ours.handle("Dead", cloud.polled(cloud.queue("Dead")))
    assert (seen["payload"], seen["destination_task_id"]) == ({"n": 1}, "Fail")
