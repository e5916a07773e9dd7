"""A stack of async-lambda's own is switched in place, with messages in its queues, and back; on MiniStack.

async-lambda, in `.venvs/async-lambda`, makes the first template and sends the messages. Its app and ours differ in the
one line that imports.
"""

import io
import json
import os
import subprocess
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.acceptance.house import ROOT, House, runtime, until
from tests.aws.ministack import unique

from ebbtide.deploy.logs import Wanted, read
from ebbtide.deploy.rehearsal.server import ACCOUNT, Server
from ebbtide.deploy.stack import upload

pytestmark = [
    pytest.mark.xdist_group("switch-over"),  # one switch serves all
    pytest.mark.timeout(180),
    pytest.mark.skipif(runtime() is None, reason="needs .venvs/lambda, of this Python"),
]

PYTHON = ROOT / ".venvs" / "async-lambda" / "bin" / "python"
STAGE, STACK = "prod", "old-stack"
THEIRS, OURS = "from async_lambda import ", "from ebbtide.contrib.async_lambda import "

APP = """
AsyncLambdaController, config_set_name
config_set_name("NAME")
app = AsyncLambdaController(lane_count=2)
lambda_handler = app.async_lambda_handler

@app.async_task("Place", max_receive_count=3)
def place(event):
    text = event.payload["text"]
    stored = bool(event.s3_payload_key)
    print(f"{text[:5]} in lane {app.get_current_lane()}, {len(text)} long, from the bucket: {stored}")

@app.scheduled_task("Tick", schedule_expression="rate(15 minutes)")
def tick(event): ...
"""
MAKE = "import app, json; print(json.dumps(app.app.generate_sam_template('app', {}, None)))"
SEND = """
import app
for text, lane in (("first", 0), ("other", 1), ("large" * 60_000, 0)):
    app.app.async_invoke("Place", {"text": text}, lane=lane)
app.app.async_invoke("Place", {"text": "tomorrow"}, delay=86_400)
"""

Resources = dict[str, tuple[str, str]]
"""Physical name and type, by logical id."""


class Switched(House):
    """The stack as it was, became, and was again. before, after, back: its resources; mappings: of the new one."""

    target, stage = "app:app", STAGE
    before: Resources
    after: Resources
    back: Resources
    mappings: dict[str, Any]
    waited: int
    printed: list[str]
    old_letters: list[str]
    pending: list[dict[str, Any]]

    def __init__(self, server: Server, folder: Path) -> None:
        self.name = unique("shop")
        self.stack = f"{STACK}-{self.name}"
        text = APP.lstrip().replace("NAME", self.name)
        self.example, self.old = folder / "new", folder / "old"
        for place, first in ((self.example, OURS), (self.old, THEIRS)):
            place.mkdir()
            (place / "app.py").write_text(first + text)
        super().__init__(server, folder / "work")

    def theirs(self, program: str, **environment: str) -> str:
        """Run a program on async-lambda, beside the old app; what it printed."""
        assert PYTHON.exists(), "async-lambda is not in .venvs/async-lambda: run `make setup`"
        done = subprocess.run(
            [str(PYTHON), "-c", program],
            cwd=self.old,
            env={**os.environ, **self.server.credentials, **environment},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return done.stdout

    def old_template(self) -> str:
        """async-lambda's, with its code in a bucket."""
        archive, bucket = io.BytesIO(), unique("code")
        with zipfile.ZipFile(archive, "w") as opened:
            opened.write(self.old / "app.py", "app.py")
        self.client("s3").create_bucket(Bucket=bucket)
        self.client("s3").put_object(Bucket=bucket, Key="code.zip", Body=archive.getvalue())
        made = json.loads(self.theirs(MAKE, ASYNC_LAMBDA_BUILD_MODE="1"))
        for one in made["Resources"].values():
            if "CodeUri" in one.get("Properties", {}):
                one["Properties"]["CodeUri"] = f"s3://{bucket}/code.zip"
        return json.dumps(made)

    def new_template(self) -> str:
        """Ours, with its code in a bucket."""
        python = runtime()
        assert python
        self.build(python)
        template = json.loads((self.built / "template.json").read_text())
        bucket = upload.make_bucket(self._account)
        made, pieces = upload.located(template, self.built, bucket, self.name)
        for piece in pieces:
            upload.upload(self._account, bucket, piece, lambda count: None)
        return json.dumps(made)

    def put(self, template: str, verb: str) -> Resources:
        """Create the stack, or update it, and wait; what is in it then."""
        cloud = self.client("cloudformation")
        getattr(cloud, f"{verb}_stack")(
            StackName=self.stack, TemplateBody=template, Capabilities=["CAPABILITY_NAMED_IAM"]
        )
        ended = until(lambda: self._ended(cloud))
        assert ended == f"{verb.upper()}_COMPLETE"
        pages = cloud.get_paginator("list_stack_resources").paginate(StackName=self.stack)
        found = [one for page in pages for one in page["StackResourceSummaries"]]
        return {one["LogicalResourceId"]: (one["PhysicalResourceId"], one["ResourceType"]) for one in found}

    def _ended(self, cloud: Any) -> str:
        status = str(cloud.describe_stacks(StackName=self.stack)["Stacks"][0]["StackStatus"])
        return "" if status.endswith("IN_PROGRESS") else status

    def pause(self) -> None:
        for id, kind in self.before.values():
            if kind == "AWS::Lambda::EventSourceMapping":
                self.client("lambda").update_event_source_mapping(UUID=id, Enabled=False)

    def waiting(self) -> int:
        """Messages in the queues of the task Place."""
        asked = {"AttributeNames": ["ApproximateNumberOfMessages"]}
        found = [
            self.client("sqs").get_queue_attributes(QueueUrl=self.before[id][0], **asked)["Attributes"]
            for id in ("PlaceALQueue", "PlaceALQueueL1")
        ]
        return sum(int(one["ApproximateNumberOfMessages"]) for one in found)

    def output(self) -> list[str]:
        """What the task Place has printed."""
        found = read(self._account, [f"/aws/lambda/{self.name}-{STAGE}/Place"], Wanted(), time.time() - 600)
        return sorted(line.text for line in found if line.fields is None and not line.platform)

    def of_mappings(self) -> dict[str, Any]:
        return {
            id: self.client("lambda").get_event_source_mapping(UUID=name)
            for id, (name, kind) in self.after.items()
            if kind == "AWS::Lambda::EventSourceMapping"
        }

    def same(self, one: Resources, other: Resources) -> set[str]:
        """Logical ids of what is the very same in both."""
        return {id for id in one.keys() & other.keys() if one[id] == other[id]}


@pytest.fixture(scope="module")
def switched(ministack_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Switched]:
    made = Switched(ministack_server, tmp_path_factory.mktemp("in-place"))
    old = made.old_template()
    made.before = made.put(old, "create")
    made.pause()
    bucket, _ = made.before["AsyncLambdaPayloadBucket"]
    made.theirs(
        SEND,
        ASYNC_LAMBDA_ACCOUNT_ID=ACCOUNT,
        ASYNC_LAMBDA_PAYLOAD_S3_BUCKET=bucket,
        ASYNC_LAMBDA_DELAY_SCHEDULE_GROUP=f"{made.name}-delay",
        ASYNC_LAMBDA_DELAY_SCHEDULER_ROLE_ARN=f"arn:aws:iam::{ACCOUNT}:role/delay",
        ASYNC_LAMBDA_DELAY_SCHEDULE_DLQ_ARN=f"arn:aws:sqs:us-east-1:{ACCOUNT}:{made.name}-delay-dlq",
    )
    made.waited = until(lambda: made.waiting() == 3)
    letters = made.before["AsyncLambdaDLQ"][0]
    made.client("sqs").send_message(QueueUrl=letters, MessageBody="a letter")
    made.after = made.put(made.new_template(), "update")
    made.mappings = made.of_mappings()
    made.printed = until(lambda: found if len(found := made.output()) == 3 else [])
    made.old_letters = [one["Body"] for one in made.client("sqs").receive_message(QueueUrl=letters).get("Messages", [])]
    made.pending = made.client("scheduler").list_schedules(GroupName=f"{made.name}-delay")["Schedules"]
    made.back = made.put(old, "update")
    yield made
    made.client("cloudformation").delete_stack(StackName=made.stack)


KEPT = {
    *("PlaceALQueue", "PlaceALQueueL1", "PlaceALFunc", "PlaceALFuncRole", "TickALFunc", "TickALFuncRole"),
    *("PlaceALFuncManagedSQS", "PlaceALFuncManagedSQSL1", "AsyncLambdaPayloadBucket"),
    *("AsyncLambdaDelayScheduleGroup", "AsyncLambdaDelaySchedulerRole", "AsyncLambdaDelayDLQ"),
}


def test_queues_functions_roles_mappings_and_the_bucket_stay_and_stay_on_the_way_back(switched: Switched) -> None:
    assert switched.same(switched.before, switched.after) == KEPT
    assert switched.same(switched.after, switched.back) >= KEPT
    assert switched.back.keys() == switched.before.keys()


def test_what_async_lambda_has_sent_is_run_by_us_in_its_lane_and_from_the_bucket(switched: Switched) -> None:
    assert switched.waited
    assert switched.printed == [
        "first in lane 0, 5 long, from the bucket: False",
        "large in lane 0, 300000 long, from the bucket: True",
        "other in lane 1, 5 long, from the bucket: False",
    ]


def test_mappings_that_were_paused_are_on_and_told_to_listen_which_messages_failed(switched: Switched) -> None:
    for lane in ("", "L1"):
        mapping = switched.mappings[f"PlaceALFuncManagedSQS{lane}"]
        assert mapping["State"] == "Enabled"
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_the_old_dead_letters_are_beside_the_stack(switched: Switched) -> None:
    assert switched.after["AsyncLambdaDLQ"] != switched.before["AsyncLambdaDLQ"]
    assert switched.old_letters == ["a letter"]


def test_a_long_delay_is_still_pending(switched: Switched) -> None:
    (schedule,) = switched.pending
    assert schedule["State"] == "ENABLED"
