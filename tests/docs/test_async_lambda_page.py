"""The pages on async-lambda's interface hold: signatures, events, variables, commands and names are the code's."""

import inspect
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from tests.deploy.template.rich import ZIPPED
from tests.docs.pages import prose, tables

from ebbtide.contrib import async_lambda
from ebbtide.contrib.async_lambda import AsyncLambdaController, BaseEvent, UnmanagedSQSEvent
from ebbtide.contrib.async_lambda.cli.main import COMMANDS
from ebbtide.contrib.async_lambda.names import AsyncLambdaPlace
from ebbtide.contrib.async_lambda.wire import Envelope
from ebbtide.deploy.checks.limits import MOST_RESOURCES
from ebbtide.deploy.template import template
from ebbtide.message import Lineage, Message
from ebbtide.queue import Queue

PAGE = "reference/async-lambda.md"
SOURCE = Path(async_lambda.__file__).parent
COMMON = ("timeout", "memory", "ephemeral_storage", "snap_start", "maximum_concurrency", "init_tasks")
DECORATORS = ("async_task", "async_batch_task", "sqs_task", "scheduled_task", "api_task", "dynamodb_task", "pure_task")


def _code(cell: str) -> str:
    assert cell[0] == cell[-1] == "`", cell
    return cell[1:-1]


def _shown(rows: list[list[str]]) -> list[tuple[str, str]]:
    return [(_code(name), default.strip("`")) for name, default, _ in rows]


def _known(function: Callable[..., Any], *but: str) -> list[tuple[str, str]]:
    """Parameters and their defaults, without `self` and those named."""
    parameters = inspect.signature(function).parameters.values()
    return [
        (p.name, "" if p.default is p.empty else repr(p.default)) for p in parameters if p.name not in ("self", *but)
    ]


def test_every_public_name_stands_on_the_page() -> None:
    text = prose(PAGE)
    assert [name for name in async_lambda.__all__ if not re.search(rf"[`#] ?{name}\b", text)] == []


def test_the_arguments_of_a_controller_are_those_of_its_class() -> None:
    arguments, _ = tables(PAGE, "AsyncLambdaController")
    assert _shown(arguments) == _known(AsyncLambdaController)


def test_the_methods_of_a_controller_are_all_there_with_their_arguments() -> None:
    (_, methods) = tables(PAGE, "AsyncLambdaController")
    shown = {_code(row[0]) for row in methods}
    own = {*DECORATORS, "async_invoke", "async_invoke_batch"}
    found = {name for name in dir(AsyncLambdaController) if not name.startswith("_")} - own
    assert shown == {_written(name, inspect.getattr_static(AsyncLambdaController, name)) for name in found}


def _written(name: str, member: Any) -> str:
    if isinstance(member, property):
        return name
    told = [one if not default else f"{one}={default}" for one, default in _known(member)]
    return f"{name}({', '.join(told)})"


@pytest.mark.parametrize("decorator", DECORATORS)
def test_the_arguments_of_a_decorator_are_those_of_its_method(decorator: str) -> None:
    (common,) = tables(PAGE, "Tasks")
    own = [row for table in tables(PAGE, decorator) for row in table]
    known = _known(getattr(AsyncLambdaController, decorator), "task_id")
    assert [name for name, _ in _shown(common)] == list(COMMON)
    assert sorted([*_shown(common), *_shown(own)]) == sorted(known)
    assert [name for name, _ in _shown(own)] == [name for name, _ in known if name not in COMMON]


@pytest.mark.parametrize("method", ["async_invoke", "async_invoke_batch"])
def test_the_arguments_of_what_invokes_are_those_of_its_method(method: str) -> None:
    (table,) = tables(PAGE, method)
    assert _shown(table) == _known(getattr(AsyncLambdaController, method))


def test_the_functions_of_the_module_are_all_there_with_their_defaults() -> None:
    (table,) = tables(PAGE, "Functions of the module")
    found = [name for name in async_lambda.__all__ if inspect.isfunction(getattr(async_lambda, name))]
    assert {_code(row[0]) for row in table} == {_written(name, getattr(async_lambda, name)) for name in found}


def test_every_event_shows_what_it_has() -> None:
    (table,) = tables(PAGE, "Events")
    for_queues = set(re.findall(r"`(\w+)`", prose(PAGE).partition("What SQS says:")[2].partition(". ")[0]))
    for name, cell in table:
        kind: type[BaseEvent] = getattr(async_lambda, _code(name))
        told = set(re.findall(r"`(\w+)(?:\(\))?`", cell)) | (for_queues if "what SQS says" in cell else set())
        assert told == _public(kind) - _public(BaseEvent), name
    assert for_queues == _public(UnmanagedSQSEvent) - _public(BaseEvent) - {"body", "json"}
    assert len(table) == sum(_is_event(getattr(async_lambda, name)) for name in async_lambda.__all__)


def _is_event(thing: Any) -> bool:
    return inspect.isclass(thing) and issubclass(thing, BaseEvent)


def _public(kind: type) -> set[str]:
    names = {name for base in kind.__mro__[:-1] for name in (*vars(base), *inspect.get_annotations(base))}
    return {name for name in names if not name.startswith("_")}


def test_the_members_of_the_envelope_are_those_that_are_written() -> None:
    (table,) = tables(PAGE, "The envelope")
    ours = Message("m", "B", "B", Lineage("m"), 1.0)
    inline = json.loads(Envelope("A", "B", "i", "1", None, "shop", ours).encode())
    stored = json.loads(Envelope("A", "B", "i", None, "k").encode())
    assert {_code(row[0]) for row in table} == inline.keys() | stored.keys()


def test_the_names_on_aws_are_those_of_a_place() -> None:
    (table,) = tables(PAGE, "Names on AWS")
    shown = {row[0]: [row[1].strip("`"), row[2]] for row in table}
    place, queue = AsyncLambdaPlace("NAME", "STAGE"), Queue("TASK", lanes=2)

    def general(text: str | None) -> str:
        return str(text).replace("NAME", "{name}").replace("TASK", "{task}").replace("STAGE", "{stage}")

    assert shown["function"] == [general(place.function(queue)), f"`{general(place.logical('function', queue))}`"]
    assert shown["queue of lane 0"] == [general(place.queue(queue)), f"`{general(place.logical('queue', queue))}`"]
    in_lane = general(place.queue(queue, 1)).replace("1", "{n}"), general(place.logical("queue", queue, 1))
    assert shown["queue of lane n"] == [in_lane[0], f"`{in_lane[1].replace('1', '{n}')}`"]
    assert shown["its role"][1] == f"`{general(place.logical('role', queue))}`"
    mappings = [general(place.logical("mapping", queue, lane)) for lane in (0, 1)]
    assert shown["its mapping"][1] == f"`{mappings[0]}`, `{mappings[1].replace('1', '{n}')}`"
    assert shown["log group"][0] == general(place.log_group(queue))
    assert shown["dead letters"] == [
        general(place.dead_letters(fifo=False)),
        f"`{general(place.logical('dead-letters'))}`",
    ]


def test_a_task_takes_as_much_of_a_stack_as_the_page_says_and_so_many_fit(tmp_path: Path) -> None:
    told = re.search(
        r"lane takes (\d+) of\s+them, and (\d+) more for each further lane.* (\d+) tasks with one\s+lane fit",
        prose(PAGE),
        re.DOTALL,
    )
    assert told
    one, lane, most = map(int, told.groups())
    first = _resources(tmp_path, 1)
    assert _resources(tmp_path, 2) - first == one
    assert _resources(tmp_path, 1, lanes=2) - first == lane
    assert first + one * (most - 1) <= MOST_RESOURCES < first + one * most


def _resources(folder: Path, tasks: int, lanes: int = 1) -> int:
    """Resources of an app with so many tasks, and something it depends on."""
    controller = AsyncLambdaController(lane_count=lanes)
    for number in range(tasks):
        controller.async_task(f"T{number}")(lambda event: None)
    app = controller.app()
    return len(template(app, "app:app", "prod", app.settings("prod", folder), ZIPPED)["Resources"])


def test_the_variables_are_those_that_the_code_knows() -> None:
    (table,) = tables(PAGE, "Environment")
    known = {
        name for file in SOURCE.rglob("*.py") for name in re.findall(r'"(ASYNC_LAMBDA_[A-Z0-9_]+)"', file.read_text())
    }
    assert {_code(row[0]) for row in table} == known


@pytest.mark.parametrize("name", COMMANDS)
def test_the_options_of_a_command_are_those_of_its_help(name: str) -> None:
    command: click.Command = COMMANDS[name].load().command
    context = click.Context(command)
    told = [one.get_help_record(context) for one in command.get_params(context) if isinstance(one, click.Option)]
    known = [(option, re.findall(r"\[default: ([^;\]]+)", text)) for option, text in filter(None, told)]
    rows = [row for table in tables(PAGE, f"async-lambda {name}") for row in table]
    assert [(_code(option), default) for option, default, _ in rows] == [
        (option, default[0] if default else "") for option, default in known if "--help" not in option
    ]
    takes = " ".join(command.collect_usage_pieces(context)).removeprefix("[OPTIONS]").strip()
    assert f"`async-lambda {name} {takes}".rstrip() + "`" in prose(PAGE)
