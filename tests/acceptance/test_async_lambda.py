"""The shop of examples/async_lambda from the bundle that `async-lambda build` writes, on MiniStack.

IAM is enforced, so that each function is shown to have the rights it needs. One deployment serves all. Messages are put
on the queues as async-lambda itself writes them; what became of them, the functions' logs tell.
"""

import json
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from tests.acceptance.house import ROOT, House, runtime, until

from ebbtide.deploy.logs import Wanted, read
from ebbtide.deploy.rehearsal.server import ACCOUNT, ministack

pytestmark = [
    pytest.mark.xdist_group("async-lambda"),  # one deployment serves all
    pytest.mark.timeout(180),
    pytest.mark.skipif(runtime() is None, reason="needs .venvs/lambda, of this Python"),
]

STAGE = "dev"
COMMAND = "from ebbtide.contrib.async_lambda.cli.main import main; main(prog_name='async-lambda')"


class Shop(House):
    """The deployed app, spoken to as async-lambda speaks."""

    example = ROOT / "examples" / "async_lambda"
    target = "app:app"
    stage = STAGE

    def async_lambda(self, *words: str) -> str:
        """Run `async-lambda` as a process of its own; what it printed."""
        done = subprocess.run(
            [sys.executable, "-c", COMMAND, *words],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, f"{words} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def build(self, python: Path) -> None:
        self.copy()
        self._name_the_stream()
        self.async_lambda("build", "app", "--stage", STAGE)
        self.adapt(self.folder, python)

    def _name_the_stream(self) -> None:
        """Write the table's stream into the configuration, as who deploys it would."""
        key = {"AttributeName": "order", "AttributeType": "S"}
        made = self.client("dynamodb").create_table(
            TableName="Orders",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[key],
            KeySchema=[{"AttributeName": "order", "KeyType": "HASH"}],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )
        file = self.folder / ".async_lambda" / "config.json"
        config = json.loads(file.read_text())
        stream = made["TableDescription"]["LatestStreamArn"]
        config["stages"][STAGE]["environment_variables"]["ORDERS_STREAM"] = stream
        file.write_text(json.dumps(config))

    def url(self, queue: str) -> str:
        return str(self.client("sqs").get_queue_url(QueueName=queue)["QueueUrl"])

    def invoke(self, task_id: str, payload: Any) -> str:
        """Put a call on a task's queue, in async-lambda's own words; its invocation id."""
        said = {"source_task_id": None, "destination_task_id": task_id, "invocation_id": str(uuid4())}
        body = json.dumps({**said, "payload": json.dumps(payload)})
        self.client("sqs").send_message(QueueUrl=self.url(f"shop-{task_id}"), MessageBody=body)
        return said["invocation_id"] or ""

    def printed(self, task_id: str, *texts: str) -> bool:
        """Whether a task has printed all of these, each as a whole line, before long."""
        return until(lambda: set(texts) <= set(self.output(task_id)))

    def output(self, task_id: str) -> list[str]:
        """All that a task's function has printed."""
        found = read(self._account, [f"/aws/lambda/shop-{STAGE}/{task_id}"], Wanted(), time.time() - 600)
        return [line.text for line in found if line.fields is None and not line.platform]

    def variables(self, task_id: str) -> dict[str, str]:
        """Of the environment of a task's function."""
        found = self.client("lambda").get_function_configuration(FunctionName=f"shop-{task_id}")
        return dict(found["Environment"]["Variables"])

    def bucket(self) -> str:
        """What CloudFormation has called the bucket for large payloads."""
        asked = {"StackName": "shop-dev", "LogicalResourceId": "AsyncLambdaPayloadBucket"}
        found = self.client("cloudformation").describe_stack_resource(**asked)["StackResourceDetail"]
        return str(found["PhysicalResourceId"])

    def redrive(self, task_id: str) -> str:
        """Where SQS itself moves what a task's queue could not get rid of."""
        asked = {"QueueUrl": self.url(f"shop-{task_id}"), "AttributeNames": ["RedrivePolicy"]}
        policy = json.loads(self.client("sqs").get_queue_attributes(**asked)["Attributes"]["RedrivePolicy"])
        return str(policy["deadLetterTargetArn"].rpartition(":")[2])

    def received(self, queue: str) -> list[dict[str, Any]]:
        """What stands on a queue, taken from there."""
        found = self.client("sqs").receive_message(QueueUrl=self.url(queue), MaxNumberOfMessages=10)
        return [json.loads(one["Body"]) for one in found.get("Messages", [])]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    python = runtime()
    assert python
    with ministack(more={"AUTH": "true"}) as server:
        made = Shop(server, tmp_path_factory.mktemp("shop"))
        for queue in ("till", "billing-Invoice"):
            made.client("sqs").create_queue(QueueName=queue, Attributes={"VisibilityTimeout": "600"})
        made.build(python)
        made.outputs = made.deploy("--yes")["outputs"]
        made.invoke("Ping", {})  # a hundred calls one after another: it begins first and is looked at last
        made.bring_near()
        yield made


def test_the_archive_has_the_module_src_and_all_that_they_import_at_its_root(shop: Shop) -> None:
    names = set(zipfile.ZipFile(shop.folder / ".async_lambda" / "build" / "deployment.zip").namelist())
    assert {"app.py", "src/lanes.py", "ebbtide/contrib/async_lambda/__init__.py"} <= names
    assert not [name for name in names if name.startswith((".async_lambda", "first", "boto3", "click"))]


def test_a_function_knows_its_task_and_what_its_configuration_says_of_it_alone(shop: Shop) -> None:
    archive, tally = shop.variables("Archive"), shop.variables("Tally")
    assert (archive["ASYNC_LAMBDA_TASK_ID"], tally["ASYNC_LAMBDA_TASK_ID"]) == ("Archive", "Tally")
    assert (archive["CURRENCY"], tally["CURRENCY"]) == ("GBP", "EUR")
    assert archive["ASYNC_LAMBDA_ACCOUNT_ID"] == ACCOUNT
    assert archive["ASYNC_LAMBDA_PAYLOAD_S3_BUCKET"] == shop.bucket()


def test_the_custom_domain_of_stage_prod_is_in_its_template(shop: Shop) -> None:
    shop.async_lambda("build", "app", "--stage", "prod", "--output", "prod.json")
    resources = json.loads((shop.folder / "prod.json").read_text())["Resources"]
    (domain,) = [one["Properties"] for one in resources.values() if one["Type"] == "AWS::ApiGatewayV2::DomainName"]
    (told,) = domain["DomainNameConfigurations"]
    assert domain["DomainName"] == "shop.example.com"
    assert told["CertificateArn"].startswith("arn:aws:acm:eu-west-1:111122223333:certificate/")
    assert told["SecurityPolicy"] == "TLS_1_2"
    assert "shop.example.com" not in (shop.folder / "template.json").read_text()


def test_a_schedule_starts_a_task_which_invokes_another(shop: Shop) -> None:
    assert shop.printed("Tally", "tally {'foo': 'bar'} from Tick: True")


def test_init_tasks_ran_once_in_the_container_of_their_task_and_in_no_other(shop: Shop) -> None:
    assert shop.printed("Tally", "tally {'foo': 'bar'} from Tick: True")
    before = shop.output("Tally")
    shop.invoke("Tally", "again")
    assert shop.printed("Tally", "tally again from None: True")
    said = shop.output("Tally")
    assert [line for line in said if line in ("rolled", "init of Tally")] == ["rolled", "init of Tally"]
    assert said[:2] == before[:2] == ["rolled", "init of Tally"]
    assert "rolled" not in shop.output("Tick")


def test_a_value_above_the_limit_goes_through_the_second_lane_and_stays_there(shop: Shop) -> None:
    for value in (50_000, 50_001):
        shop.invoke("Switchboard", {"value": value})
    lanes = ("50000 in lane 0", "50001 in lane 1")
    assert shop.printed("Processing", *(f"processed {one} from Switchboard" for one in lanes))
    assert shop.printed("Processed", *(f"ended {one}" for one in lanes))


def test_a_task_of_fewer_lanes_is_reached_in_lane_0(shop: Shop) -> None:
    shop.invoke("Switchboard", {"value": 70_000})
    assert shop.printed("Switched", "switched 70000 in lane 0")


def test_each_lane_has_its_own_mapping_with_its_own_limit(shop: Shop) -> None:
    found = shop.client("lambda").list_event_source_mappings(FunctionName="shop-Processing")["EventSourceMappings"]
    limits = {one["EventSourceArn"].rpartition(":")[2]: one["ScalingConfig"]["MaximumConcurrency"] for one in found}
    assert limits == {"shop-Processing": 10, "shop-Processing-L1": 2}
    assert all(one["FunctionResponseTypes"] == ["ReportBatchItemFailures"] for one in found)


def test_a_request_is_answered_by_its_task(shop: Shop) -> None:
    headers = {"Content-Type": "application/json", "User-Agent": "me"}
    order = json.dumps({"order": "A-1", "total": 20})
    status, told, said = shop.request("POST", "orders?gift=1", order, headers)
    assert (status, told["X-Agent"], json.loads(said)) == (202, "me", {"order": "A-1", "gift": True})
    assert shop.printed("Confirm", "confirmed A-1 from Charge")


def test_a_request_without_a_query_is_answered_too(shop: Shop) -> None:
    status, told, said = shop.request("GET", "orders/A%201")
    assert (status, told["Content-Type"], said) == (200, "text/plain", b"A 1 in short")
    assert shop.request("GET", "orders/A-1?words=long")[2] == b"A-1 in long"


def test_a_task_of_another_app_is_sent_a_message_that_says_whose_it_is(shop: Shop) -> None:
    shop.invoke("Charge", {"order": "B-1", "total": 1})
    sent = until(lambda: [one for one in shop.received("billing-Invoice") if "B-1" in one["payload"]])
    assert sent[0]["source_task_id"] == "Charge"
    assert sent[0]["destination_task_id"] == "billing-Invoice"
    assert sent[0]["source_app"] == "shop"


def test_a_delay_over_fifteen_minutes_is_a_schedule_that_deletes_itself(shop: Shop) -> None:
    shop.invoke("Charge", {"order": "C-1", "total": 1})
    scheduler = shop.client("scheduler")
    found = until(lambda: [one for one in scheduler.list_schedules()["Schedules"] if _is_for(one, "Remind")])
    told = scheduler.get_schedule(GroupName=found[0]["GroupName"], Name=found[0]["Name"])
    assert told["ScheduleExpression"].startswith("at(")
    assert told["ActionAfterCompletion"] == "DELETE"
    assert json.loads(told["Target"]["Input"])["source_task_id"] == "Charge"


def _is_for(schedule: dict[str, Any], task_id: str) -> bool:
    return bool(schedule["Target"]["Arn"].endswith(f":shop-{task_id}"))


def test_what_fails_for_good_is_a_call_of_the_task_for_dead_letters(shop: Shop) -> None:
    shop.invoke("Charge", {"order": "D-1", "total": -1})
    gave_up = "Charge gave up {'order': 'D-1', 'total': -1}: it costs less than nothing"
    assert shop.printed("Letters", gave_up)
    assert [line for line in shop.output("Charge") if line == "refused D-1"] == ["refused D-1"] * 2


def test_what_fails_below_a_sub_controller_goes_to_the_task_that_this_one_named(shop: Shop) -> None:
    shop.invoke("Switchboard", {"worth": 7})
    assert shop.printed("Letters", "Switchboard gave up {'worth': 7}: 'value'")


def test_what_cannot_even_start_goes_where_the_other_dead_letters_go(shop: Shop) -> None:
    found = {task_id: shop.redrive(task_id) for task_id in ("Charge", "Processing-L1", "Tally", "Letters")}
    assert found == {
        "Charge": "shop-Letters",
        "Processing-L1": "shop-Letters",
        "Tally": "shop-dev-dead-letters",
        "Letters": "shop-dev-dead-letters",
    }


def test_a_message_of_a_queue_that_is_not_the_apps_starts_a_task_which_invokes_a_batch(shop: Shop) -> None:
    shop.client("sqs").send_message(QueueUrl=shop.url("till"), MessageBody=json.dumps({"article": "tea"}))
    assert shop.printed("Sold", "begin UnmanagedSQSEvent", "sold tea")
    assert until(lambda: sum(_counted(line) for line in shop.output("Count")) == 6)


def _counted(line: str) -> int:
    return int(line.split()[1]) if line.startswith("counted ") else 0


def test_a_change_of_the_table_starts_a_task(shop: Shop) -> None:
    shop.client("dynamodb").put_item(TableName="Orders", Item={"order": {"S": "E-1"}})
    assert shop.printed("Changed", "changed None to {'order': {'S': 'E-1'}}")


def test_a_large_payload_is_in_the_bucket_and_its_key_in_the_queue(shop: Shop) -> None:
    order = {"order": "F-1", "total": 1, "letter": "x" * 250_000}
    assert shop.request("POST", "orders", json.dumps(order), {"User-Agent": "me"})[0] == 202
    (kept_at,) = until(lambda: shop.client("s3").list_objects_v2(Bucket=shop.bucket()).get("Contents", []))
    kept = shop.client("s3").get_object(Bucket=shop.bucket(), Key=kept_at["Key"])["Body"].read()
    assert json.loads(kept) == order["letter"]
    assert shop.printed("Archive", f"archived 250000, True in the queue, from {kept_at['Key']}")


def test_an_infinite_loop_is_stopped_and_the_dead_letter_names_its_path(shop: Shop) -> None:
    (letter,) = until(shop.letters, 90)
    assert letter["error"]["exception_class"] == "ebbtide.errors.LoopDetected"
    assert letter["error"]["message"].endswith("Pong > Ping > Pong > Ping > Pong > Ping > Pong > Ping > Pong")
    runs = [len([line for line in shop.output(task) if line.startswith("begin ")]) for task in ("Ping", "Pong")]
    assert runs == [51, 50]
