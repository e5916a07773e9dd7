"""Every record is one line of JSON, whatever is in it."""

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import NOON, message

from ebbtide.broker import Delivery, current
from ebbtide.outcome import Failed, Succeeded
from ebbtide.result import TaskError
from ebbtide.runners.logs import JsonLines, line, peak_memory
from ebbtide.runners.report import Reporter

HOSTILE = [
    "a\r\nb",
    "\x1b[2J",
    "\x00",
    "\u2028\u2029\x85\x0b",
    "%s %d %(x)s",
    '{"event": "forged"}\n{"a": 1}',
    "\ud800",
    '"\\',
]


class Lines(logging.Handler):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonLines())
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def lines() -> Iterator[Lines]:
    handler, log = Lines(), logging.getLogger("test-logs")
    log.propagate = False
    log.setLevel(logging.INFO)
    log.addHandler(handler)
    yield handler
    log.removeHandler(handler)


LOG = logging.getLogger("test-logs")


def only(lines: Lines) -> dict[str, Any]:
    (text,) = lines.lines
    assert text.isascii()
    assert text.isprintable()
    found: dict[str, Any] = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    return found


def test_a_tasks_end_is_one_event_with_its_facts(lines: Lines) -> None:
    delivery = Delivery(message("m1", "work").encode(), "default", 0, "r", 1)
    Reporter(LOG)(delivery, Succeeded("1", NOON + 1, NOON + 2))
    found = only(lines)
    assert (found["event"], found["level"], found["task"], found["id"]) == ("task", "INFO", "work", "m1")
    assert (found["wait_ms"], found["duration_ms"], found["status"]) == (1000.0, 1000.0, "succeeded")
    assert found["memory_mb"] > 1
    assert found["pid"] > 0
    assert datetime.fromisoformat(found["time"]).utcoffset() is not None
    assert found["time"].endswith("Z")
    assert len(found["time"]) == len("2027-01-01T12:00:00.000Z")


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_what_an_error_says_stays_within_its_field(lines: Lines, text: str) -> None:
    delivery = Delivery(message("m1", "work").encode(), "default", 0, "r", 1)
    Reporter(LOG)(delivery, Failed(TaskError("x.E", text, "", 1), NOON, NOON))
    found = only(lines)
    assert found["error"] == {"type": "x.E", "message": text}
    assert found["event"] == "task"


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_what_a_task_logs_stays_within_its_field(lines: Lines, text: str) -> None:
    # Not through a logger: what is logged goes into pytest's report, which cannot carry a lone surrogate.
    lines.handle(logging.makeLogRecord({"msg": text, "levelno": logging.WARNING, "levelname": "WARNING"}))
    assert (only(lines)["message"], only(lines)["event"]) == (text, "log")


@given(st.text(), st.text(), st.dictionaries(st.text(), st.floats() | st.text() | st.binary()))
def test_any_text_and_any_value_makes_one_line(text: str, name: str, values: dict[str, object]) -> None:
    record = logging.makeLogRecord({"msg": text, "name": name, "order": values, "rate": float("nan")})
    written = JsonLines().format(record)
    assert written.isascii()
    assert written.isprintable()
    assert json.loads(written, parse_constant=pytest.fail)["message"] == text


def test_an_exception_is_logged_with_its_traceback(lines: Lines) -> None:
    try:
        raise KeyError("k\nl")
    except KeyError:
        LOG.exception("it broke")
    error = only(lines)["error"]
    assert error["type"] == "builtins.KeyError"
    assert "raise KeyError" in error["traceback"]


def test_extra_fields_are_kept_as_json_has_them(lines: Lines) -> None:
    LOG.info("paid", extra={"order": 42, "by": "card", "rate": 1.5, "at": datetime(2027, 1, 1), "none": None})
    assert only(lines)["extra"] == {
        **{"order": 42, "by": "card", "rate": 1.5, "none": None},
        "at": "datetime.datetime(2027, 1, 1, 0, 0)",
    }


def test_what_is_logged_within_a_task_names_it(lines: Lines) -> None:
    token = current.set(Delivery(message("m1", "work").encode(), "default", 0, "r", 3))
    LOG.info("half way")
    current.reset(token)
    assert [only(lines)[name] for name in ("task", "id", "attempt")] == ["work", "m1", 3]


def test_arguments_that_do_not_fit_are_told_raw() -> None:
    record = logging.makeLogRecord({"msg": "%d", "args": ("x",)})
    assert json.loads(JsonLines().format(record))["message"] == "%d ('x',)"


def test_an_event_of_our_own_has_its_facts() -> None:
    found = json.loads(line("INFO", "worker_started", NOON, processes=2))
    assert (found["event"], found["processes"], found["time"]) == ("worker_started", 2, "2027-01-15T08:00:00.000Z")


def test_the_peak_of_memory_is_in_megabytes() -> None:
    assert 5 < peak_memory() < 100_000


SCRIPT = """
import warnings, logging
from ebbtide.runners.logs import set_up
set_up("WARNING", "json")
warnings.warn("old")
logging.getLogger("shop").info("not told")
logging.getLogger("ebbtide.worker").info("told", extra={"event": "process_started"})
raise ValueError("the end")
"""


def test_warnings_and_what_ends_a_process_are_lines_too() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60)
    events = [json.loads(text) for text in done.stderr.splitlines()]
    assert [event["event"] for event in events] == ["log", "process_started", "process_ended_by_error"]
    assert "old" in events[0]["message"]
    assert (events[2]["level"], events[2]["error"]["message"], done.returncode) == ("CRITICAL", "the end", 1)
