"""The reference holds: its tables are compared with the code, member by member and value by value."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypedDict
from uuid import UUID
from zoneinfo import ZoneInfo

import click
import msgspec
import pydantic
import pytest
from tests.docs.pages import DOCS, prose, tables

from ebbtide import errors
from ebbtide.app import App
from ebbtide.cli.main import COMMANDS, main
from ebbtide.cli.rehearse import command as rehearse
from ebbtide.connect.brokers import DEFAULT, VARIABLE, connect
from ebbtide.message import Lineage, Message
from ebbtide.on_lambda.settings import Settings
from ebbtide.queue import Queue
from ebbtide.retry import RetryPolicy
from ebbtide.task import Task
from ebbtide.triggers.bucket import Bucket
from ebbtide.triggers.cron import FIELDS, Field
from ebbtide.triggers.event_source import EventSource
from ebbtide.triggers.foreign_queue import ForeignQueue
from ebbtide.triggers.http import MAX_BODY
from ebbtide.triggers.http_problem import TITLES
from ebbtide.triggers.schedule import Schedule
from ebbtide.triggers.table_stream import TableStream
from ebbtide.triggers.topic import Topic
from ebbtide.values import ValueRefused, codec_for
from ebbtide.web import body, events, rules, server


class Colour(enum.Enum):
    RED = "#ff0000"


class Right(enum.Flag):
    READ = 1
    WRITE = 2


@dataclasses.dataclass
class Photo:
    name: str
    taken: date


class Size(NamedTuple):
    width: int
    height: int


class Address(TypedDict):
    street: str


class Order(pydantic.BaseModel):
    id: int
    paid: Decimal


class Point(msgspec.Struct):
    x: int
    y: int


class Connection:
    pass


_CLASSES = (date, datetime, time, timedelta, Decimal, UUID, ZoneInfo, Path, Mapping, Sequence, Colour, Right)
_WITH_FIELDS = (Photo, Size, Address, Order, Point, Connection)
_NAMES: dict[str, Any] = {thing.__name__: thing for thing in (*_CLASSES, *_WITH_FIELDS)}
_NAMES |= {"UTC": UTC, "Any": Any, "Literal": Literal}


def _code(cell: str) -> str:
    assert cell[0] == cell[-1] == "`", cell
    return cell[1:-1]


def _python(cell: str) -> Any:
    return eval(_code(cell), dict(_NAMES))  # noqa: S307 - the pages are ours


TYPES = tables("reference/types-that-travel.md")


@pytest.mark.parametrize("row", [row for table in TYPES[:-1] for row in table], ids=lambda row: f"{row[0]} {row[1]}")
def test_a_value_looks_on_the_wire_as_the_table_says(row: list[str]) -> None:
    codec, value = codec_for(_python(row[0])), _python(row[1])
    wire = json.dumps(codec.encode(value))
    assert wire == _code(row[2])
    back = codec.decode(json.loads(wire))
    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize("row", TYPES[-1], ids=lambda row: f"{row[0]} {row[1]}")
def test_what_does_not_travel_is_refused_with_the_reason_given(row: list[str]) -> None:
    with pytest.raises(ValueRefused, match=re.escape(row[2])):
        codec_for(_python(row[0])).encode(_python(row[1]))


def test_every_error_is_listed_once() -> None:
    listed = [_code(row[0]) for table in tables("reference/errors.md") for row in table]
    public = {
        name for name, thing in vars(errors).items() if isinstance(thing, type) and thing.__module__ == errors.__name__
    }
    assert sorted(listed) == sorted(public)


def test_the_second_table_of_errors_holds_the_reasons_nobody_catches() -> None:
    recorded = {_code(row[0]) for row in tables("reference/errors.md", "Recorded as a reason")[0]}
    verdicts = {
        name for name, thing in vars(errors).items() if isinstance(thing, type) and issubclass(thing, errors.Verdict)
    }
    assert recorded == verdicts | {"CallRefused"}


@pytest.mark.parametrize("kind", [Queue, RetryPolicy])
def test_the_fields_of_a_declaration_stand_in_the_configuration(kind: type[Queue] | type[RetryPolicy]) -> None:
    (table,) = tables("reference/configuration.md", kind.__name__)
    assert [(_code(name), _code(default)) for name, default, *_ in table] == [
        (field.name, repr(field.default)) for field in dataclasses.fields(kind)
    ]


@pytest.mark.parametrize(("section", "function"), [("App", App.__init__), ("Task", App.task)])
def test_the_parameters_of_app_and_task_stand_in_the_configuration(section: str, function: Any) -> None:
    (table,) = tables("reference/configuration.md", section)
    named = [p for p in inspect.signature(function).parameters.values() if p.default is not p.empty]
    shown = [(p.name, "time.time" if p.name == "clock" else repr(p.default)) for p in named]
    assert [(_code(name), _code(default)) for name, default, _ in table] == shown


def test_the_options_of_using_stand_in_the_configuration() -> None:
    (table,) = tables("reference/configuration.md", "Enqueue options")
    assert [_code(row[0]) for row in table] == list(inspect.signature(Task.using).parameters)[1:]


def test_the_environment_is_the_one_that_is_read() -> None:
    ((broker, runtime),) = tables("reference/configuration.md", "Environment")
    assert broker[:2] == [f"`{VARIABLE}`", f"`{DEFAULT}`"]
    read = {option.envvar for option in rehearse.params if isinstance(option, click.Option)}
    assert runtime[0].strip("`") in read


def test_the_environment_of_a_function_is_the_one_that_is_read() -> None:
    (table,) = tables("reference/configuration.md", "In a Lambda function")
    said = {_code(name).removeprefix("EBBTIDE_").lower(): default.strip("`") for name, default, _ in table}
    known = {
        **Settings._field_defaults,
        "metrics": 0,
        "raises": 0,
        "target": "",
        "stage": "",
        "secrets": "",
        "table_orders": "",
    }
    del known["tables"]
    assert said == {name: str(default) for name, default in known.items()}


def test_every_broker_url_that_is_shown_is_understood() -> None:
    (table,) = tables("reference/configuration.md", "Broker URLs")
    for url, _ in table:
        connect(_code(url), App())  # opens nothing yet


_FULL = Message(
    id="m",
    task="work",
    queue="default",
    lineage=Lineage("r", "p", 1, ("work",)),
    enqueued_at=1.0,
    run_after=1.0,
    expires_at=2.0,
    key="k",
    key_window=1.0,
    group="g",
    priority=1,
    headers={"a": "b"},
)
ENVELOPE = {_code(row[0]): row[1:] for row in tables("reference/envelope.md")[0]}


def test_the_members_of_the_envelope_are_those_that_are_written() -> None:
    least = Message("m", "work", "default", Lineage("m"), 1.0)
    assert sorted(ENVELOPE) == sorted(json.loads(_FULL.encode()))
    assert {name for name, (always, *_) in ENVELOPE.items() if always} == set(json.loads(least.encode()))


def test_the_defaults_of_the_envelope_are_those_of_a_message() -> None:
    least = Message("m", "work", "default", Lineage("m"), 1.0)
    for name, (_, default, _) in ENVELOPE.items():
        if default:
            assert json.loads(_code(default)) == getattr(least, name)


@pytest.mark.parametrize("name", [name for name, row in ENVELOPE.items() if "printable characters" in row[-1]])
def test_the_limits_of_text_are_those_that_are_checked(name: str) -> None:
    most = int(re.findall(r"1 to (\d+) printable", ENVELOPE[name][-1])[0])
    wire = json.loads(_FULL.encode())
    Message.decode(json.dumps(wire | {name: "x" * most}).encode())
    for wrong in ("", "x" * (most + 1), "\n"):
        with pytest.raises(errors.EnvelopeError, match=name):
            Message.decode(json.dumps(wire | {name: wrong}).encode())


def test_the_members_of_the_lineage_are_those_that_are_written() -> None:
    (table,) = tables("reference/envelope.md", "Lineage")
    assert {_code(row[0]) for row in table} == set(json.loads(_FULL.encode())["lineage"])
    for name, default, _ in table[1:]:
        assert json.loads(_code(default)) == _plain(getattr(Lineage("r"), _code(name)))


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _commands() -> dict[str, click.Command]:
    found: dict[str, click.Command] = {}
    for name, entry in COMMANDS.items():
        command: click.Command = entry.load().command
        inner = command.commands if isinstance(command, click.Group) else {}
        found |= {f"ebbtide {name} {sub}": inner[sub] for sub in inner} if inner else {f"ebbtide {name}": command}
    return found


def _options(command: click.Command) -> list[tuple[str, str]]:
    """What `--help` says: each option as it is written there, and its default."""
    context = click.Context(command)
    told = [p.get_help_record(context) for p in command.get_params(context) if isinstance(p, click.Option)]
    shown = [(name, re.findall(r"\[default: ([^;\]]+)", text)) for name, text in filter(None, told)]
    return [(name, default[0] if default else "") for name, default in shown if "--help" not in name]


@pytest.mark.parametrize("name", _commands())
def test_the_options_of_a_command_are_those_of_its_help(name: str) -> None:
    (table,) = tables("reference/cli.md", name)
    assert [(_code(option), default) for option, default, _ in table] == _options(_commands()[name])


def test_every_command_has_its_section_and_its_usage() -> None:
    text = prose("reference/cli.md")
    assert re.findall(r"^## (ebbtide .+)$", text, re.MULTILINE) == list(_commands())
    for name, command in _commands().items():
        takes = " ".join(command.collect_usage_pieces(click.Context(command))).removeprefix("[OPTIONS] ")
        assert f"`{name} {takes}`" in text


def test_the_options_of_ebbtide_itself_are_those_of_its_help() -> None:
    listed = [_code(row[0]) for row in tables("reference/cli.md", "The command line")[0]]
    assert listed[:-1] == [name for name, _ in _options(main)]


def test_the_exit_codes_are_those_the_help_names() -> None:
    listed = [_code(row[0]) for row in tables("reference/cli.md", "Exit codes")[0]]
    assert listed == re.findall(r"\b(\d+) [a-z]", (main.epilog or "").partition(".\n")[0])


def test_the_statuses_of_problems_are_those_there_are() -> None:
    (table,) = tables("reference/http.md", "Problems")
    assert [int(_code(status)) for status, _ in table] == list(TITLES)


def test_the_limits_of_the_web_are_those_that_are_kept() -> None:
    (table,) = tables("reference/http.md", "Limits")
    kept = [MAX_BODY, body.HELD, events.MAX_HEAD, server.MAX_CONNECTIONS, server.HEAD_SECONDS, body.SECONDS]
    kept += [server.IDLE_SECONDS, rules.LONGEST_WAIT]
    assert [float(value.split()[0].replace(",", "")) for _, value in table] == kept


def test_the_parameters_of_a_schedule_are_those_of_its_class() -> None:
    (table,) = tables("reference/schedules.md", "Schedules")
    known = []
    for parameter in inspect.signature(Schedule).parameters.values():
        default = {} if parameter.name == "arguments" else parameter.default  # a mapping that cannot be changed
        known.append((parameter.name, "" if default is parameter.empty else repr(default)))
    assert [(_code(name), default.strip("`")) for name, default, _ in table] == known


@pytest.mark.parametrize("trigger", [Bucket, Topic, ForeignQueue, TableStream])
def test_the_parameters_of_a_trigger_and_what_it_offers_are_those_of_its_class(trigger: type[EventSource]) -> None:
    parameters, offers = tables("reference/triggers.md", trigger.__name__)
    known = [
        (parameter.name, "" if parameter.default is parameter.empty else repr(parameter.default))
        for parameter in list(inspect.signature(trigger.__init__).parameters.values())[1:]
    ]
    assert [(_code(name), default.strip("`")) for name, default, _ in parameters] == known
    made = {Bucket: Bucket("uploads"), Topic: Topic("orders"), ForeignQueue: ForeignQueue("erp")}
    offered = made.get(trigger, TableStream("Orders")).offers
    shown = {_code(name): always for name, always, _ in offers}
    assert list(shown) == list(offered)
    assert {name for name, always in shown.items() if always != "no"} == {n for n, one in offered.items() if one.always}


_MARKS = {"*": "*", ",": "{},{}", "-": "{}-{}", "/": "{}/2", "?": "?", "L": "L", "W": "{}W", "#": "{}#1"}
_CRON_FIELDS, _CRON_MARKS = tables("reference/schedules.md", "cron")


@pytest.mark.parametrize(
    ("field", "row"), list(zip(FIELDS, _CRON_FIELDS, strict=True)), ids=[field.name for field in FIELDS]
)
def test_a_field_of_a_cron_takes_what_the_page_says(field: Field, row: list[str]) -> None:
    name, values, marks = row
    assert (name, *map(int, re.findall(r"\d+", values))) == (field.name, field.low, field.high)
    assert re.findall(r"[A-Z]{3}", values) == [*field.words[:1], *field.words[-1:]]
    low = 2028 if field.name == "year" else 2
    for mark, form in _MARKS.items():
        fields = {f.name: "?" if f.name == "day-of-week" else "*" for f in FIELDS}
        if field.name == "day-of-week":
            fields["day-of-month"] = "*" if mark == "?" else "?"
        elif mark == "?":
            fields["day-of-week"] = "*"
        fields[field.name] = form.format(low, low + 1)
        assert _is_schedule(fields) == (mark in _code(marks)), fields


@pytest.mark.parametrize("written", [code for row in _CRON_MARKS for code in re.findall(r"`([^`]+)`", row[0])])
def test_a_wildcard_that_is_shown_may_be_written(written: str) -> None:
    values = written.replace("A", "1").replace("B", "6").replace("N", "2") if written[0] in "A*" else written
    places = [
        {"month": values},
        {"day-of-month": values},
        {"day-of-month": values, "day-of-week": "*"},
        {"day-of-week": values, "day-of-month": "?"},
    ]
    assert any(_is_schedule({**dict.fromkeys((f.name for f in FIELDS), "*"), "day-of-week": "?", **p}) for p in places)


def _is_schedule(fields: dict[str, str]) -> bool:
    try:
        Schedule(f"cron({' '.join(fields.values())})")
    except errors.DeclarationError:
        return False
    return True


def test_the_pages_of_the_reference_are_all_compared() -> None:
    compared = {
        "async-lambda.md",  # by test_async_lambda_page.py
        "async-lambda-checklist.md",  # by test_async_lambda_checklist.py
        "async-lambda-config.md",  # by its own test, beside those of the configuration
        "cli.md",
        "configuration.md",
        "envelope.md",
        "errors.md",
        "http.md",
        "schedules.md",
        "settings.md",  # by test_settings_page.py
        "triggers.md",
        "types-that-travel.md",
    }
    assert {path.name for path in (DOCS / "reference").iterdir()} == compared
