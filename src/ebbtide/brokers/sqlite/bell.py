"""Waking a process that waits for messages: a board that shows who sleeps, and a named pipe for each sleeper.

The board is a small file in the memory of every process. A sleeper writes there what it waits for, looks for messages
once more, and sleeps until somebody writes to its pipe. Who stores a message finds the sleepers on the board without a
system call, and rings one for each message. Nobody polls. The pipe of one that died asleep has no reader, which the
next ring finds.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import select
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from errno import ENXIO
from pathlib import Path
from threading import Lock

from ebbtide.brokers.sqlite.files import allocated

SLEEPERS = 256
"""How many may sleep at once on one machine; any more find what there is a nap later."""

_NAMES = 256  # bytes for the queues one waits for; whoever waits for more of them is woken for any
_SIZE = SLEEPERS * (1 + _NAMES)
_AWAKE, _ASLEEP = b"\0", b"\1"
_ANY = b"*"


class Bells:
    """The board and the pipes in one folder, as one process uses them; every method may be called by any thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = Lock()
        self._file = -1
        self._board: mmap.mmap | None = None
        self._pipes: dict[int, int] = {}  # this process's, by their place on the board
        self._free: list[int] = []
        self._others: dict[int, int] = {}  # pipes of whom this process has woken

    def open(self) -> None:
        """Have the board; again it does nothing."""
        with self._lock:
            if self._board is None:
                self._file = allocated(self._folder / "bells", _SIZE)
                self._board = mmap.mmap(self._file, _SIZE)

    def ring(self, queue: str, times: int) -> None:
        """Wake up to `times` sleepers that wait for this queue, or for any if it is "*"."""
        board = self._board
        if board is None:
            return
        place = board.find(_ASLEEP, 0, SLEEPERS)
        while place >= 0 and times > 0:
            if _waits_for(board, place, queue):
                board[place : place + 1] = _AWAKE  # the next ring is for another one
                times -= self._rung(place)
            place = board.find(_ASLEEP, place + 1, SLEEPERS)

    def wake_own(self) -> None:
        """Wake whatever sleeps in this process. Safe in a signal handler."""
        for pipe in list(self._pipes.values()):
            with suppress(OSError):
                os.write(pipe, b"!")

    def sleep(self, queues: Iterable[str], timeout: float, ready: Callable[[], bool]) -> bool:
        """Sleep until rung for one of the queues, at most `timeout` seconds; not at all if something is `ready`.

        Whether it was rung.
        """
        place = self._taken()
        if place is None:
            time.sleep(0.0 if ready() else timeout)
            return False
        board, pipe = self._board, self._pipes[place]
        assert board is not None  # noqa: S101 - a place was taken on it
        _write_names(board, place, queues)
        board[place : place + 1] = _ASLEEP
        try:
            if not ready():
                poll = select.poll()
                poll.register(pipe, select.POLLIN)
                if poll.poll(timeout * 1000):
                    return bool(os.read(pipe, 4096))
            return False
        finally:
            if self._board is board:  # else it was closed meanwhile
                board[place : place + 1] = _AWAKE
                self._free.append(place)

    def _taken(self) -> int | None:
        """A place on the board with a pipe; None if none is left."""
        self.open()
        with self._lock:
            if self._free:
                return self._free.pop()
            fcntl.flock(self._file, fcntl.LOCK_EX)  # nobody sees a pipe that is made and not yet open
            try:
                place = next((place for place in range(SLEEPERS) if _vacant(self._pipe(place))), None)
                if place is not None:
                    os.mkfifo(self._pipe(place), 0o600)
                    # To read and to write: with no writer left it would be readable for ever.
                    self._pipes[place] = os.open(self._pipe(place), os.O_RDWR | os.O_NONBLOCK)
            except OSError:  # no room for another file, or too many are open: a nap will do
                return None
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)
        return place

    def _pipe(self, place: int) -> Path:
        return self._folder / f"bell-{place}"

    def _rung(self, place: int) -> bool:
        with self._lock:
            known = self._others.get(place)
            if known is not None:
                if _written(known):
                    return True
                os.close(known)  # who slept there is gone; another one may by now
                del self._others[place]
            try:
                pipe = os.open(self._pipe(place), os.O_WRONLY | os.O_NONBLOCK)
            except OSError:  # it died asleep, or its pipe was taken away
                return False
            self._others[place] = pipe
            return _written(pipe)

    def close(self) -> None:
        """Take this process's pipes away; whatever sleeps here is woken first."""
        self.wake_own()
        for place in self._pipes:
            with suppress(FileNotFoundError):
                os.unlink(self._pipe(place))
        self.let_go()

    def let_go(self) -> None:
        """Close the files and leave them there: in a child they are its parent's."""
        for pipe in [*self._pipes.values(), *self._others.values()]:
            os.close(pipe)
        if self._board is not None:
            self._board.close()
            os.close(self._file)
        self._board, self._pipes, self._free, self._others = None, {}, [], {}


def _written(pipe: int) -> bool:
    """Whether somebody who has the pipe open will find a byte in it."""
    try:
        os.write(pipe, b"!")
    except BlockingIOError:  # it is full of them
        return True
    except OSError:
        return False
    return True


def _write_names(board: mmap.mmap, place: int, queues: Iterable[str]) -> None:
    names = b"+".join(queue.encode() for queue in queues)
    at = SLEEPERS + place * _NAMES
    board[at : at + _NAMES] = (names if len(names) <= _NAMES else _ANY).ljust(_NAMES, b"\0")


def _waits_for(board: mmap.mmap, place: int, queue: str) -> bool:
    at = SLEEPERS + place * _NAMES
    wanted = board[at : at + _NAMES].rstrip(b"\0")
    return queue == "*" or wanted == _ANY or queue.encode() in wanted.split(b"+")


def _vacant(path: Path) -> bool:
    """Whether there is no pipe of this name, or was none but a dead process's."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
    except FileNotFoundError:
        return True
    except OSError as error:
        if error.errno == ENXIO:  # nobody has it open
            os.unlink(path)
            return True
    return False
