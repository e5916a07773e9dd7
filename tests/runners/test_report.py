"""One line a task."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from tests.fakes import NOON, message

from ebbtide.broker import Delivery
from ebbtide.message import Lineage, Message
from ebbtide.outcome import Failed, NotYet, Outcome, Skipped, Succeeded, TryAgain
from ebbtide.result import TaskError
from ebbtide.runners.report import Reporter, facts

ERROR = TaskError("builtins.ValueError", "no", "Traceback ...", 1)
ASKED = TaskError("ebbtide.errors.Retry", "not there yet", "", 1)


class Kept(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[tuple[int, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append((record.levelno, record.getMessage()))


@pytest.fixture
def kept() -> Iterator[Kept]:
    handler = Kept()
    yield handler
    logging.getLogger("test-report").removeHandler(handler)


def told(kept: Kept, outcome: Outcome, level: int = logging.INFO, attempt: int = 1, body: bytes = b"") -> list[str]:
    log = logging.getLogger("test-report")
    log.propagate = False
    log.addHandler(kept)
    log.setLevel(level)
    Reporter(log)(Delivery(body or message("m1", "work").encode(), "default", 0, "m1:1", attempt), outcome)
    return [f"{logging.getLevelName(level)} {text}" for level, text in kept.lines]


@pytest.mark.parametrize(
    ("outcome", "line"),
    [
        (Succeeded("1", 10.0, 10.0124), "INFO work m1 succeeded in 12 ms"),
        (Succeeded("1", 10.0, 13.25), "INFO work m1 succeeded in 3.2 s"),
        (Skipped(), "INFO work m1 was run to its end before; this copy of it is not run"),
        (NotYet(90.0), "INFO work m1 is not due for 90.0 s"),
        (NotYet(30.0, "no\nnetwork"), r"INFO work m1 waits 30.0 s: no\nnetwork"),
        (TryAgain(ASKED, 30.0, 1.0, 2.0), "INFO work m1 asks to run again, in 30.0 s: not there yet"),
        (TryAgain(ERROR, 0.5, 1.0, 2.0), "WARNING work m1 failed, again in 500 ms: ValueError: no"),
        (Failed(ERROR, 1.0, 2.0), "ERROR work m1 failed for good, now a dead letter: ValueError: no"),
    ],
)
def test_every_outcome_is_one_line_at_its_level(kept: Kept, outcome: Outcome, line: str) -> None:
    assert told(kept, outcome) == [line]


def test_from_the_second_attempt_on_its_number_is_told(kept: Kept) -> None:
    assert told(kept, Succeeded("1", 0.0, 0.001), attempt=3) == ["INFO work m1 succeeded in 1 ms (attempt 3)"]


@pytest.mark.parametrize("outcome", [Succeeded("1", 1.0, 2.0), Skipped(), NotYet(1.0), TryAgain(ASKED, 30.0, 1.0, 2.0)])
def test_what_is_no_fault_is_not_told_at_warning_level(kept: Kept, outcome: Outcome) -> None:
    assert told(kept, outcome, logging.WARNING) == []


def test_a_message_that_is_none_of_ours_is_named_by_its_queue(kept: Kept) -> None:
    (line,) = told(kept, Failed(ERROR, 1.0, 2.0), body=b"?")
    assert line.startswith("ERROR a message on queue default that is none of ours failed for good")


HOSTILE = "a\r\nERROR  b \x1b[2J\x00\u2028 %s {}"


def test_what_a_line_quotes_begins_no_line_of_its_own(kept: Kept) -> None:
    (line,) = told(kept, Failed(ERROR._replace(message=HOSTILE), 1.0, 2.0))
    assert line.isprintable()
    assert line.endswith(r"ValueError: a\r\nERROR  b \x1b[2J\x00\u2028 %s {}")


def facts_of(outcome: Outcome, attempt: int = 1, **fields: Any) -> dict[str, Any]:
    return facts(Delivery(message("m1", "work", **fields).encode(), "default", 2, "m1:1", attempt), outcome)


def test_facts_say_what_ran_where_and_how_long() -> None:
    assert facts_of(Succeeded("1", NOON + 0.25, NOON + 1.5)) == {
        **{"task": "work", "id": "m1", "queue": "default", "lane": 2, "attempt": 1, "status": "succeeded"},
        **{"wait_ms": 250.0, "duration_ms": 1250.0, "root": "m1"},
    }


def test_a_wait_begins_when_the_message_is_due_and_only_a_first_attempt_has_one() -> None:
    assert facts_of(Succeeded("1", NOON + 60.5, NOON + 61), run_after=NOON + 60)["wait_ms"] == 500.0
    assert "wait_ms" not in facts_of(Succeeded("1", NOON + 60.5, NOON + 61), attempt=2)


@pytest.mark.parametrize(
    ("outcome", "status", "again", "error"),
    [
        (NotYet(1.5), "postponed", 1500.0, None),
        (TryAgain(ERROR, 0.5, 1.0, 2.0), "retried", 500.0, {"type": "builtins.ValueError", "message": "no"}),
        (Failed(ERROR, 1.0, 2.0), "failed", None, {"type": "builtins.ValueError", "message": "no"}),
    ],
)
def test_facts_say_what_comes_next_and_why(
    outcome: Outcome, status: str, again: float | None, error: dict[str, str] | None
) -> None:
    found = facts_of(outcome)
    assert (found["status"], found.get("again_in_ms"), found.get("error")) == (status, again, error)


TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize(
    ("header", "trace"), [(f"00-{TRACE}-00f067aa0ba902b7-01", TRACE), ("00-x-y-01", None), (f"{TRACE}\n", None)]
)
def test_facts_name_the_chain_and_the_trace(header: str, trace: str | None) -> None:
    sent = Message("m2", "work", "default", Lineage("m0", "m1", 2), NOON, headers={"traceparent": header})
    found = facts(Delivery(sent.encode(), "default", 0, "r", 1), Succeeded("1", NOON, NOON))
    assert (found["root"], found["parent"], found.get("trace_id")) == ("m0", "m1", trace)


def test_facts_of_what_is_none_of_ours_name_its_queue() -> None:
    found = facts(Delivery(b"?", "default", 0, "r", 1), Failed(ERROR, 1.0, 1.0))
    assert (found["queue"], "task" in found, "root" in found) == ("default", False, False)
