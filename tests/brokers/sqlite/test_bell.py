"""The bell: who sleeps is woken by a ring for what it waits for, and nobody else is."""

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Thread

import pytest
from tests.brokers.sqlite.processes import PATIENCE, until

from ebbtide.brokers.sqlite import bell

LONG = 30.0
"""Seconds: a sleep that only a bell ends in time."""


def never() -> bool:
    return False


class Sleeper(Thread):
    """Somebody asleep in a thread; `awake` once rung."""

    def __init__(self, folder: Path, queues: Iterable[str], ready: Callable[[], bool] = never) -> None:
        super().__init__(daemon=True)
        self.folder, self.queues, self.ready = folder, list(queues), ready
        self.asleep = self.awake = False
        self.start()

    def run(self) -> None:
        bell.sleep(self.folder, self.queues, LONG, self._look)
        self.awake = True

    def _look(self) -> bool:
        self.asleep = True
        return self.ready()


def asleep(folder: Path, *queues: str) -> Sleeper:
    sleeper = Sleeper(folder, queues)
    until(lambda: sleeper.asleep)
    return sleeper


@pytest.mark.parametrize(
    ("waits_for", "rung"), [(["a"], "a"), (["a", "b"], "b"), (["a"], "*"), ([f"queue{n:030}" for n in range(9)], "z")]
)
def test_a_ring_ends_the_sleep(tmp_path: Path, waits_for: list[str], rung: str) -> None:
    sleeper = asleep(tmp_path, *waits_for)
    bell.ring(tmp_path, rung, 1)
    sleeper.join(PATIENCE / 2)
    assert sleeper.awake
    assert os.listdir(tmp_path) == []


def test_a_ring_for_another_queue_does_not(tmp_path: Path) -> None:
    sleeper = asleep(tmp_path, "images", "mail")
    for other in ("image", "imagess", "mai", "images+mail", "default"):
        bell.ring(tmp_path, other, 10)
    sleeper.join(0.05)
    assert not sleeper.awake
    bell.ring(tmp_path, "images", 1)
    sleeper.join(PATIENCE / 2)
    assert sleeper.awake


def test_as_many_are_woken_as_there_is_work(tmp_path: Path) -> None:
    sleepers = [asleep(tmp_path, "a") for _ in range(4)]
    bell.ring(tmp_path, "a", 2)
    until(lambda: sum(sleeper.awake for sleeper in sleepers) == 2)
    time.sleep(0.05)
    assert sum(sleeper.awake for sleeper in sleepers) == 2
    bell.ring(tmp_path, "a", 100)
    until(lambda: all(sleeper.awake for sleeper in sleepers))


def test_who_finds_something_ready_does_not_sleep(tmp_path: Path) -> None:
    sleeper = Sleeper(tmp_path, ["a"], ready=lambda: True)
    sleeper.join(PATIENCE / 2)
    assert sleeper.awake


def test_a_ring_between_the_look_and_the_sleep_is_not_lost(tmp_path: Path) -> None:
    def ring_then_say_no() -> bool:
        bell.ring(tmp_path, "a", 1)
        return False

    sleeper = Sleeper(tmp_path, ["a"], ready=ring_then_say_no)
    sleeper.join(PATIENCE / 2)
    assert sleeper.awake


def test_a_sleep_ends_by_itself_and_leaves_nothing(tmp_path: Path) -> None:
    bell.sleep(tmp_path, ["a"], 0.01, never)
    assert os.listdir(tmp_path) == []


def test_a_look_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> bool:
        raise ValueError("no look")

    with pytest.raises(ValueError, match="no look"):
        bell.sleep(tmp_path, ["a"], LONG, fail)
    assert os.listdir(tmp_path) == []


def test_ringing_where_nobody_sleeps_is_fine(tmp_path: Path) -> None:
    (tmp_path / "gate").touch()
    bell.ring(tmp_path, "a", 5)
    assert os.listdir(tmp_path) == ["gate"]


def test_the_pipe_of_one_that_died_asleep_is_removed_once_it_is_old(tmp_path: Path) -> None:
    pipe = tmp_path / f"bell-{'0' * 16}-a"
    os.mkfifo(pipe)
    bell.ring(tmp_path, "a", 1)
    assert pipe.exists()  # it may be about to be opened
    os.utime(pipe, (1, 1))
    bell.ring(tmp_path, "a", 1)
    assert not pipe.exists()


def test_a_dead_ones_pipe_takes_nobody_elses_ring(tmp_path: Path) -> None:
    for number in range(5):
        os.mkfifo(tmp_path / f"bell-{number:016}-a")
    sleeper = asleep(tmp_path, "a")
    bell.ring(tmp_path, "a", 1)
    sleeper.join(PATIENCE / 2)
    assert sleeper.awake
