"""What an app expects to be there already, made anew for a rehearsal."""

import json
from pathlib import Path

import pytest
from tests.aws.ministack import unique

from ebbtide.app import App
from ebbtide.cli.existing import existing_of
from ebbtide.deploy.rehearsal import standins
from ebbtide.deploy.rehearsal.server import RehearsalError, Server, ministack
from ebbtide.deploy.rehearsal.standins import Existing
from ebbtide.deploy.stack.account import account
from ebbtide.triggers.bucket import Bucket
from ebbtide.triggers.foreign_queue import ForeignQueue
from ebbtide.triggers.table_stream import TableStream
from ebbtide.triggers.topic import Topic

STREAM = "arn:aws:dynamodb:us-east-1:000000000000:table/orders/stream/2027-01-01T00:00:00.000"


def test_what_the_triggers_of_an_app_name_is_found() -> None:
    app = App("shop")
    topic, queue = "arn:aws:sns:eu-west-1:123456789012:paid", "arn:aws:sqs:eu-west-1:123456789012:till"

    @app.task(Bucket("their-uploads", existing=True), Bucket("ours"), Topic("ours"), Topic(topic))
    def one() -> None: ...

    @app.task(ForeignQueue(queue), ForeignQueue("till"), TableStream(STREAM), TableStream("Ours"))
    def two() -> None: ...

    assert existing_of(app) == [
        Existing("bucket", "their-uploads"),
        Existing("topic", topic),
        Existing("queue", queue),
        Existing("queue", "till"),
        Existing("table", STREAM),
    ]


def test_each_is_made_and_stands_where_its_arn_was(aws: Server, tmp_path: Path) -> None:
    here, name = account(), unique("their")
    arn = f"arn:aws:sqs:us-east-1:000000000000:{name}"
    stream = STREAM.replace("orders", name)
    existing = [
        Existing("queue", arn),
        Existing("queue", f"{name}.fifo"),
        Existing("topic", f"arn:aws:sns:us-east-1:000000000000:{name}"),
        Existing("bucket", name),
        Existing("table", stream),
    ]
    places = standins.make(here, existing)
    assert places[arn] == arn
    (tmp_path / "template.json").write_text(json.dumps({"Resources": {"A": stream, "B": arn}}))
    standins.put_in_place(tmp_path, places)
    written = json.loads((tmp_path / "template.json").read_text())["Resources"]
    assert written["B"] == arn
    assert written["A"] == here.client("dynamodb").describe_table(TableName=name)["Table"]["LatestStreamArn"]
    attributes = here.client("sqs").get_queue_attributes(
        QueueUrl=here.client("sqs").get_queue_url(QueueName=f"{name}.fifo")["QueueUrl"], AttributeNames=["All"]
    )["Attributes"]
    assert (attributes["FifoQueue"], attributes["VisibilityTimeout"]) == ("true", "43200")
    notified = here.client("s3").get_bucket_notification_configuration(Bucket=name)
    assert "EventBridgeConfiguration" in notified


def test_secrets_are_made_with_the_values_given_or_a_word_in_their_place(aws: Server, tmp_path: Path) -> None:
    name = unique("shop")
    secrets = {"KEY": f"ssm:/{name}/key", "USER": f"secretsmanager:{name}#user", "WORD": f"secretsmanager:{name}#word"}
    function = {"Properties": {"Environment": {"Variables": {"EBBTIDE_SECRETS": json.dumps(secrets)}}}}
    (tmp_path / "template.json").write_text(json.dumps({"Resources": {"F": function, "Q": {}}}))
    here = account()
    assert standins.make_secrets(here, tmp_path, {"WORD": "given"}) == ["KEY", "USER", "WORD"]
    parameter = here.client("ssm").get_parameter(Name=f"/{name}/key", WithDecryption=True)["Parameter"]
    assert parameter["Value"] == "rehearsal"
    secret = here.client("secretsmanager").get_secret_value(SecretId=name)["SecretString"]
    assert json.loads(secret) == {"user": "rehearsal", "word": "given"}


def test_without_ministack_the_way_to_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ministack", None)
    with pytest.raises(RehearsalError, match=r"pip install 'ebbtide\[rehearse\]'"), ministack():
        pass
