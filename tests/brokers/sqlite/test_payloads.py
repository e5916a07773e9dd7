"""The claim check: large bodies wait in files of their own, and no file outlives its message."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.fakes import message

from ebbtide.broker import Settlement
from ebbtide.brokers.sqlite import SqliteBroker, payloads
from ebbtide.errors import KeyConflict
from ebbtide.queue import Queue
from ebbtide.result import Report, Status, TaskError

QUEUE = Queue()
LARGE = ["x" * payloads.INLINE]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[SqliteBroker]:
    made = SqliteBroker(tmp_path / "queue.db", durable=False)
    yield made
    made.close()


def files(broker: SqliteBroker) -> list[str]:
    return [name for name in os.listdir(f"{broker.path}-run") if name.startswith("payload")]


def send(broker: SqliteBroker, *ids: str, **fields: Any) -> None:
    broker.send([message(id, **fields) for id in ids])


def test_a_small_body_stays_in_its_row(broker: SqliteBroker) -> None:
    send(broker, "a")
    assert files(broker) == []


@pytest.mark.parametrize("keep", [0.0, 60.0])
def test_the_file_is_there_until_the_message_is_done(broker: SqliteBroker, keep: float) -> None:
    send(broker, "a", args=LARGE)
    assert len(files(broker)) == 1
    (delivery,) = broker.receive([QUEUE], 1)
    assert len(files(broker)) == 1
    broker.ack([Settlement(delivery, Report("a", "work", Status.SUCCESSFUL, 1, keep, 0, 0, 0, "1"))])
    assert files(broker) == []


def test_a_dead_letter_keeps_its_file_until_it_is_dropped(broker: SqliteBroker) -> None:
    send(broker, "a", args=LARGE)
    (delivery,) = broker.receive([QUEUE], 1)
    error = TaskError("builtins.ValueError", "", "", 1)
    broker.bury([Settlement(delivery, Report("a", "work", Status.FAILED, 1, 60, 0, 0, 0, None, error))])
    assert len(files(broker)) == 1
    broker.drop(["a"])
    assert files(broker) == []


def test_an_acknowledgement_that_is_rolled_back_keeps_the_file(broker: SqliteBroker) -> None:
    send(broker, "a", args=LARGE)
    (delivery,) = broker.receive([QUEUE], 1)

    def settle_and_fail() -> None:
        with broker.together():
            broker.ack([Settlement(delivery)])
            raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        settle_and_fail()
    assert len(files(broker)) == 1
    assert broker.ack([Settlement(delivery)]) == 1


def test_nothing_is_written_outside_of_the_folder(broker: SqliteBroker, tmp_path: Path) -> None:
    send(broker, "a", args=LARGE)
    before = {path for path in tmp_path.rglob("*") if path.parent != Path(f"{broker.path}-run")}
    for id in ("../b", "../../b", "a/../../b", "/b"):
        send(broker, id, args=LARGE)
    assert {path for path in tmp_path.rglob("*") if path.parent != Path(f"{broker.path}-run")} == before
    assert not (tmp_path.parent / "b").exists()


def test_a_file_without_a_row_is_swept_away_once_it_is_old(broker: SqliteBroker) -> None:
    send(broker, "a", key="k")
    with pytest.raises(KeyConflict):
        send(broker, "b", key="k", args=LARGE)
    send(broker, "c", args=LARGE)
    broker.purge()
    assert len(files(broker)) >= 1
    for name in files(broker):
        os.utime(f"{broker.path}-run/{name}", (1, 1))
    broker.purge()
    assert len(files(broker)) == 1
    assert [d.message.id for d in broker.receive([QUEUE], 10) if d.message.args == LARGE] == ["c"]


def test_a_message_whose_file_is_gone_is_no_envelope(broker: SqliteBroker) -> None:
    send(broker, "a", args=LARGE)
    for name in files(broker):
        os.unlink(f"{broker.path}-run/{name}")
    assert broker.receive([QUEUE], 1)[0].body == b""
