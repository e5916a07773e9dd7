"""Real worker processes on `crew_app`, and what its tasks noted."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.runners import crew_app

ROOT = Path(__file__).resolve().parents[2]
TARGET = "tests.runners.crew_app:app"
PATIENCE = 30.0
"""Seconds to wait for what must happen."""


def until(holds: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come to hold"
        time.sleep(0.005)


def alive(pid: int) -> bool:
    """Whether this process runs; one that has ended and is not yet waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        if Path("/proc/self").exists():
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class Line(NamedTuple):
    """What a task noted: a word, its number, its process."""

    word: str
    number: int
    pid: int


class Running:
    """A program the test started, in a process group of its own."""

    def __init__(self, argv: list[str], folder: Path, pass_fds: tuple[int, ...] = ()) -> None:
        self._said = folder / f"said-{time.monotonic_ns()}"
        if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as in a background job; it would be inherited
            signal.signal(signal.SIGINT, signal.default_int_handler)
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
        with self._said.open("wb") as said:
            self.process = subprocess.Popen(
                [sys.executable, *argv],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
                pass_fds=pass_fds,
            )
        self.pid = self.process.pid

    @property
    def said(self) -> str:
        """What it has printed so far."""
        return self._said.read_text()

    def send(self, number: signal.Signals) -> None:
        """A signal to this process alone."""
        self.process.send_signal(number)

    def send_all(self, number: signal.Signals) -> None:
        """A signal to it and all its children, as a terminal or systemd sends it."""
        os.killpg(self.pid, number)

    def ended(self, within: float = PATIENCE) -> int:
        """Wait for its end; the exit code."""
        return self.process.wait(within)

    def clear(self) -> None:
        """Leave nothing of it behind."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait()


class Crew:
    """A folder with the queue file and the log, and the programs started on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        self._running: list[Running] = []
        self._lifelines: list[int] = []

    @property
    def url(self) -> str:
        """The queue, without waiting for the disk."""
        return f"sqlite:///{self.folder}/queue.db?durability=fast"

    def run(self, *argv: str, pass_fds: tuple[int, ...] = ()) -> Running:
        """Python with these arguments."""
        made = Running(list(argv), self.folder, pass_fds)
        self._running.append(made)
        return made

    def worker(self, *options: str) -> Running:
        """`ebbtide worker`, with one process unless told otherwise."""
        return self.run("-m", "ebbtide.cli", "worker", TARGET, "-p", "1", *options)

    def one_process(self, queues: list[str] | None = None, target: str = TARGET, **settings: Any) -> Running:
        """One worker process without a supervisor; `cut` is its lifeline."""
        given = {"target": target, "broker": None, "queues": queues, "log": "WARNING", "settings": settings}
        lifeline, hold = os.pipe()
        self._lifelines.append(hold)
        argv = ("-m", "ebbtide.cli.process", json.dumps(given), "--lifeline", str(lifeline))
        made = self.run(*argv, pass_fds=(lifeline,))
        os.close(lifeline)
        return made

    def cut_lifelines(self) -> None:
        """As if the supervisor were gone."""
        while self._lifelines:
            os.close(self._lifelines.pop())

    def open(self, gate: str) -> None:
        """Let the tasks end that wait for this gate."""
        (self.folder / gate).touch()

    def lines(self, word: str = "") -> list[Line]:
        """What the tasks noted so far."""
        if not self.log.exists():
            return []
        parts = (line.split() for line in self.log.read_text().splitlines())
        found = [Line(said, int(number), int(pid)) for said, number, pid in parts]
        return [line for line in found if word in ("", line.word)]

    def noted(self, word: str, number: int = 0) -> Line:
        """Wait for this note."""
        until(lambda: any(line[:2] == (word, number) for line in self.lines()))
        return next(line for line in self.lines() if line[:2] == (word, number))

    def clear(self) -> None:
        """Leave nothing behind."""
        for running in self._running:
            running.clear()
        self.cut_lifelines()


@contextmanager
def hired(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Crew]:
    """A crew in this folder; here, too, `crew_app` is on its queue."""
    crew = Crew(folder)
    monkeypatch.setenv("EBBTIDE_BROKER", crew.url)
    monkeypatch.setenv("CREW_LOG", str(crew.log))
    try:
        yield crew
    finally:
        crew.clear()
        crew_app.app.close()
