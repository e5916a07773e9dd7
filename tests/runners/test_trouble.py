"""What is told of trouble with the storage, and how often."""

import logging

import pytest

from ebbtide.errors import StorageError, StorageFull, StorageLost
from ebbtide.runners.supervisor import NOT_YET_STARTABLE
from ebbtide.runners.trouble import Trouble

FULL = StorageFull("queue.db: the disk is full")


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> logging.Logger:
    return logging.getLogger("test-trouble")


def test_it_is_told_at_once_and_not_each_time(log: logging.Logger, caplog: pytest.LogCaptureFixture) -> None:
    trouble = Trouble(log)
    for _ in range(100):
        trouble(FULL)
    assert caplog.messages == ["queue.db: the disk is full; trying again"]


def test_another_one_is_told_at_once(log: logging.Logger, caplog: pytest.LogCaptureFixture) -> None:
    trouble = Trouble(log)
    trouble(FULL)
    trouble(StorageError("queue.db: it is damaged"))
    assert caplog.messages[1] == "queue.db: it is damaged; trying again"


def test_what_is_lost_for_good_ends_the_process(log: logging.Logger, caplog: pytest.LogCaptureFixture) -> None:
    codes: list[int] = []
    Trouble(log, codes.append)(StorageLost("queue.db: it was removed"))
    assert codes == [NOT_YET_STARTABLE]
    assert caplog.messages == ["queue.db: it was removed; this process ends"]
