"""One line a task."""

import logging
from collections.abc import Iterator

import pytest
from tests.fakes import message

from ebbtide.broker import Delivery
from ebbtide.outcome import Failed, NotYet, Outcome, Succeeded, TryAgain
from ebbtide.result import TaskError
from ebbtide.runners.report import Reporter

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
        (NotYet(90.0), "INFO work m1 is not due for 90.0 s"),
        (TryAgain(ASKED, 30.0, 1.0, 2.0), "INFO work m1 asks to run again, in 30.0 s: not there yet"),
        (TryAgain(ERROR, 0.5, 1.0, 2.0), "WARNING work m1 failed, again in 500 ms: ValueError: no"),
        (Failed(ERROR, 1.0, 2.0), "ERROR work m1 failed for good, now a dead letter: ValueError: no"),
    ],
)
def test_every_outcome_is_one_line_at_its_level(kept: Kept, outcome: Outcome, line: str) -> None:
    assert told(kept, outcome) == [line]


def test_from_the_second_attempt_on_its_number_is_told(kept: Kept) -> None:
    assert told(kept, Succeeded("1", 0.0, 0.001), attempt=3) == ["INFO work m1 succeeded in 1 ms (attempt 3)"]


@pytest.mark.parametrize("outcome", [Succeeded("1", 1.0, 2.0), NotYet(1.0), TryAgain(ASKED, 30.0, 1.0, 2.0)])
def test_what_is_no_fault_is_not_told_at_warning_level(kept: Kept, outcome: Outcome) -> None:
    assert told(kept, outcome, logging.WARNING) == []


def test_a_message_that_is_none_of_ours_is_named_by_its_queue(kept: Kept) -> None:
    (line,) = told(kept, Failed(ERROR, 1.0, 2.0), body=b"?")
    assert line.startswith("ERROR a message on queue default that is none of ours failed for good")
