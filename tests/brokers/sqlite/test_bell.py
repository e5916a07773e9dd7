"""The bell: who sleeps is woken by a ring for what it waits for, and nobody else is."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from threading import Thread

import pytest
from tests.brokers.sqlite.processes import PATIENCE, sleepers_in, until

from ebbtide.brokers.sqlite.bell import SLEEPERS, Bells

LONG = 30.0
"""Seconds: a sleep that only a bell ends in time."""


def never() -> bool:
    return False


@pytest.fixture
def bells(tmp_path: Path) -> Iterator[Bells]:
    """What a process has that rings and sleeps."""
    made = Bells(tmp_path)
    made.open()
    yield made
    made.close()


class Sleeper(Thread):
    """Somebody asleep in a thread; `awake` once it is not, `rung` if that was by a bell."""

    def __init__(self, bells: Bells, queues: Iterable[str], ready: Callable[[], bool] = never) -> None:
        super().__init__(daemon=True)
        self.bells, self.queues, self.ready = bells, list(queues), ready
        self.asleep = self.awake = self.rung = False
        self.start()

    def run(self) -> None:
        self.rung = self.bells.sleep(self.queues, LONG, self._look)
        self.awake = True

    def _look(self) -> bool:
        self.asleep = True
        return self.ready()


def asleep(bells: Bells, *queues: str) -> Sleeper:
    sleeper = Sleeper(bells, queues)
    until(lambda: sleeper.asleep)
    return sleeper


def pipes(folder: Path) -> set[str]:
    return {name for name in os.listdir(folder) if name.startswith("bell-")}


@pytest.mark.parametrize(
    ("waits_for", "rung"), [(["a"], "a"), (["a", "b"], "b"), (["a"], "*"), ([f"queue{n:030}" for n in range(9)], "z")]
)
def test_a_ring_ends_the_sleep(bells: Bells, waits_for: list[str], rung: str) -> None:
    sleeper = asleep(bells, *waits_for)
    bells.ring(rung, 1)
    sleeper.join(PATIENCE / 2)
    assert sleeper.rung


def test_a_ring_for_another_queue_does_not(bells: Bells) -> None:
    sleeper = asleep(bells, "images", "mail")
    for other in ("image", "imagess", "mai", "images+mail", "default"):
        bells.ring(other, 10)
    sleeper.join(0.05)
    assert not sleeper.awake
    bells.ring("images", 1)
    sleeper.join(PATIENCE / 2)
    assert sleeper.rung


def test_as_many_are_woken_as_there_is_work(bells: Bells) -> None:
    sleepers = [asleep(bells, "a") for _ in range(4)]
    bells.ring("a", 2)
    until(lambda: sum(sleeper.awake for sleeper in sleepers) == 2)
    time.sleep(0.05)
    assert sum(sleeper.awake for sleeper in sleepers) == 2
    bells.ring("a", 100)
    until(lambda: all(sleeper.awake for sleeper in sleepers))


def test_a_ring_wakes_a_sleeper_of_another_process(bells: Bells, tmp_path: Path) -> None:
    other = Bells(tmp_path)
    sleeper = asleep(other, "a")
    bells.ring("a", 1)
    sleeper.join(PATIENCE / 2)
    assert sleeper.rung
    other.close()


def test_a_pipe_serves_for_many_sleeps(bells: Bells, tmp_path: Path) -> None:
    for _ in range(3):
        sleeper = asleep(bells, "a")
        bells.ring("a", 1)
        sleeper.join(PATIENCE / 2)
        assert sleeper.rung
    assert pipes(tmp_path) == {"bell-0"}


def test_who_finds_something_ready_does_not_sleep(bells: Bells) -> None:
    sleeper = Sleeper(bells, ["a"], ready=lambda: True)
    sleeper.join(PATIENCE / 2)
    assert sleeper.awake
    assert not sleeper.rung


def test_a_ring_between_the_look_and_the_sleep_is_not_lost(bells: Bells) -> None:
    def ring_then_say_no() -> bool:
        bells.ring("a", 1)
        return False

    sleeper = Sleeper(bells, ["a"], ready=ring_then_say_no)
    sleeper.join(PATIENCE / 2)
    assert sleeper.rung


def test_a_sleep_ends_by_itself(bells: Bells) -> None:
    assert not bells.sleep(["a"], 0.01, never)


def test_a_look_that_fails_leaves_nobody_asleep_on_the_board(bells: Bells, tmp_path: Path) -> None:
    def fail() -> bool:
        raise ValueError("no look")

    with pytest.raises(ValueError, match="no look"):
        bells.sleep(["a"], LONG, fail)
    assert sleepers_in(tmp_path) == 0


def test_ringing_where_nobody_sleeps_is_fine(bells: Bells, tmp_path: Path) -> None:
    bells.ring("a", 5)
    assert os.listdir(tmp_path) == ["bells"]


def test_who_closes_takes_its_pipes_away_and_wakes_its_sleepers(bells: Bells, tmp_path: Path) -> None:
    other = Bells(tmp_path)
    sleeper = asleep(other, "a")
    other.wake_own()
    sleeper.join(PATIENCE / 2)
    other.close()
    assert pipes(tmp_path) == set()


def test_one_that_died_asleep_takes_nobody_elses_ring_and_gives_up_its_place(bells: Bells, tmp_path: Path) -> None:
    dead = Bells(tmp_path)
    script = "from pathlib import Path; import os, sys; from ebbtide.brokers.sqlite.bell import Bells; " + (
        "Bells(Path(sys.argv[1])).sleep(['a'], 60, lambda: os._exit(7))"
    )
    assert subprocess.run([sys.executable, "-c", script, str(tmp_path)], timeout=PATIENCE).returncode == 7
    assert pipes(tmp_path) == {"bell-0"}
    sleeper = asleep(dead, "a")
    assert pipes(tmp_path) == {"bell-0"}
    bells.ring("a", 1)
    sleeper.join(PATIENCE / 2)
    assert sleeper.rung
    dead.close()


def test_more_sleepers_than_places_nap(bells: Bells, tmp_path: Path) -> None:
    others = []
    for place in range(SLEEPERS):
        os.mkfifo(tmp_path / f"bell-{place}")
        others.append(os.open(tmp_path / f"bell-{place}", os.O_RDWR))
    assert not bells.sleep(["a"], 0.01, never)
    for other in others:
        os.close(other)
