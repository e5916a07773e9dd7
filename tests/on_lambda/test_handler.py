"""How a function tells events apart, and what it says of those it is not for."""

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from tests.on_lambda.stage import Context, Stage, record

from ebbtide.errors import TargetError
from ebbtide.on_lambda.handler import UnknownEvent
from ebbtide.on_lambda.limits import Watch
from ebbtide.on_lambda.settings import Settings

KINDS = ("requests", "payloads", "stream", "metrics")
EVENTS = Path(__file__).resolve().parents[1] / "events"


def sample(name: str) -> Any:
    return json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["s3", "s3_test_event", "sns", "eventbridge", "scheduler"])
def test_an_event_that_was_to_come_by_a_queue_is_refused_with_what_it_holds(name: str) -> None:
    with pytest.raises(UnknownEvent, match="this function is for queues"):
        Stage().function(sample(name), Context())


@pytest.mark.parametrize("event", [{}, {"Records": []}, {"Records": [{}]}, {"Records": "x"}, [], "text", 7, None])
def test_whatever_else_comes_is_refused_as_well(event: Any) -> None:
    with pytest.raises(UnknownEvent):
        Stage().function(event, Context())


@pytest.mark.parametrize("name", ["sqs", "sqs_fifo"])
def test_messages_of_a_queue_that_is_not_ours_are_buried_where_no_trigger_reads_them(name: str) -> None:
    stage = Stage()
    assert stage.function(sample(name), Context()) == {"batchItemFailures": []}
    assert len(stage.broker.buried) == len(sample(name)["Records"])


def test_a_function_of_a_queue_the_app_does_not_have_does_not_start() -> None:
    stage = Stage(settings=Settings("t:app", queue="defualt", stage="prod"))
    with pytest.raises(TargetError, match="Did you mean 'default'"):
        _ = stage.function


def test_http_and_streams_are_not_loaded_for_a_message() -> None:
    stage = Stage()

    @stage.app.task
    def note() -> None: ...

    for name in KINDS:
        sys.modules.pop(f"ebbtide.on_lambda.{name}", None)
    assert stage.invoke(record(note.message())) == []
    assert {"ebbtide.on_lambda.requests", "ebbtide.on_lambda.stream", "ebbtide.on_lambda.metrics"}.isdisjoint(
        sys.modules
    )


def test_a_watch_tells_once_of_what_is_late_and_nothing_of_what_has_ended() -> None:
    watch, told = Watch(), list[str]()
    called = threading.Event()

    def late() -> None:
        told.append("late")
        called.set()

    watch.start("long", 60.0, lambda: told.append("long"))
    watch.start("ends", 0.05, lambda: told.append("ends"))
    watch.stop("ends")
    watch.start("late", 0.05, late)
    assert called.wait(30)
    time.sleep(0.1)
    assert told == ["late"]
