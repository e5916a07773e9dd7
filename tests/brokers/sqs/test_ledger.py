"""The ledger counts starts, and nothing else."""

import pytest
from tests.brokers.sqs.fake_table import FakeTable
from tests.fakes import Clock

from ebbtide.brokers.sqs.ledger import KEPT, Ledger


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(clock: Clock) -> Ledger:
    return Ledger(FakeTable(), clock)


def test_a_message_nobody_wrote_of_has_no_starts(ledger: Ledger) -> None:
    assert ledger.starts("default", ["a", "b"]) == {"a": 0, "b": 0}
    assert ledger.starts("default", []) == {}


def test_each_start_counts_for_its_message_and_queue_alone(ledger: Ledger) -> None:
    ledger.begun("default", "a")
    ledger.begun("default", "a")
    ledger.begun("other", "b")
    assert ledger.starts("default", ["a", "b"]) == {"a": 2, "b": 0}


def test_a_first_receipt_given_back_unspent_counts_against_it(ledger: Ledger) -> None:
    ledger.unspent("default", "a")
    assert ledger.starts("default", ["a"]) == {"a": -1}
    ledger.begun("default", "a")
    assert ledger.starts("default", ["a"]) == {"a": 0}


def test_an_item_past_its_time_counts_no_more_though_it_is_still_there(ledger: Ledger, clock: Clock) -> None:
    ledger.begun("default", "a")
    clock.forward(KEPT - 1)
    assert ledger.starts("default", ["a"]) == {"a": 1}
    clock.forward(2)
    assert ledger.starts("default", ["a"]) == {"a": 0}
