"""Everything an app can be started by, from the built bundle on MiniStack, through the commands a user types.

IAM is enforced, so that the roles of the template are shown to suffice. One deployment serves all. When the last test
has run it is destroyed, and nothing may be left.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from tests.acceptance.house import PATIENCE, STAGE, TARGET, House, runtime, until

from ebbtide.deploy.rehearsal.server import ACCOUNT, ministack

pytestmark = [
    pytest.mark.xdist_group("acceptance"),  # one deployment serves all
    pytest.mark.timeout(180),
    pytest.mark.skipif(runtime() is None, reason="needs .venvs/lambda, of this Python"),
]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with ministack(more={"AUTH": "true"}) as server:
        yield from _deployed(House(server, tmp_path_factory.mktemp("orders")))


def _deployed(made: House) -> Iterator[House]:
    python = runtime()
    assert python
    made.client("sqs").create_queue(QueueName="till", Attributes={"VisibilityTimeout": "600"})
    before = _resources(made)
    made.build(python)
    assert made.deploy("--plan", code=3)["status"] == "planned"
    assert _resources(made) == before
    said = made.deploy("--yes")
    assert said["status"] == "deployed"
    made.outputs = said["outputs"]
    made.bring_near()
    yield made
    made.run("destroy", TARGET, "--stage", STAGE, "--yes")
    assert _resources(made) == before


def _resources(house: House) -> dict[str, list[str]]:
    """What is there of all that a stage is made of."""
    return {
        "stacks": _stacks(house),
        "queues": house.client("sqs").list_queues().get("QueueUrls", []),
        "tables": house.client("dynamodb").list_tables()["TableNames"],
        "buckets": [one["Name"] for one in house.client("s3").list_buckets()["Buckets"]],
        "functions": [one["FunctionName"] for one in house.client("lambda").list_functions()["Functions"]],
        "mappings": [one["UUID"] for one in house.client("lambda").list_event_source_mappings()["EventSourceMappings"]],
        "roles": [one["RoleName"] for one in house.client("iam").list_roles()["Roles"]],
        "topics": [one["TopicArn"] for one in house.client("sns").list_topics()["Topics"]],
        "schedules": [one["Name"] for one in house.client("scheduler").list_schedules()["Schedules"]],
        "groups": [one["Name"] for one in house.client("scheduler").list_schedule_groups()["ScheduleGroups"]],
        "apis": [one["ApiId"] for one in house.client("apigatewayv2").get_apis()["Items"]],
        "alarms": [one["AlarmName"] for one in house.client("cloudwatch").describe_alarms()["MetricAlarms"]],
    }


def _stacks(house: House) -> list[str]:
    found = house.client("cloudformation").list_stacks()["StackSummaries"]
    return [one["StackName"] for one in found if one["StackStatus"] != "DELETE_COMPLETE"]


def test_an_order_runs_through_two_queues_and_two_lanes(house: House) -> None:
    placed = house.post("orders", {"order": "A-1", "total": "20.00"})
    assert placed["order"] == "A-1"
    charged = house.ask("result", placed["charge"], f"--wait={PATIENCE:g}")
    assert charged["return_value"] == "A-1: 20.00 at attempt 1"
    assert house.returned("confirm", "A-1 confirmed on lane 1")
    (charge,) = [line for line in house.lines("charge") if line["id"] == placed["charge"]]
    (confirm,) = [line for line in house.lines("confirm") if line["root"] == charge["root"]]
    assert (charge["queue"], charge["lane"], confirm["queue"], confirm["lane"]) == ("orders", 1, "mail", 1)


def test_a_failure_is_retried_and_ends_well(house: House) -> None:
    record = house.call("charge", "B-1", "19.99")
    assert record["status"] == "SUCCESSFUL"
    assert record["return_value"] == "B-1: 19.99 at attempt 2"
    assert record["attempts"] == 2


def test_a_poison_message_is_set_aside_with_its_reason_and_redriven_once_that_is_mended(house: House) -> None:
    sent = json.loads(house.run("enqueue", TARGET, "ship", "C-1", "--stage", STAGE, "--json"))
    (letter,) = until(lambda: [found for found in house.letters() if found["id"] == sent["id"]])
    assert letter["task"] == "ship"
    assert letter["error"]["exception_class"] == "orders.NoAddress"
    assert "order C-1 has no address" in letter["error"]["message"]
    assert house.ask("result", sent["id"], code=1)["status"] == "FAILED"
    _address(house, "C-1", "1 Quay Street")
    house.run("dlq", "redrive", TARGET, sent["id"], "--stage", STAGE, "--yes")
    record = house.ask("result", sent["id"], f"--wait={PATIENCE:g}")
    assert record["return_value"] == "C-1 to 1 Quay Street"
    assert sent["id"] not in {found["id"] for found in house.letters()}


def _address(house: House, order: str, address: str) -> None:
    item = {"order": {"S": order}, "address": {"S": address}}
    stack = house.client("cloudformation")
    found = stack.describe_stack_resource(StackName=f"orders-{STAGE}", LogicalResourceId="Addresses")
    table = found["StackResourceDetail"]["PhysicalResourceId"]
    house.client("dynamodb").put_item(TableName=table, Item=item)


def test_a_change_of_the_table_starts_a_task(house: House) -> None:
    _address(house, "D-1", "2 Quay Street")
    assert house.returned("moved", "INSERT D-1: 2 Quay Street")


def test_an_upload_below_the_prefix_starts_a_task_and_another_does_not(house: House) -> None:
    s3, uploads = house.client("s3"), f"orders-{STAGE}-uploads-{ACCOUNT}-{house.server.region}"
    s3.put_object(Bucket=uploads, Key="else/b.csv", Body=b"1")
    s3.put_object(Bucket=uploads, Key="stock/a b.csv", Body=b"1;2\n3;4\n")
    assert house.returned("stock", "stock/a b.csv: 2 lines, 8 bytes")
    assert len(house.lines("stock")) == 1


def test_a_message_on_the_topic_starts_a_task(house: House) -> None:
    arn = f"arn:aws:sns:{house.server.region}:{ACCOUNT}:orders-{STAGE}-paid"
    house.client("sns").publish(TopicArn=arn, Subject="bank", Message=json.dumps({"order": "E-1"}))
    assert house.returned("paid", "E-1 paid (bank)")


def test_a_message_of_a_foreign_queue_starts_a_task_and_leaves_that_queue(house: House) -> None:
    sqs = house.client("sqs")
    url = sqs.get_queue_url(QueueName="till")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"article": "tea"}))
    assert house.returned("sold", "tea sold")
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    assert until(
        lambda: set(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"].values()) == {"0"}
    )


def test_a_big_payload_travels_through_the_bucket(house: House) -> None:
    said = house.run("enqueue", TARGET, "archive", "-", "--stage", STAGE, "--json", input=json.dumps(["x" * 800_000]))
    (id,) = json.loads(said)["ids"]
    assert house.ask("result", id, f"--wait={PATIENCE:g}")["return_value"] == 800_000
    bucket = f"orders-{STAGE}-{ACCOUNT}-{house.server.region}"
    found = house.client("s3").list_objects_v2(Bucket=bucket, Prefix="claims/")["Contents"]
    assert any(id in one["Key"] and one["Size"] > 800_000 for one in found)


def test_a_long_delay_is_a_schedule_that_deletes_itself(house: House) -> None:
    before = datetime.now(UTC)
    sent = json.loads(house.run("enqueue", TARGET, "remind", "F-1", "--delay", "20m", "--stage", STAGE, "--json"))
    scheduler, group = house.client("scheduler"), f"orders-{STAGE}"
    (name,) = [one["Name"] for one in scheduler.list_schedules(GroupName=group, NamePrefix=sent["id"])["Schedules"]]
    found = scheduler.get_schedule(GroupName=group, Name=name)
    at = datetime.fromisoformat(found["ScheduleExpression"].removeprefix("at(").removesuffix(")")).replace(tzinfo=UTC)
    assert timedelta(minutes=19) < at - before < timedelta(minutes=21, seconds=30)
    assert found["ActionAfterCompletion"] == "DELETE"
    assert found["Target"]["Arn"].endswith(f":orders-{STAGE}-mail")
    assert json.loads(found["Target"]["Input"])["id"] == sent["id"]
    assert house.ask("result", sent["id"], code=3)["status"] == "READY"


def test_the_schedule_fires_into_the_tasks_queue(house: House) -> None:
    assert house.returned("report", "report of eu")


def test_a_second_deployment_finds_nothing_to_do(house: House) -> None:
    assert house.deploy()["status"] == "nothing to do"


def test_the_log_tells_what_became_of_a_call(house: House) -> None:
    sent = house.call("charge", "G-1", "5.00")
    said = house.run("logs", TARGET, "--stage", STAGE, "--id", sent["id"], "--queue", "orders")
    assert f"charge {sent['id']} succeeded in" in said
    assert house.run("logs", TARGET, "--stage", STAGE, "--id", sent["id"], "--level", "ERROR") == ""


def test_the_queues_are_shown(house: House) -> None:
    found = {queue["name"]: queue for queue in house.ask("queues")}
    assert [lane["lane"] for lane in found["orders"]["depth"]] == [0, 1]
