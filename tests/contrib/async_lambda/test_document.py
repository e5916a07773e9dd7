"""The examples of async-lambda's own page, as printed there, on the embedded engine.

Only the import line is another. Where the page leaves out imports, or the controller, they stand in a head above the
text; what a task is told is seen through middleware, so the text itself stays as it is.
"""

from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from tests.contrib.async_lambda.house import at_home, dead, work
from tests.deploy.template import rich
from tests.fakes import receive

from ebbtide.contrib.async_lambda import (
    APIEvent,
    AsyncLambdaController,
    BaseEvent,
    ManagedSQSEvent,
    ScheduledEvent,
    UnmanagedSQSEvent,
)
from ebbtide.deploy.settings import Settings
from ebbtide.deploy.template import template
from ebbtide.outcome import Succeeded

FIRST = """
import json
from ebbtide.contrib.async_lambda import AsyncLambdaController, ScheduledEvent, ManagedSQSEvent, config_set_name

app = AsyncLambdaController()
config_set_name("project-name")
lambda_handler = app.async_lambda_handler # This "export" is required for lambda.

@app.scheduled_task('ScheduledTask1', schedule_expression="rate(15 minutes)")
def scheduled_task_1(event: ScheduledEvent):
    app.async_invoke("AsyncTask1", payload={"foo": "bar"}) # Payload must be JSON serializable and < 2560Kb

@app.async_task('AsyncTask1')
def async_task_2(event: ManagedSQSEvent):
    print(event.payload)  #{"foo": "bar"}
"""

HEAD = """
import random
from ebbtide.contrib.async_lambda import *
from ebbtide.contrib.async_lambda import AsyncLambdaController
app = controller = AsyncLambdaController()
"""

DEFER = """
def get_a_value(a: int, b: int) -> int:
    return random.randint(a, b)

cache = Defer(get_a_value, 10, 100)

@controller.async_task("Task", init_tasks=[cache.execute])
def task(event: ManagedSQSEvent):
    for i in range(cache.value):
        # Do Something
        ...
"""

ASYNC_TASK = """
app = AsyncLambdaController()

@app.async_task("TaskID")
def async_task(event: ManagedSQSEvent):
    event.payload # payload sent via the `async_invoke` method
    event.source_task_id # the task_id where the event originated
"""

LOOP = """
# If task_1 where to ever get invoked, then it would start an infinite loop with
# task 1 invoking task 2, task 2 invoking task 1, and repeat...

@app.async_task("Task1")
def task_1(event: ManagedSQSEvent):
    app.async_invoke("Task2", {})

@app.async_task("Task2")
def task_1(event: ManagedSQSEvent):
    app.async_invoke("Task1", {})
"""

LANES = """
app = AsyncLambdaController(lane_count=2)

@app.async_task("SwitchBoard")
def switch_board(event: ManagedSQSEvent):
    value = event.payload['value']
    lane = 0
    if value > 50_000:
        lane = 1
    app.async_invoke("ProcessingTask", event.payload, lane=lane)

@app.async_task("ProcessingTask", maximum_concurrency=[10, 2])
def processing_task(event: ManagedSQSEvent):
    ...
"""

UNMANAGED = """
app = AsyncLambdaController()

@app.sqs_task("TaskID", queue_arn='queue-arn')
def sqs_task(event: UnmanagedSQSEvent):
    event.body # sqs event body
"""

SCHEDULED = """
app = AsyncLambdaController()

@app.scheduled_task("TaskID", schedule_expression='rate(15 minutes)')
def scheduled_task(event: ScheduledEvent):
    ...
"""

API = """
app = AsyncLambdaController()

@app.api_task("TaskID", path='/test', method='get')
def api_task(event: APIEvent):
    event.headers # request headers
    event.querystring_params # request querystring params
    event.body # request body
"""


class Page:
    """One example, run as a module, and the events that its tasks were called with."""

    def __init__(self, *texts: str) -> None:
        self.module: Any = ModuleType("example")
        exec("".join(texts), vars(self.module))  # noqa: S102 - it is the example
        self.app: AsyncLambdaController = self.module.app
        self.seen: list[tuple[str | None, int, Any]] = []
        self.app.add_middleware([BaseEvent], self._note)
        self.core = at_home(self.app)

    def _note(self, event: BaseEvent, call_next: Callable[[BaseEvent], Any]) -> Any:
        self.seen.append((self.app.current_task_id, self.app.get_current_lane(), event))
        return call_next(event)

    def template(self) -> dict[str, Any]:
        resources: dict[str, Any] = template(self.core, "example:app", "prod", Settings(), rich.ZIPPED)["Resources"]
        return resources

    def call(self, event: dict[str, Any], task_id: str = "TaskID") -> Any:
        """Hand a raw event to a task, and what it was called with."""
        assert self.app.handle_invocation(event, None, task_id=task_id) is None
        (_, _, seen) = self.seen[-1]
        return seen


def test_the_first_example_prints_what_the_schedule_has_sent(capsys: pytest.CaptureFixture[str]) -> None:
    page = Page(FIRST)
    page.core.task_named("ScheduledTask1").enqueue()
    assert [type(outcome) for outcome in work(page.app)] == [Succeeded, Succeeded]
    assert capsys.readouterr().out == "{'foo': 'bar'}\n"
    (first, _, tick), (second, _, event) = page.seen
    assert (first, type(tick)) == ("ScheduledTask1", ScheduledEvent)
    assert (second, type(event)) == ("AsyncTask1", ManagedSQSEvent)
    assert (event.payload, event.source_task_id) == ({"foo": "bar"}, "ScheduledTask1")
    assert page.core.name == "project-name"


def test_the_first_example_is_a_function_and_a_queue_for_each_task_and_a_schedule() -> None:
    resources = Page(FIRST).template()
    names = {id: one["Properties"].get("FunctionName") for id, one in resources.items() if id.endswith("ALFunc")}
    assert names == {
        "ScheduledTask1ALFunc": "project-name-ScheduledTask1",
        "AsyncTask1ALFunc": "project-name-AsyncTask1",
    }
    (schedule,) = [one["Properties"] for one in resources.values() if one["Type"] == "AWS::Scheduler::Schedule"]
    assert schedule["ScheduleExpression"] == "rate(15 minutes)"


def test_a_deferred_value_is_made_once_in_a_process_and_before_the_task_asks_for_it() -> None:
    page = Page(HEAD, DEFER)
    drawn: list[int] = []

    def draw(low: int, high: int) -> int:
        drawn.append(high)
        return low

    page.module.random = SimpleNamespace(randint=draw)
    for _ in range(3):
        page.app.async_invoke("Task", None)
    assert drawn == []  # importing and sending need no value
    assert [type(outcome) for outcome in work(page.app)] == [Succeeded] * 3
    assert (drawn, page.module.cache.value) == ([100], 10)


def test_init_tasks_run_once_for_their_task_alone_with_its_id_or_without() -> None:
    page = Page(HEAD, DEFER)
    said: list[str] = []
    page.app.async_task("Other", init_tasks=[lambda: said.append("no id"), said.append])(lambda event: None)
    page.core = at_home(page.app)
    page.app.async_invoke("Task", None)
    work(page.app)
    assert said == []
    for _ in range(2):
        page.app.async_invoke("Other", None)
        work(page.app)
    assert said == ["no id", "Other"]


def test_an_async_task_is_told_its_payload_and_where_it_comes_from() -> None:
    page = Page(HEAD, ASYNC_TASK)
    page.app.async_invoke("TaskID", [1, "two", None])
    work(page.app)
    ((task, _, event),) = page.seen
    assert (task, event.payload, event.source_task_id) == ("TaskID", [1, "two", None], None)


def test_the_infinite_loop_is_stopped_and_its_path_stands_in_the_dead_letter() -> None:
    page = Page(HEAD, LOOP)
    page.app.async_invoke("Task1", {})
    outcomes = work(page.app)
    assert len(outcomes) == page.core.depth_budget + 2  # the first call, a hundred that follow, and the one that ends
    (letter,) = dead(page.app)
    assert letter.error.exception_class == "ebbtide.errors.LoopDetected"
    assert letter.error.message.endswith(
        "Task1 > Task2 > Task1 > Task2 > Task1 > Task2 > Task1 > Task2 > Task1 > Task2"
    )
    assert receive(page.core) == []


def test_a_value_above_the_limit_is_processed_in_the_second_lane() -> None:
    page = Page(HEAD, LANES)
    for value in (50_000, 50_001):
        page.app.async_invoke("SwitchBoard", {"value": value})
    work(page.app)
    processed = {event.payload["value"]: lane for task, lane, event in page.seen if task == "ProcessingTask"}
    assert processed == {50_000: 0, 50_001: 1}


def test_each_lane_has_its_own_queue_and_limit() -> None:
    page = Page(HEAD, LANES)
    queue = page.core.queues["ProcessingTask"]
    assert [queue.limit(lane) for lane in range(queue.lanes)] == [10, 2]
    for number in range(8):
        page.app.async_invoke("ProcessingTask", number, lane=number % 2)
    taken = [one.lane for one in receive(page.core)]
    assert (taken.count(0), taken.count(1)) == (4, 2)  # two of the four in lane 1 wait for those
    resources = page.template()
    for lane, limit in (("", 10), ("L1", 2)):
        mapping = resources[f"ProcessingTaskALFuncManagedSQS{lane}"]["Properties"]
        assert mapping["ScalingConfig"] == {"MaximumConcurrency": limit}
        assert mapping["EventSourceArn"] == {"Fn::GetAtt": [f"ProcessingTaskALQueue{lane}", "Arn"]}
        assert mapping["FunctionName"] == {"Ref": "ProcessingTaskALFunc"}


def test_an_unmanaged_queues_message_comes_as_it_is() -> None:
    record = {"eventSource": "aws:sqs", "messageId": "m", "body": "as it came", "eventSourceARN": "queue-arn"}
    event = Page(HEAD, UNMANAGED).call({"Records": [record]})
    assert isinstance(event, UnmanagedSQSEvent)
    assert event.body == "as it came"


def test_a_schedule_calls_its_task_with_an_event_of_its_own() -> None:
    page = Page(HEAD, SCHEDULED)
    page.core.task_named("TaskID").enqueue()
    work(page.app)
    ((_, _, event),) = page.seen
    assert isinstance(event, ScheduledEvent)


def test_a_request_has_headers_query_and_body() -> None:
    page = Page(HEAD, API)
    rest = {"path": "/test", "httpMethod": "GET", "headers": {"Accept": "a"}, "queryStringParameters": {"q": "1"}}
    event = page.call({**rest, "body": "text"})
    assert isinstance(event, APIEvent)
    assert (event.headers["accept"], event.querystring_params, event.body) == ("a", {"q": "1"}, "text")
    assert page.call({**rest, "queryStringParameters": None}).querystring_params == {}
