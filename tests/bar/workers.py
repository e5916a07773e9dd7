"""Starting the real worker on `worker_app`, and reading what its tasks noted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
TARGET = "tests.bar.worker_app:app"


class Line(NamedTuple):
    """What a task noted: "start" or "end", its number, the process."""

    word: str
    number: int
    pid: int


class Place:
    """A folder with a queue file, the log of its tasks and what workers said."""

    def __init__(self, folder: Path, fault: str | None, target: str = TARGET, queue: str = "queue.db") -> None:
        self.path, self.log, self.said = folder / queue, folder / "log", folder / "said"
        self._target = target
        self._environment = {
            **os.environ,
            "BAR_FOLDER": str(folder),
            "BAR_FAULT": fault or "",
            "BAR_QUEUE": queue,
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def lines(self) -> list[Line]:
        """The log so far."""
        if not self.log.exists():
            return []
        parts = (line.split() for line in self.log.read_text().splitlines())
        return [Line(word, int(number), int(pid)) for word, number, pid in parts]

    def start(self, *options: str) -> Worker:
        """A worker in a process group of its own."""
        argv = [sys.executable, "-m", "ebbtide.cli", "worker", self._target, *options]
        with self.said.open("ab") as said:
            process = subprocess.Popen(
                argv, cwd=self.log.parent, env=self._environment, stdout=said, stderr=said, start_new_session=True
            )
        return Worker(process)

    def alive(self) -> list[int]:
        """Processes of the log that still live; none is seen where there is no /proc."""
        mine = f"BAR_FOLDER={self.log.parent}".encode()
        return [pid for pid in {line.pid for line in self.lines()} if mine in _environment(pid)]


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []


class Worker:
    """A supervisor and its processes."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def kill(self) -> None:
        """SIGKILL to the whole group."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def terminate(self) -> None:
        """SIGTERM to the supervisor."""
        self.process.terminate()


def until(holds: Callable[[], object], seconds: float, pause: float = 0.005) -> bool:
    """Wait for a condition; whether it came true in time."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(pause)
    return True
