"""Ways for a task to take its process with it, by name."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

MORE_MEMORY = 64 * 1024 * 1024
_hoard: list[bytes] = []


def kill() -> None:
    """What the kernel does when memory is short."""
    os.kill(os.getpid(), signal.SIGKILL)


def segfault() -> None:
    ctypes.string_at(0)


def exit() -> NoReturn:
    os._exit(0)


def abort() -> NoReturn:
    os.abort()


def recurse() -> None:
    """Out of C's stack."""
    resource.setrlimit(resource.RLIMIT_STACK, (1024 * 1024, resource.RLIM_INFINITY))
    sys.setrecursionlimit(10**9)
    nested: list[object] = []
    for _ in range(10**6):
        nested = [nested]
    repr(nested)


def memory() -> None:
    """Out of memory, and never any again in this process, as under a `ulimit -v`."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MORE_MEMORY, resource.RLIM_INFINITY))
    for step in (1024 * 1024, 1024, 16):
        try:
            while True:
                _hoard.append(b"x" * step)
        except MemoryError:
            continue
    raise MemoryError


CRASHES: dict[str, Callable[[], object]] = {
    "kill": kill,
    "segfault": segfault,
    "exit": exit,
    "abort": abort,
    "recurse": recurse,
    "memory": memory,
}
