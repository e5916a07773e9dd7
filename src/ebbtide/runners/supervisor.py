"""The supervisor: keeps a list of processes running, passes signals on, and replaces one that dies.

It runs no task and loads no app, so that nothing a task does can harm it. Each process is started afresh, not forked.
A pipe ties them to it: when the supervisor is gone, however it went, they see the pipe close and stop as for SIGTERM.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

AFTER_GRACE = 1.0
"""Seconds after the grace before a process that does not end is killed."""

SHORT_LIFE = 1.0
LONGEST_PAUSE = 0.8
LONGEST_PAUSE_UNSTARTED = 2.0
"""A process that dies within SHORT_LIFE seconds is replaced after a pause that doubles: up to LONGEST_PAUSE, for it was
a task that crashed it, and others wait; up to LONGEST_PAUSE_UNSTARTED if it could not even start."""

AGAIN_AFTER = 0.2
"""Seconds between a stop and a second one that counts: `timeout` and process groups send the same signal twice."""

AT_ONCE = signal.SIGQUIT
"""What tells a process to give back what runs. SIGTERM may reach it from others, too (systemd signals all), so its
being sent again means nothing there."""

NOT_STARTABLE = 78
"""Exit code of a process that will never start, such as for a target that cannot be loaded: it is not replaced."""

NOT_YET_STARTABLE = 75
"""Exit code of one that could not start now and may later, such as for storage that cannot be opened."""

DRAINED = 79
"""Exit code of one that found nothing left to do: it is not replaced either. All three are numbers that no task is
likely to end its process with; 0, 1 and 2 are not."""


class Command(NamedTuple):
    """One process to keep running. argv: `--lifeline FD` is appended. name: what it is called when it dies.

    fds: descriptors it is given. attends: it is there for the others, and ended when they have drained the queues.
    """

    argv: Sequence[str]
    name: str = "worker"
    fds: tuple[int, ...] = ()
    attends: bool = False


@dataclass
class _Child:
    command: Command
    process: subprocess.Popen[bytes]
    started: float


@dataclass
class Supervisor:
    """commands: the processes, one each. grace: seconds after SIGTERM.

    say: told what happens, in words. leash: a pipe at whose end it stops, as its processes stop at the end of theirs.
    """

    commands: Sequence[Command]
    grace: float
    say: Callable[[str], None]
    leash: int | None = None
    _children: list[_Child] = field(default_factory=list, init=False)
    _starts: list[tuple[float, Command]] = field(default_factory=list, init=False)
    _pause: float = field(default=0.1, init=False)
    _kill_at: float = field(default=float("inf"), init=False)
    _stopped_at: float | None = field(default=None, init=False)
    _code: int = field(default=0, init=False)
    _asked: list[float] = field(default_factory=list, init=False)

    def run(self) -> int:
        """Until stopped, or until all processes have drained the queues. The exit code: 0, or 2 if none can start."""
        bell, ringer = socket.socketpair()
        ringer.setblocking(False)
        lifeline, self._hold = os.pipe()
        self._lifeline = lifeline
        signal.set_wakeup_fd(ringer.fileno(), warn_on_full_buffer=False)
        self._listen()
        with selectors.DefaultSelector() as selector:
            selector.register(bell, selectors.EVENT_READ)
            if self.leash is not None:
                selector.register(self.leash, selectors.EVENT_READ)
            self._starts = [(time.monotonic(), command) for command in self.commands]
            while self._children or self._starts:
                self._start_due()
                for key, _ in selector.select(self._until_next()):
                    if key.fd == self.leash:
                        selector.unregister(self.leash)
                        self._stop(time.monotonic())
                    else:
                        bell.recv(4096)
                while self._asked:
                    self._stop(self._asked.pop(0))
                self._reap()
                if time.monotonic() >= self._kill_at:
                    self._signal(signal.SIGKILL)
        return self._code

    def _listen(self) -> None:
        """Have signals noted, and no more: a process that is just being started could not be told to stop."""
        ignored = {signal.SIGHUP} if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN else set()  # by nohup
        for number in {signal.SIGTERM, signal.SIGINT, signal.SIGHUP} - ignored:
            signal.signal(number, lambda number, frame: self._asked.append(time.monotonic()))
        signal.signal(signal.SIGCHLD, lambda number, frame: None)

    def _start_due(self) -> None:
        now = time.monotonic()
        for due in [start for start in self._starts if start[0] <= now]:
            self._starts.remove(due)
            command = due[1]
            argv, fds = [*command.argv, "--lifeline", str(self._lifeline)], (self._lifeline, *command.fds)
            process = subprocess.Popen(argv, pass_fds=fds)  # noqa: S603 - our own argv, no shell
            self._children.append(_Child(command, process, now))

    def _until_next(self) -> float | None:
        next_event = min([*(at for at, _ in self._starts), self._kill_at])
        return None if next_event == float("inf") else max(0.0, next_event - time.monotonic())

    def _stop(self, now: float) -> None:
        if self._stopped_at is None:
            self._stopped_at = now
            self._starts.clear()
            self._kill_at = now + self.grace + AFTER_GRACE
            self._signal(signal.SIGTERM)
        elif now - self._stopped_at > AGAIN_AFTER:
            self._kill_at = min(self._kill_at, now + AFTER_GRACE)
            self._signal(AT_ONCE)

    def _signal(self, number: int) -> None:
        for child in self._children:
            with suppress(ProcessLookupError):
                child.process.send_signal(number)

    def _reap(self) -> None:
        for child in [child for child in self._children if child.process.poll() is not None]:
            self._children.remove(child)
            self._ended(child)

    def _ended(self, child: _Child) -> None:
        code = child.process.returncode
        if self._stopped_at is not None:
            return
        if code == DRAINED:
            left = [*(child.command for child in self._children), *(command for _, command in self._starts)]
            if all(command.attends for command in left):
                self._stop(time.monotonic())
            return
        if code == NOT_STARTABLE:
            self._code = 2  # as for any wrong command line
            self._stop(time.monotonic())
            return
        lived = time.monotonic() - child.started
        longest = LONGEST_PAUSE_UNSTARTED if code == NOT_YET_STARTABLE else LONGEST_PAUSE
        self._pause = min(2 * self._pause, longest) if lived < SHORT_LIFE else 0.1
        wait = self._pause if lived < SHORT_LIFE else 0.0
        self.say(f"{child.command.name} process {child.process.pid} {_how(code)}; another takes its place")
        self._starts.append((time.monotonic() + wait, child.command))


def _how(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    if -code == signal.SIGALRM:
        return "was ended: its task ran longer than its queue's timeout"
    return f"was killed by {signal.Signals(-code).name}"
