"""Other processes on the same queue file: started with a few lines of Python, and waited for with a deadline."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ebbtide.brokers.sqlite.bell import SLEEPERS

PATIENCE = 30.0
"""Seconds to wait for what must happen."""

PRELUDE = """
import os, signal, sys, time
from ebbtide.brokers.sqlite import SqliteBroker, broker as module
from ebbtide.queue import Queue
from tests.fakes import message
path = sys.argv[1]
broker = SqliteBroker(path, durable=False)

def say(*words):
    print(*words, flush=True)
"""
ROOT = Path(__file__).resolve().parents[3]


@contextmanager
def process(path: Path, script: str) -> Iterator[subprocess.Popen[str]]:
    """A process that runs this after the prelude; killed at the end if it still lives."""
    command = [sys.executable, "-c", PRELUDE + script, str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        try:
            yield child
        finally:
            child.kill()


def heard(child: subprocess.Popen[str]) -> str:
    """The next line it says; the test's own timeout is the deadline."""
    assert child.stdout is not None
    return child.stdout.readline().strip()


def until(holds: Callable[[], object]) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "it did not come to hold"
        time.sleep(0.002)


def sleepers_in(folder: Path) -> int:
    """How many processes sleep until rung, by the board in a queue's folder."""
    board = folder / "bells"
    return board.read_bytes()[:SLEEPERS].count(1) if board.exists() else 0
