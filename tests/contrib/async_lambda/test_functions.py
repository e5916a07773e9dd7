"""What stands in the template of each task's function, and that async-lambda's own entry point answers for it."""

import json
from typing import Any

import pytest
from tests.deploy.template.rich import ZIPPED
from tests.on_lambda.stage import Context

from ebbtide.contrib.async_lambda import (
    AsyncLambdaController,
    ManagedSQSEvent,
    config_set_default_task_ephemeral_storage,
    config_set_default_task_memory,
)
from ebbtide.contrib.async_lambda.config.settings import settings_of
from ebbtide.contrib.async_lambda.notices import AsyncLambdaWarning
from ebbtide.deploy.template import template

Json = dict[str, Any]


def nothing(event: Any) -> None:
    """A task's function."""


@pytest.fixture
def resources(tmp_path: Any) -> Json:
    """Of an app with two tasks, of which one says all that can be said of a function."""
    config_set_default_task_memory(512)
    config_set_default_task_ephemeral_storage(1024)
    app = AsyncLambdaController(lane_count=2)
    said: dict[str, Any] = {"memory": 256, "timeout": 900, "ephemeral_storage": 2048, "snap_start": True}
    with pytest.warns(AsyncLambdaWarning, match="task 'Own': snap_start=True starts nothing quicker"):
        app.async_task("Own", maximum_concurrency=[10, 2], **said)(nothing)
    app.async_task("Plain")(nothing)
    app.sqs_task("Sold", "arn:aws:sqs:eu-west-1:123456789012:till", maximum_concurrency=3)(nothing)
    core = app.app()
    made: Json = template(core, "app:app", "prod", settings_of(core, None, tmp_path), ZIPPED)["Resources"]
    return made


def test_what_a_task_says_of_its_function_stands_in_the_template(resources: Json) -> None:
    own = resources["OwnALFunc"]["Properties"]
    assert (own["MemorySize"], own["Timeout"], own["EphemeralStorage"]) == (256, 900, {"Size": 2048})
    assert own["SnapStart"] == {"ApplyOn": "PublishedVersions"}


def test_what_a_task_does_not_say_is_the_programs_default(resources: Json) -> None:
    plain = resources["PlainALFunc"]["Properties"]
    assert (plain["MemorySize"], plain["EphemeralStorage"]) == (512, {"Size": 1024})
    assert plain["Timeout"] == 60 + 2  # the task's own, and what it takes to settle
    assert "SnapStart" not in plain


def test_the_limit_of_invocations_at_once_is_each_mappings_own(resources: Json) -> None:
    limits = {
        id: one["Properties"].get("ScalingConfig", {}).get("MaximumConcurrency")
        for id, one in resources.items()
        if one["Type"] == "AWS::Lambda::EventSourceMapping" and not id.startswith("Plain")
    }
    assert limits == {
        "OwnALFuncManagedSQS": 10,
        "OwnALFuncManagedSQSL1": 2,
        "SoldALFuncUnmanagedSQS": 3,
        "SoldALFuncManagedSQS": limits["SoldALFuncManagedSQS"],
    }


def test_one_message_comes_at_a_time_from_the_queue_of_each_lane(resources: Json) -> None:
    for lane in ("", "L1"):
        mapping = resources[f"PlainALFuncManagedSQS{lane}"]["Properties"]
        assert mapping["BatchSize"] == 1
        assert mapping["EventSourceArn"] == {"Fn::GetAtt": [f"PlainALQueue{lane}", "Arn"]}
        assert mapping["FunctionName"] == {"Ref": "PlainALFunc"}


def test_all_queues_share_one_for_dead_letters(resources: Json) -> None:
    queues = [
        one["Properties"] for id, one in resources.items() if "ALQueue" in id and one["Type"] == "AWS::SQS::Queue"
    ]
    assert len(queues) == 5
    assert all(
        one["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": ["AsyncLambdaDLQ", "Arn"]} for one in queues
    )


def test_the_handler_that_an_app_exports_answers_for_its_function(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    app = AsyncLambdaController()

    @app.async_task("A")
    def a(event: ManagedSQSEvent) -> None:
        print(event.payload)

    lambda_handler = app.async_lambda_handler
    monkeypatch.setenv("EBBTIDE_QUEUE", "A")
    monkeypatch.setenv("EBBTIDE_STAGE", "prod")
    monkeypatch.setenv("EBBTIDE_BROKER", "sqs://prod?mapped=1&region=eu-west-1")
    said = {"source_task_id": None, "destination_task_id": "A", "invocation_id": "i"}
    body = json.dumps({**said, "payload": '{"foo": "bar"}'})
    arn = "arn:aws:sqs:eu-west-1:123456789012:async-lambda-A"
    attributes = {"ApproximateReceiveCount": "1", "SentTimestamp": "1", "ApproximateFirstReceiveTimestamp": "1"}
    record = {"messageId": "m", "receiptHandle": "r", "body": body, "attributes": attributes, "messageAttributes": {}}
    event = {"Records": [{**record, "md5OfBody": "", "eventSource": "aws:sqs", "eventSourceARN": arn}]}
    assert lambda_handler(event, Context()) == {"batchItemFailures": []}
    assert "{'foo': 'bar'}" in capsys.readouterr().out.splitlines()
