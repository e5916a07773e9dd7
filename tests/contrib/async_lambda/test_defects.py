"""What goes wrong with async-lambda itself, and does not here: each defect by a test that its users would write.

That the bundle contains all that it imports, and runs, shows where one is run: tests/acceptance/test_async_lambda.py.
"""

import asyncio
import json
import threading
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.contrib.async_lambda.house import at_home, dead, work
from tests.deploy.template import rich
from tests.deploy.template.iam import ACCOUNT, REGION, Ask, Judge
from tests.fakes import receive
from tests.on_lambda.stage import Context, Mapped, record

from ebbtide.broker import Delivery
from ebbtide.contrib.async_lambda import (
    APIEvent,
    AsyncLambdaController,
    AsyncLambdaWarning,
    ManagedSQSBatchEvent,
    ManagedSQSEvent,
    ScheduledEvent,
    config_set_name,
)
from ebbtide.deploy.settings import Settings
from ebbtide.deploy.template import template
from ebbtide.execute import execute
from ebbtide.on_lambda.handler import Function
from ebbtide.on_lambda.settings import Settings as Surroundings
from ebbtide.outcome import Failed, Succeeded, TryAgain


class Queued(Mapped):
    """Of an app of async-lambda: which queue and lane a record is from, its ARN says."""

    def delivered(self, records: Sequence[dict[str, Any]]) -> list[Delivery]:
        return [Delivery(one["body"].encode(), *_queue_of(one), one["receiptHandle"], 1) for one in records]


def _queue_of(record: dict[str, Any]) -> tuple[str, int]:
    _, task, *lane = record["eventSourceARN"].rpartition(":")[2].split("-")
    return task, int(lane[0][1:]) if lane else 0


class Deployed:
    """The function of one task of a controller, as Lambda runs it."""

    def __init__(self, controller: AsyncLambdaController, task_id: str) -> None:
        config_set_name("shop")
        self.app = controller.app()
        self.broker = Queued()
        self.app._broker_given = lambda: self.broker
        self._task = task_id
        self._function = Function(self.app, Surroundings("app:app", task_id, "prod"))

    def invoke(self, event: dict[str, Any]) -> Any:
        return self._function(event, Context())

    def records(self, *payloads: Any, lane: int = 0, **members: Any) -> list[dict[str, Any]]:
        """Records of this task's queue, as async-lambda writes them."""
        arn = f"arn:aws:sqs:eu-west-1:123456789012:shop-{self._task}" + (f"-L{lane}" if lane else "")
        return [record(self._envelope(payload, members), arn=arn) for payload in payloads]

    def failures(self, *records: dict[str, Any]) -> list[str]:
        """The ids that must come again."""
        answer = self.invoke({"Records": list(records)})
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    def _envelope(self, payload: Any, members: dict[str, Any]) -> str:
        said = {"source_task_id": None, "destination_task_id": self._task, "invocation_id": "i"}
        return json.dumps({**said, "payload": json.dumps(payload), **members})


def resources(controller: AsyncLambdaController, settings: Settings | None = None) -> dict[str, Any]:
    """Of the template of stage prod."""
    made: dict[str, Any] = template(controller.app(), "app:app", "prod", settings or Settings(), rich.ZIPPED)
    return dict(made["Resources"])


# Queues


def test_a_task_that_says_nothing_is_tried_again_after_a_failure() -> None:
    app = AsyncLambdaController()
    app.async_task("A")(lambda event: 1 / 0)
    at_home(app)
    app.async_invoke("A", None)
    (outcome,) = work(app)
    assert isinstance(outcome, TryAgain)
    queue = resources(app)["AALQueue"]["Properties"]
    assert queue["RedrivePolicy"]["maxReceiveCount"] > 5  # SQS's own count is the last resort, ours comes first


def test_a_single_attempt_is_honoured_where_it_is_written_and_warned_about() -> None:
    app = AsyncLambdaController()
    with pytest.warns(AsyncLambdaWarning, match="max_receive_count=1"):
        app.async_task("A", max_receive_count=1)(lambda event: 1 / 0)
    at_home(app)
    app.async_invoke("A", None)
    (outcome,) = work(app)
    assert isinstance(outcome, Failed)
    (letter,) = dead(app)
    assert letter.error.exception_class == "builtins.ZeroDivisionError"


def test_a_failed_message_costs_those_beside_it_nothing() -> None:
    app = AsyncLambdaController()
    seen: list[int] = []
    app.async_task("A")(lambda event: seen.append(6 // event.payload))
    function = Deployed(app, "A")
    good, bad, other = function.records(1, 0, 2)
    assert function.failures(good, bad, other) == [bad["messageId"]]
    assert seen == [6, 3]


def test_both_records_of_one_event_are_run() -> None:
    app = AsyncLambdaController()
    seen: list[Any] = []
    app.async_task("A")(lambda event: seen.append(event.payload))
    function = Deployed(app, "A")
    assert function.failures(*function.records("first", "second")) == []
    assert seen == ["first", "second"]


def test_an_unreadable_record_costs_a_batch_nothing() -> None:
    app = AsyncLambdaController()
    seen: list[list[Any]] = []

    @app.async_batch_task("Batch", batch_size=5)
    def batch(event: ManagedSQSBatchEvent) -> None:
        seen.append([one.payload for one in event.events])

    function = Deployed(app, "Batch")
    one, two, three = function.records(1, 2, 3)
    assert function.failures(one, {**two, "body": '{"no": "envelope"}'}, three) == []
    assert seen == [[1, 3]]
    (buried,) = function.broker.buried
    assert buried.delivery.receipt == two["messageId"]


# Lanes


def test_a_task_with_fewer_lanes_is_reached_in_lane_0() -> None:
    app = AsyncLambdaController(lane_count=3)
    lanes: list[tuple[str, int]] = []
    app.async_task("A")(lambda event: [app.async_invoke(task_id, None) for task_id in ("One", "Two")])
    app.async_task("One", lane_count=1)(lambda event: lanes.append(("One", app.get_current_lane())))
    app.async_task("Two", lane_count=2)(lambda event: lanes.append(("Two", app.get_current_lane())))
    at_home(app)
    app.async_invoke("A", None, lane=2)
    assert all(isinstance(outcome, Succeeded) for outcome in work(app))
    assert sorted(lanes) == [("One", 0), ("Two", 0)]


def test_tasks_that_run_at_once_in_different_lanes_see_their_own_lane() -> None:
    app = AsyncLambdaController(lane_count=2)
    together, seen = threading.Barrier(2, timeout=20), set[tuple[int, int]]()

    @app.async_task("A")
    def a(event: ManagedSQSEvent) -> None:
        together.wait()  # both run now
        seen.add((event.payload, app.get_current_lane()))
        app.async_invoke("B", event.payload)
        together.wait()

    app.async_task("B")(lambda event: None)
    at_home(app)
    for lane in (0, 1):
        app.async_invoke("A", lane, lane=lane)
    _at_once(app)
    assert seen == {(0, 0), (1, 1)}
    assert {(json.loads(json.loads(one.body)["payload"]), one.lane) for one in receive(app.app())} == seen


def _at_once(app: AsyncLambdaController) -> None:
    threads = [threading.Thread(target=execute, args=(app.app(), one)) for one in receive(app.app())]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)


def test_async_def_tasks_that_run_at_once_in_different_lanes_see_their_own_lane() -> None:
    app = AsyncLambdaController(lane_count=2)
    seen: list[tuple[int, int]] = []

    @app.async_task("A")
    async def a(event: ManagedSQSEvent) -> None:
        await asyncio.sleep(0.01)  # the other one begins meanwhile
        seen.append((event.payload, app.get_current_lane()))

    function = Deployed(app, "A")
    first, second = function.records(0), function.records(1, lane=1)
    assert function.failures(*first, *second) == []
    assert sorted(seen) == [(0, 0), (1, 1)]


# Functions and values


def test_an_async_def_task_is_run_to_its_end() -> None:
    app = AsyncLambdaController()
    seen: list[Any] = []

    @app.async_task("A")
    async def a(event: ManagedSQSEvent) -> str:
        await asyncio.sleep(0)
        seen.append(event.payload)
        return "returned"

    function = Deployed(app, "A")
    assert function.failures(*function.records("on lambda")) == []
    assert app.async_invoke("A", "in sync", force_sync=True) == "returned"
    assert app.handle_invocation({"Records": function.records("by hand")}, None, task_id="A") == "returned"
    assert seen == ["on lambda", "in sync", "by hand"]


def test_a_request_without_query_and_path_parameters_has_empty_ones() -> None:
    app = AsyncLambdaController()
    seen: list[APIEvent] = []
    app.api_task("Api", "/test", "get")(seen.append)
    function = Deployed(app, "Api")
    context = {"http": {"method": "GET", "path": "/test"}, "stage": "$default"}
    second = {"version": "2.0", "routeKey": "GET /test", "rawPath": "/test", "requestContext": context}
    none = dict.fromkeys(("queryStringParameters", "multiValueQueryStringParameters", "pathParameters", "headers"))
    first: dict[str, Any] = {
        **none,
        "resource": "/test",
        "path": "/test",
        "httpMethod": "GET",
        "requestContext": {},
        "body": None,
    }
    for event in ({**second, "headers": {}}, first):
        assert function.invoke(event)["statusCode"] == 200
    for told in seen:
        assert (told.method, told.path, told.body) == ("GET", "/test", None)
        assert told.querystring_params == {}
        assert told.multi_value_querystring_params == {}
        assert told.path_parameters == {}
    assert len(seen) == 2


def test_values_that_json_lacks_arrive_as_text() -> None:
    app = AsyncLambdaController()
    seen: list[Any] = []
    app.async_task("A")(lambda event: seen.append(event.payload))
    at_home(app)
    app.async_invoke("A", [UUID(int=1), datetime(2026, 11, 21, tzinfo=UTC), date(2026, 11, 21), Decimal("1.10")])
    work(app)
    assert seen == [["00000000-0000-0000-0000-000000000001", "2026-11-21T00:00:00+00:00", "2026-11-21", "1.10"]]


# What a task knows of its message


def test_what_a_sub_controllers_task_sends_says_where_it_comes_from() -> None:
    app, sub = AsyncLambdaController(), AsyncLambdaController(is_sub=True)
    app.add_controller(sub)
    seen: list[tuple[str | None, str | None]] = []
    sub.async_task("Sub")(lambda event: [each.async_invoke("End", None) for each in (app, sub)])
    sub.async_task("End")(lambda event: seen.append((event.source_task_id, sub.current_task_id)))
    at_home(app)
    app.async_invoke("Sub", None)
    work(app)
    assert seen == [("Sub", "End")] * 2


def test_a_sub_controller_knows_the_tasks_that_were_declared_after_it_was_added() -> None:
    app, sub = AsyncLambdaController(), AsyncLambdaController(is_sub=True)
    app.add_controller(sub)
    seen: list[Any] = []
    sub.async_task("Late")(lambda event: seen.append(event.payload))
    at_home(app)
    app.async_invoke("Late", 1)
    work(app)
    assert seen == [1]


def test_an_invocation_id_does_not_stick_after_a_call_in_sync() -> None:
    app = AsyncLambdaController()
    app.async_task("A")(lambda event: None)
    at_home(app)
    ids = []
    for _ in range(3):
        app.async_invoke("A", None, force_sync=True)
        assert app.current_invocation_id is None
        app.async_invoke("A", None)
        (sent,) = receive(app.app())
        ids.append(json.loads(sent.body)["invocation_id"])
    assert len(set(ids)) == 3


def test_an_invocation_id_does_not_stick_from_one_task_to_the_next_in_a_process() -> None:
    app = AsyncLambdaController()
    seen: list[str] = []
    app.async_task("A")(lambda event: seen.append(event.invocation_id))

    @app.scheduled_task("Tick", "rate(1 minute)")
    def tick(event: ScheduledEvent) -> None:
        app.async_invoke("A", None)

    at_home(app)
    app.async_invoke("A", None)
    work(app)
    for _ in range(2):
        app.app().task_named("Tick").enqueue()
        work(app)
    assert len(set(seen)) == len(seen) == 3


def test_a_loop_is_stopped_on_lambda_and_the_dead_letter_names_its_path() -> None:
    app = AsyncLambdaController()
    ran: list[str] = []
    app.async_task("Task1")(lambda event: ran.append("Task1"))
    function = Deployed(app, "Task1")
    app.async_invoke("Task1", {})
    (sent,) = receive(app.app())
    ours = json.loads(sent.body)["ebbtide"]
    ours["lineage"] = {"root": "r", "parent": "p", "depth": 101, "path": ["Task1", "Task2"] * 5}
    (looping,) = function.records({}, ebbtide=ours)
    assert function.failures(looping) == []
    (buried,) = function.broker.buried
    assert buried.report
    assert buried.report.error
    assert buried.report.error.exception_class == "ebbtide.errors.LoopDetected"
    assert buried.report.error.message.endswith("Task1 > Task2 > Task1")
    assert ran == []


def test_a_task_that_is_called_by_hand_knows_itself_and_its_lane(monkeypatch: pytest.MonkeyPatch) -> None:
    app = AsyncLambdaController(lane_count=2)
    seen: list[Any] = []

    @app.async_task("A")
    def a(event: ManagedSQSEvent) -> str:
        seen.append((app.current_task_id, app.current_invocation_id, app.get_current_lane()))
        app.async_invoke("B", event.payload)
        return "returned"

    app.async_task("B")(lambda event: seen.append((event.source_task_id, event.invocation_id, app.get_current_lane())))
    records = Deployed(app, "A").records(1, lane=1)
    at_home(app)
    monkeypatch.setenv("ASYNC_LAMBDA_TASK_ID", "A")
    for call in (app.async_lambda_handler, app.handle_invocation):
        assert call({"Records": records}, None) == "returned"
        work(app)
    assert seen == [("A", "i", 1)] * 4
    assert app.current_task_id is None


# Modes


@pytest.mark.parametrize(("said", "runs"), [("0", 0), ("false", 0), ("", 0), ("1", 1)])
def test_force_sync_is_off_when_the_variable_says_so(said: str, runs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASYNC_LAMBDA_FORCE_SYNC", said)
    app = AsyncLambdaController()
    seen: list[Any] = []
    app.async_task("A")(seen.append)
    at_home(app)
    app.async_invoke("A", None)
    assert len(seen) == runs
    assert len(receive(app.app())) == 1 - runs


def test_a_delay_may_be_none() -> None:
    app = AsyncLambdaController()
    app.async_task("A")(lambda event: None)
    at_home(app)
    app.async_invoke("A", None, delay=None)
    assert len(receive(app.app())) == 1


def test_a_call_in_sync_does_not_sleep_for_its_delay() -> None:
    app = AsyncLambdaController()
    app.async_task("A")(lambda event: "done")
    began = time.monotonic()
    assert app.async_invoke("A", None, delay=600, force_sync=True) == "done"
    assert time.monotonic() - began < 60


# What is deployed


CONFIG = {
    "environment_variables": {"ALL": "1"},
    "layers": ["arn:aws:lambda:eu-west-1:1:layer:z:1", "arn:aws:lambda:eu-west-1:1:layer:a:1"],
    "stages": {"prod": {"layers": ["arn:aws:lambda:eu-west-1:1:layer:m:1"]}},
    "tasks": {
        "A": {
            "environment_variables": {"ONLY_A": "1"},
            "layers": ["arn:aws:lambda:eu-west-1:1:layer:b:1"],
            "policies": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::a/*"}],
            "tags": {"of": "A"},
        }
    },
}


@pytest.fixture
def configured(tmp_path: Path) -> dict[str, Any]:
    """The template's resources of an app with tasks A, B and C, and that configuration."""
    (tmp_path / ".async_lambda").mkdir()
    (tmp_path / ".async_lambda" / "config.json").write_text(json.dumps(CONFIG))
    app = AsyncLambdaController()
    for task_id in "BAC":
        app.async_task(task_id)(lambda event: None)
    return resources(app, app.app().settings("prod", tmp_path))


def test_what_is_said_of_one_task_is_in_no_other_ones_function_role_or_queue(configured: dict[str, Any]) -> None:
    assert configured["AALFunc"]["Properties"]["Environment"]["Variables"]["ONLY_A"] == "1"
    for task_id in "BC":
        function = configured[f"{task_id}ALFunc"]["Properties"]
        assert function["Environment"]["Variables"]["ALL"] == "1"
        of_this = {id: one for id, one in configured.items() if id.startswith(f"{task_id}AL")}
        told = json.dumps(of_this)
        assert len(of_this) >= 4
        assert not [word for word in ("ONLY_A", "layer:b:1", "s3:::a/*", '"of"') if word in told]


def test_layers_keep_their_order(configured: dict[str, Any]) -> None:
    def layers(task_id: str) -> list[str]:
        found = configured[f"{task_id}ALFunc"]["Properties"]["Layers"]
        return [arn.split(":")[-2] for arn in found if isinstance(arn, str)]

    assert layers("A") == ["z", "a", "m", "b"]
    assert layers("B") == ["z", "a", "m"]


def test_a_function_may_send_to_this_apps_queues_and_to_those_of_its_external_tasks_only() -> None:
    config_set_name("shop")
    app = AsyncLambdaController(lane_count=2)
    app.async_task("A")(lambda event: None)
    app.async_task("B")(lambda event: None)
    app.add_external_task("billing-Invoice")
    judge = Judge({"Resources": resources(app)})

    def may(verb: str, queue: str) -> bool:
        return judge.allows("AALFuncRole", Ask(f"sqs:{verb}", f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}"))

    ours = ("shop-A", "shop-A-L1", "shop-B", "shop-B-L1")
    assert all(may("SendMessage", queue) for queue in (*ours, "billing-Invoice"))
    assert not any(may("SendMessage", queue) for queue in ("shop-C", "shop-Admin", "billing-Other", "shop"))
    assert [queue for queue in ours if may("ReceiveMessage", queue)] == ["shop-A", "shop-A-L1"]
    assert [queue for queue in ours if may("DeleteMessage", queue)] == ["shop-A", "shop-A-L1"]


def test_no_statement_of_a_role_is_for_everything() -> None:
    app = AsyncLambdaController(lane_count=2, delete_s3_payloads=False)
    app.async_task("A")(lambda event: None)
    app.scheduled_task("Tick", "rate(1 minute)")(lambda event: None)
    roles = {id: one for id, one in resources(app).items() if one["Type"] == "AWS::IAM::Role"}
    assert {"AALFuncRole", "TickALFuncRole"} <= roles.keys()
    for role in roles.values():
        for policy in role["Properties"].get("Policies", ()):
            for statement in policy["PolicyDocument"]["Statement"]:
                assert "*" not in json.dumps(statement["Action"])
                assert statement["Resource"] != "*"
                assert "s3:DeleteObject" not in statement["Action"]
