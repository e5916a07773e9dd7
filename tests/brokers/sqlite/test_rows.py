"""Between rows of the file and the core's values: nothing is lost on the way."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ebbtide.broker import Delivery, Settlement
from ebbtide.brokers.sqlite import rows
from ebbtide.result import Report, Status, TaskError

anything = st.text(st.characters(codec=None))


@given(st.integers(1, 2**62), st.integers(1, 2**31), st.text(min_size=1))
def test_a_receipt_tells_row_claim_and_id_whatever_the_id(seq: int, claim: int, id: str) -> None:
    delivery = rows.delivery(Path(), "q", 1, (0, seq, id, claim, 1, b"", 0, None))
    assert rows.held(delivery) == (seq, id, claim)


@given(anything, anything, anything, st.integers(1, 100))
def test_an_error_comes_back_as_it_was(kind: str, said: str, trace: str, attempt: int) -> None:
    failure = TaskError(kind, said, trace, attempt)
    report = Report("m1", "work", Status.READY, attempt, 0, 0, error=failure)
    stored = rows.error(Settlement(Delivery(b"", "q", 0, "1:1:m1", attempt), report))
    record = rows.record(("m1", "work", 1, attempt, 0.0, None, None, None, f"[{stored}]"))
    assert record.errors == (failure,)


def test_states_are_told_in_the_words_of_results() -> None:
    told = [rows.record(("m1", "work", state, 1, 0.0, None, None, "null", None)).status for state in range(5)]
    assert told == [Status.READY, Status.READY, Status.RUNNING, Status.SUCCESSFUL, Status.FAILED]


def test_what_is_done_without_a_value_has_failed_and_its_dead_letter_went_elsewhere() -> None:
    assert rows.record(("m1", "work", 3, 1, 0.0, None, None, None, None)).status is Status.FAILED


def test_no_age_is_below_zero_when_the_clock_went_back() -> None:
    assert rows.depth((1, 1, 0, 0, 100.0, 50.0), now=60.0)[4:] == (0.0, 0.0)
