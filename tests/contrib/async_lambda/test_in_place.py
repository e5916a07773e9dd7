"""What becomes of a stack of async-lambda's when our template takes the place of its own.

Its template is made by the package itself, in `.venvs/async-lambda`, and both are compared as CloudFormation gets them,
after SAM's translation. What an update replaces, CloudFormation's own schemas say.
"""

import json
import os
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-untyped]
from samtranslator.parser.parser import Parser  # type: ignore[import-untyped]
from samtranslator.translator.translator import Translator  # type: ignore[import-untyped]
from tests.contrib.async_lambda import in_place
from tests.deploy.template.rich import ZIPPED
from tests.deploy.template.translated import translated, uploaded

from ebbtide.contrib import async_lambda
from ebbtide.contrib.async_lambda.globals import config
from ebbtide.deploy.stack.deployment import SIGNATURE
from ebbtide.deploy.template import template

pytestmark = pytest.mark.xdist_group("in-place")  # both templates are made once

PYTHON = Path(__file__).parents[3] / ".venvs" / "async-lambda" / "bin" / "python"

Json = dict[str, Any]


@pytest.fixture(scope="module")
def theirs() -> Json:
    """Resources of async-lambda's stack."""
    assert PYTHON.exists(), "async-lambda is not in .venvs/async-lambda: run `make setup`"
    environment = {**os.environ, "ASYNC_LAMBDA_BUILD_MODE": "1", "AWS_REGION": "eu-west-1"}
    argv = [str(PYTHON), "-I", str(in_place.__file__)]
    made = subprocess.run(argv, env=environment, capture_output=True, text=True, check=True, timeout=60)
    managed = json.loads((files("samtranslator") / "internal/data/aws_managed_policies.json").read_text("utf-8"))["aws"]
    translator = Translator(managed, Parser())
    resources: Json = translator.translate(uploaded(json.loads(made.stdout)), parameter_values={})["Resources"]
    translator.metrics.publish()  # to nobody; it complains if they are left
    return resources


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Json:
    """Our template."""
    app = in_place.declared(async_lambda).app()
    settings = app.settings("prod", tmp_path_factory.mktemp("shop"))
    made = template(app, "in_place:app", "prod", settings, ZIPPED)
    app.close()
    config.reset()
    return made


@pytest.fixture(scope="module")
def ours(whole: Json) -> Json:
    """Resources of our stack."""
    resources: Json = translated(whole)["Resources"]
    return resources


def replaced(theirs: Json, ours: Json) -> dict[str, list[str]]:
    """What an update makes anew, and by which properties."""
    found = {}
    for id in theirs.keys() & ours.keys():
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", theirs[id]["Type"]).schema
        fixed = [path.rpartition("/")[2] for path in schema.get("createOnlyProperties", [])]
        before, after = (one[id].get("Properties", {}) for one in (theirs, ours))
        if changed := [name for name in fixed if before.get(name) != after.get(name)]:
            found[id] = changed
    return found


def test_nothing_but_the_queue_of_dead_letters_is_made_anew(theirs: Json, ours: Json) -> None:
    assert all(theirs[id]["Type"] == ours[id]["Type"] for id in theirs.keys() & ours.keys())
    assert replaced(theirs, ours) == {"AsyncLambdaDLQ": ["QueueName"]}


def test_the_old_dead_letters_are_kept_beside_the_stack(ours: Json) -> None:
    assert ours["AsyncLambdaDLQ"]["UpdateReplacePolicy"] == "Retain"


def test_all_queues_functions_roles_and_mappings_stay_and_so_does_the_bucket_of_payloads(
    theirs: Json, ours: Json
) -> None:
    kinds = ("AWS::SQS::Queue", "AWS::Lambda::Function", "AWS::Lambda::EventSourceMapping", "AWS::S3::Bucket")
    stay = {id for id, one in theirs.items() if one["Type"] in kinds or id.endswith("ALFuncRole")}
    assert stay <= ours.keys()


def test_what_pending_long_delays_need_stays_as_it_is(theirs: Json, ours: Json) -> None:
    for id, name in (("AsyncLambdaDelayScheduleGroup", "Name"), ("AsyncLambdaDelayDLQ", "QueueName")):
        assert ours[id]["Properties"][name] == theirs[id]["Properties"][name]
    role = ours["AsyncLambdaDelaySchedulerRole"]["Properties"]
    (sends,) = role["Policies"][0]["PolicyDocument"]["Statement"]
    queues = {id for id, one in theirs.items() if one["Type"] == "AWS::SQS::Queue"} - {"AsyncLambdaDLQ"}
    assert queues <= {resource["Fn::GetAtt"][0] for resource in sends["Resource"]}


def test_what_is_removed_is_the_api_the_schedules_and_what_gave_their_functions_rights(
    theirs: Json, ours: Json
) -> None:
    removed = {id for id in theirs.keys() - ours.keys() if not id.startswith("AsyncLambdaAPIGatewayDeployment")}
    assert removed == {
        "AsyncLambdaAPIGateway",
        "AsyncLambdaAPIGatewayprodStage",
        "AsyncLambdaCreateDelaySchedulesPolicy",
        "SendToAllAsyncLambdaQueuesPolicy",
        "ShowALFuncAPIEventPermissionprod",
        "TickALFuncScheduledEvent",
        "TickALFuncScheduledEventRole",
    }


def test_nothing_new_is_called_like_something_old(theirs: Json, ours: Json) -> None:
    """CloudFormation makes what is new before it removes what is gone."""
    assert not named(theirs) & named({id: ours[id] for id in ours.keys() - theirs.keys()})


def test_no_log_group_is_called_like_the_one_that_lambda_made_for_an_old_function(theirs: Json, ours: Json) -> None:
    there = {
        f"/aws/lambda/{one['Properties']['FunctionName']}"
        for one in theirs.values()
        if one["Type"] == "AWS::Lambda::Function"
    }
    new = {one["Properties"]["LogGroupName"] for one in ours.values() if one["Type"] == "AWS::Logs::LogGroup"}
    assert not there & new


def test_every_mapping_changes_and_is_turned_on_so_one_that_was_paused_goes_on(theirs: Json, ours: Json) -> None:
    mappings = {id for id, one in theirs.items() if one["Type"] == "AWS::Lambda::EventSourceMapping"}
    for id in mappings:
        assert ours[id]["Properties"] != theirs[id]["Properties"]
        assert theirs[id]["Properties"]["Enabled"] is ours[id]["Properties"]["Enabled"] is True
        assert ours[id]["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert "FunctionResponseTypes" not in theirs[id]["Properties"]


def test_the_function_waits_no_less_and_the_messages_are_kept_as_long(theirs: Json, ours: Json) -> None:
    for id, one in theirs.items():
        if one["Type"] == "AWS::Lambda::Function":
            assert ours[id]["Properties"]["Timeout"] >= one["Properties"]["Timeout"]
        if id.endswith("ALQueue"):
            kept = "MessageRetentionPeriod"
            assert ours[id]["Properties"][kept] == one["Properties"][kept]


def test_the_stack_is_known_as_ours_from_then_on(whole: Json) -> None:
    assert whole["Description"].endswith(SIGNATURE)


def named(resources: Json) -> set[tuple[str, str]]:
    """What has a name of its own: its type and that."""
    words = ("FunctionName", "QueueName", "LogGroupName", "RoleName", "TableName", "BucketName", "Name")
    return {
        (one["Type"], properties[word])
        for one in resources.values()
        for properties in [one.get("Properties", {})]
        for word in words
        if isinstance(properties.get(word), str)
    }
