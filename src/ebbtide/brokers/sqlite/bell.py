"""Waking a process that waits for messages: a named pipe for each one that sleeps.

A sleeper opens a pipe whose name says what it waits for, looks once more, and sleeps until somebody writes to it. Who
stores a message rings one sleeper for each. No process polls; one that dies asleep leaves a pipe without a reader,
which the next ring finds and removes.
"""

from __future__ import annotations

import os
import secrets
import select
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from errno import ENXIO
from pathlib import Path

_PREFIX = "bell-"
_ANY = "*"
_ABANDONED = 60.0  # seconds; nobody sleeps that long in one go
_LONGEST = 200  # characters of queue names in a file name; past that it waits for any queue


def sleep(folder: Path, queues: Iterable[str], timeout: float, ready: Callable[[], bool]) -> None:
    """Sleep until rung for one of the queues, at most `timeout` seconds; not at all if something is `ready`."""
    wanted = "+".join(queues)
    path = folder / f"{_PREFIX}{secrets.token_hex(8)}-{wanted if len(wanted) <= _LONGEST else _ANY}"
    os.mkfifo(path, 0o600)
    try:
        pipe = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            if not ready():
                poll = select.poll()
                poll.register(pipe, select.POLLIN)
                poll.poll(timeout * 1000)
        finally:
            os.close(pipe)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(path)


def ring(folder: Path, queue: str, times: int) -> None:
    """Wake up to `times` sleepers that wait for this queue, or for any if it is "*"."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if times <= 0:
                return
            if entry.name.startswith(_PREFIX) and _waits_for(entry.name, queue):
                times -= _rung(entry.path)


def _waits_for(name: str, queue: str) -> bool:
    wanted = name[len(_PREFIX) + 17 :]
    return _ANY in (wanted, queue) or queue in wanted.split("+")


def _rung(path: str) -> bool:
    try:
        pipe = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        return False
    except OSError as error:
        if error.errno == ENXIO:  # nobody reads: not opened yet, just woken up, or dead
            _remove_if_old(path)
        return False
    with suppress(OSError):
        os.write(pipe, b"!")
    os.close(pipe)
    return True


def _remove_if_old(path: str) -> None:
    with suppress(FileNotFoundError):
        if time.time() - os.stat(path).st_mtime > _ABANDONED:
            os.unlink(path)
