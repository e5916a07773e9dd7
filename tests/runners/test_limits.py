"""The time limit of a queue, in processes that are ended by it."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PRELUDE = """
import ctypes, os, sys, time
from threading import Thread
from ebbtide.runners.limits import TimeLimit

words = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT | os.O_APPEND)
limit = TimeLimit(words)
"""


@pytest.fixture
def words(tmp_path: Path) -> Path:
    return tmp_path / "words"


def code_of(words: Path, script: str) -> int:
    """The exit code of a process that runs this after the prelude."""
    return subprocess.run([sys.executable, "-c", PRELUDE + script, str(words)], timeout=30).returncode


def test_a_process_whose_task_overruns_is_ended_and_leaves_its_stack(words: Path) -> None:
    assert code_of(words, "def hang():\n  while True: pass\nlimit.start('a', 0.1)\nhang()") == -signal.SIGALRM
    assert "in hang" in words.read_text()


def test_so_is_one_that_is_stuck_in_c_code(words: Path) -> None:
    script = "def hang(): ctypes.PyDLL(None).sleep(30)  # PyDLL keeps the GIL\nlimit.start('a', 0.1)\nhang()"
    began = time.monotonic()
    assert code_of(words, script) == -signal.SIGALRM
    assert time.monotonic() - began < 20
    assert "in hang" in words.read_text()


def test_the_stacks_of_all_threads_are_left(words: Path) -> None:
    script = """
def hang(): time.sleep(30)
def other(): time.sleep(30)
Thread(target=other, daemon=True).start()
limit.start('a', 0.2)
hang()
"""
    assert code_of(words, script) == -signal.SIGALRM
    assert "in hang" in words.read_text()
    assert "in other" in words.read_text()


def test_a_task_that_ends_in_time_ends_nothing(words: Path) -> None:
    assert code_of(words, "limit.start('a', 0.1)\nlimit.stop('a')\ntime.sleep(0.3)") == 0
    assert words.read_text() == ""


def test_the_earliest_of_several_deadlines_counts(words: Path) -> None:
    script = "limit.start('a', 60)\nlimit.start('b', 0.1)\nlimit.start('c', 60)\ntime.sleep(20)"
    assert code_of(words, script) == -signal.SIGALRM


def test_when_the_earliest_has_ended_the_next_one_counts(words: Path) -> None:
    script = "limit.start('a', 0.1)\nlimit.start('b', 0.8)\nlimit.stop('a')\ntime.sleep(0.2)\n"
    assert code_of(words, script) == 0
    assert code_of(words, script + "time.sleep(20)") == -signal.SIGALRM


def test_one_that_was_never_started_may_be_stopped(words: Path) -> None:
    assert code_of(words, "limit.stop('a')") == 0


def test_without_a_place_for_last_words_the_process_is_ended_all_the_same(words: Path) -> None:
    assert code_of(words, "limit = TimeLimit(None)\nlimit.start('a', 0.1)\ntime.sleep(20)") == -signal.SIGALRM


def test_a_crash_leaves_its_reason_as_last_words(words: Path) -> None:
    assert code_of(words, "def poke(): ctypes.string_at(0)\npoke()") == -signal.SIGSEGV
    assert words.read_text().startswith("Fatal Python error: Segmentation fault")
    assert "in poke" in words.read_text()
