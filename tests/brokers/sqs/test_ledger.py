"""The ledger counts starts, and nothing else."""

import pytest
from tests.brokers.sqs.fake_table import FakeTable
from tests.fakes import Clock

from ebbtide.brokers.sqs.ledger import KEPT, Ledger, Written


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(clock: Clock) -> Ledger:
    return Ledger(FakeTable(), clock)


def test_a_message_nobody_wrote_of_has_no_starts(ledger: Ledger) -> None:
    assert ledger.of("default", ["a", "b"]) == {"a": Written(0, False), "b": Written(0, False)}
    assert ledger.of("default", []) == {}


def test_each_start_counts_for_its_message_and_queue_alone(ledger: Ledger) -> None:
    ledger.begun("default", "a")
    ledger.begun("default", "a")
    ledger.begun("other", "b")
    assert ledger.of("default", ["a", "b"]) == {"a": Written(2), "b": Written(0)}


def test_a_start_that_counts_for_nothing_is_taken_back(ledger: Ledger) -> None:
    ledger.begun("default", "a")
    ledger.begun("default", "a")
    ledger.unspent("default", "a")
    assert ledger.of("default", ["a"]) == {"a": Written(1)}


def test_a_first_receipt_given_back_unused_is_noted_once_however_often_it_is_said(ledger: Ledger) -> None:
    ledger.unused("default", "a")
    ledger.unused("default", "a")
    ledger.begun("default", "a")
    assert ledger.of("default", ["a"]) == {"a": Written(1, True)}


def test_an_item_past_its_time_counts_no_more_though_it_is_still_there(ledger: Ledger, clock: Clock) -> None:
    ledger.begun("default", "a")
    clock.forward(KEPT - 1)
    assert ledger.of("default", ["a"]) == {"a": Written(1)}
    clock.forward(2)
    assert ledger.of("default", ["a"]) == {"a": Written(0)}
