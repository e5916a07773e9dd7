"""From a controller to a core app: queues, tasks, triggers, names."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.contrib.async_lambda.house import at_home
from tests.on_lambda.stage import Context

from ebbtide.contrib.async_lambda import AsyncLambdaController, config_set_name, config_set_s3_payload_retention
from ebbtide.contrib.async_lambda.names import AsyncLambdaPlace
from ebbtide.on_lambda.handler import Function
from ebbtide.on_lambda.settings import Settings
from ebbtide.queue import Queue
from ebbtide.trigger import Target


def nothing(event: Any) -> None:
    """A task's function."""


def target(task: str = "A") -> Target:
    place = AsyncLambdaPlace("shop", "prod")
    return Target("X", place, f"{task}ALQueue", f"{task}ALFunc", False, task, "Role", "Group", "AsyncLambdaDLQ")


@pytest.fixture
def house() -> AsyncLambdaController:
    config_set_name("shop")
    app = AsyncLambdaController()
    app.async_task("A", lane_count=2)(nothing)
    app.async_batch_task("Batch", batch_size=5)(nothing)
    app.scheduled_task("Tick", "rate(15 minutes)")(nothing)
    app.api_task("Api", "/test", "get")(nothing)
    app.sqs_task("Orders", "arn:aws:sqs:eu-west-1:123456789012:orders", maximum_concurrency=3)(nothing)
    app.dynamodb_task("Stream", stream_arn="Table", batch_size=10)(nothing)
    app.pure_task("Pure")(nothing)
    return app


def test_every_kind_of_task_is_a_task_in_a_queue_of_its_name(house: AsyncLambdaController) -> None:
    app = house.app()
    names = ["A", "Batch", "Tick", "Api", "Orders", "Stream", "Pure"]
    assert list(app.tasks) == names
    assert all(app.tasks[name].queue == app.queues[name] for name in names)
    assert app.tasks["Batch"].gathers
    assert [app.queues[name].batch for name in ("A", "Batch")] == [1, 5]


def test_what_starts_a_task_stands_beside_its_queue(house: AsyncLambdaController) -> None:
    kinds = {name: [type(trigger).__name__ for trigger in task.triggers] for name, task in house.app().tasks.items()}
    assert kinds == {
        "A": ["Managed"],
        "Batch": ["Managed"],
        "Tick": ["Managed", "Scheduled", "Invoked"],
        "Api": ["Managed", "Request"],
        "Orders": ["Managed", "Unmanaged"],
        "Stream": ["Managed", "Stream"],
        "Pure": ["Managed", "Invoked"],
    }


def test_physical_names_and_logical_ids_are_async_lambdas(house: AsyncLambdaController) -> None:
    place, queue = house.app().place("prod"), house.app().queues["A"]
    assert [place.queue(queue, lane) for lane in (0, 1)] == ["shop-A", "shop-A-L1"]
    assert place.function(queue) == "shop-A"
    assert place.queue(Queue("other-Bill", runner="elsewhere")) == "other-Bill"
    assert [place.logical("queue", queue, lane) for lane in (0, 1)] == ["AALQueue", "AALQueueL1"]
    assert place.logical("function", queue) == "AALFunc"
    assert place.logical("role", queue) == "AALFuncRole"
    assert [place.logical("mapping", queue, lane) for lane in (0, 1)] == [
        "AALFuncManagedSQS",
        "AALFuncManagedSQSL1",
    ]
    assert place.logical("dead-letters") == "AsyncLambdaDLQ"


def test_every_function_may_use_the_payload_bucket_and_no_more_of_it_than_it_needs() -> None:
    config_set_s3_payload_retention(30)
    for deletes in (False, True):
        app = AsyncLambdaController(delete_s3_payloads=deletes)
        app.async_task("A")(nothing)
        asked = app.app().tasks["A"].triggers[0].asks(target())
        assert asked.environment["ASYNC_LAMBDA_PAYLOAD_S3_BUCKET"] == {"Ref": "AsyncLambdaPayloadBucket"}
        assert asked.environment["ASYNC_LAMBDA_TASK_ID"] == "A"
        verbs = asked.statements[0]["Action"]
        assert ("s3:DeleteObject" in verbs) is deletes
        bucket = asked.resources["AsyncLambdaPayloadBucket"]["Properties"]
        assert bucket["LifecycleConfiguration"]["Rules"][0]["ExpirationInDays"] == 30
        assert "BucketName" not in bucket


def test_an_external_task_is_run_elsewhere_and_no_record_waits_for_its_end() -> None:
    app = AsyncLambdaController()
    app.add_external_task("other-Bill")
    queue = app.app().queues["other-Bill"]
    assert (queue.runner, queue.results) == ("elsewhere", 0)


INIT = """
from ebbtide.contrib.async_lambda import AsyncLambdaController
app = AsyncLambdaController()
app.async_task("A", init_tasks=[lambda: print("A started"), lambda id: print(id)])(lambda event: None)
app.async_task("B", init_tasks=[lambda: print("B started")])(lambda event: None)
"""


def test_in_a_function_init_tasks_run_as_the_app_is_loaded_and_only_the_functions_own(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(INIT)
    program = "from ebbtide.connect.target import load; load('app')"
    of_lambda = {"AWS_LAMBDA_FUNCTION_NAME": "shop-A", "EBBTIDE_QUEUE": "A"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, **of_lambda},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.splitlines() == ["A started", "A"]


def test_importing_an_app_loads_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(INIT)
    program = (
        "import sys; from ebbtide.connect.target import load; load('app'); "
        "print(*sorted({'boto3', 'click', 'asyncio', 'uuid', 'urllib', 'logging', 'hashlib', 'rich', 'ebbtide.deploy'} "
        "& set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == ""


def test_a_pure_task_is_invoked_directly_and_answers() -> None:
    app = AsyncLambdaController()
    app.pure_task("Double")(lambda event: {"twice": event.get_raw_event()["number"] * 2})
    answer = Function(at_home(app), Settings("app:app", "Double", "prod"))({"number": 21}, Context())
    assert answer == {"twice": 42}


def test_the_tick_of_an_old_stacks_schedule_runs_the_task_it_comes_to() -> None:
    app, seen = AsyncLambdaController(), list[Any]()
    app.scheduled_task("Tick", "rate(15 minutes)")(lambda event: seen.append(event.get_raw_event()))
    tick = {"version": "0", "source": "aws.scheduler", "detail-type": "Scheduled Event", "detail": "{}"}
    assert Function(at_home(app), Settings("app:app", "Tick", "prod"))(tick, Context()) is None
    assert seen == [tick]
