"""The shop of examples/async_lambda and the page's first example, in this process: on the embedded engine, and called
with events as Lambda hands them over. tests/acceptance/test_async_lambda.py has it deployed."""

import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.contrib.async_lambda.house import at_home, dead, work

from ebbtide.contrib.async_lambda import AsyncLambdaController, BaseEvent
from ebbtide.contrib.async_lambda.globals import config

FOLDER = Path(__file__).parents[2] / "examples" / "async_lambda"


@pytest.fixture(autouse=True)
def untouched() -> Iterator[None]:
    """async-lambda's settings hold for the whole process."""
    config.reset()
    yield
    config.reset()


def loaded(name: str, monkeypatch: pytest.MonkeyPatch) -> AsyncLambdaController:
    """The controller of one file, which finds src/ beside it as where it runs."""
    monkeypatch.syspath_prepend(str(FOLDER))
    _forget(monkeypatch)
    spec = importlib.util.spec_from_file_location(f"async_lambda_{name}", FOLDER / f"{name}.py")
    assert spec
    assert spec.loader
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    _forget(monkeypatch)
    controller: AsyncLambdaController = module.app
    at_home(controller)
    return controller


def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take src/ of whatever project out of the modules, so that each test has its own."""
    for name in [name for name in sys.modules if name == "src" or name.startswith("src.")]:
        monkeypatch.delitem(sys.modules, name)


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> AsyncLambdaController:
    return loaded("app", monkeypatch)


def printed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What tasks have printed, without the middleware's lines."""
    return [line for line in capsys.readouterr().out.splitlines() if not line.startswith("begin ")]


def test_the_first_example_sends_and_receives(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    app = loaded("first", monkeypatch)
    app.app().task_named("ScheduledTask1").enqueue()
    work(app)
    assert printed(capsys) == ["ScheduledTask1 {'foo': 'bar'}"]


def test_the_shop_has_every_kind_of_task(shop: AsyncLambdaController) -> None:
    kinds = {one.kind for one in shop.app().declared.values()}
    assert kinds == {"async", "batch", "sqs", "scheduled", "api", "dynamodb"}
    assert shop.app().name == "shop"


def test_a_request_is_answered_and_starts_tasks(
    shop: AsyncLambdaController, capsys: pytest.CaptureFixture[str]
) -> None:
    request = {"path": "/orders", "httpMethod": "POST", "headers": {"User-Agent": "me"}}
    order = json.dumps({"order": "A-1", "total": 20, "letter": "long"})
    answer = shop.handle_invocation({**request, "body": order, "queryStringParameters": None}, None, task_id="Place")
    assert (answer["statusCode"], answer["headers"]["X-Agent"]) == (202, "me")
    work(shop)
    assert printed(capsys) == ["archived 4, True in the queue, from None"]
    assert {name: _depth(shop, name) for name in ("Confirm", "Remind", "billing-Invoice")} == {
        "Confirm": (0, 1),
        "Remind": (0, 1),
        "billing-Invoice": (1, 0),
    }


def _depth(shop: AsyncLambdaController, queue: str) -> tuple[int, int]:
    (depth,) = shop.app().broker.depth(queue)
    return depth.ready, depth.delayed


def test_a_request_without_a_query_is_answered(shop: AsyncLambdaController) -> None:
    event = {"path": "/orders/7", "httpMethod": "GET", "pathParameters": {"order": "7"}, "queryStringParameters": None}
    answer = shop.handle_invocation(event, None, task_id="Show")
    assert answer["body"] == "7 in short"


def test_events_of_a_queue_and_a_table_start_their_tasks(
    shop: AsyncLambdaController, capsys: pytest.CaptureFixture[str]
) -> None:
    message = {"eventSource": "aws:sqs", "messageId": "m", "body": '{"article": "tea"}'}
    change = {"eventSource": "aws:dynamodb", "dynamodb": {"NewImage": {"order": {"S": "E-1"}}}}
    shop.handle_invocation({"Records": [message]}, None, task_id="Sold")
    shop.handle_invocation({"Records": [change]}, None, task_id="Changed")
    work(shop)
    said = printed(capsys)
    assert said[:2] == ["sold tea", "changed None to {'order': {'S': 'E-1'}}"]
    assert sum(int(line.split()[1]) for line in said if line.startswith("counted ")) == 6


def test_the_second_lane_is_kept_where_there_is_one(
    shop: AsyncLambdaController, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.async_invoke("Switchboard", {"value": 60_000})
    work(shop)
    assert sorted(printed(capsys)) == [
        "ended 60000 in lane 1",
        "processed 60000 in lane 1 from Switchboard",
        "switched 60000 in lane 0",
    ]


def test_the_clocks_task_invokes_one_whose_init_tasks_run_once(
    shop: AsyncLambdaController, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        shop.app().task_named("Tick").enqueue()
        work(shop)
    tally = "tally {'foo': 'bar'} from Tick: True"
    assert printed(capsys) == ["rolled", "init of Tally", tally, tally]


def test_the_loop_ends_as_a_dead_letter_with_its_path(shop: AsyncLambdaController) -> None:
    shop.async_invoke("Ping", {})
    work(shop)
    (letter,) = dead(shop)
    assert letter.error.exception_class == "ebbtide.errors.LoopDetected"
    assert letter.error.message.endswith("Pong > Ping > Pong > Ping > Pong")


def test_dead_letters_of_both_controllers_go_to_the_task_for_them(shop: AsyncLambdaController) -> None:
    queues = shop.app().queues
    assert {name: queues[name].dead_letters for name in ("Charge", "Processing", "Tally", "Letters")} == {
        "Charge": "Letters",
        "Processing": "Letters",
        "Tally": None,
        "Letters": None,
    }


def test_middleware_is_around_every_task(shop: AsyncLambdaController) -> None:
    assert all(one.layers and one.layers[0][0] == (BaseEvent,) for one in shop.app().declared.values())


def test_the_example_config_is_read_and_gives_prod_a_domain(shop: AsyncLambdaController) -> None:
    told: Any = shop.app().settings("prod", FOLDER)
    assert told.api.domain["name"] == "shop.example.com"
    assert shop.app().settings("dev", FOLDER).api.domain == {}
