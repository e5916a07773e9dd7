"""Who holds messages, and whether it still lives: one small locked file for each process that receives.

The kernel drops the lock when the process ends, however it ends, so a dead holder is known at once: no clock, no host
name and no process id is compared, which could all be another's by now (after a reboot, in another container). The file
also notes which messages had been started, so that only those spend an attempt when their holder dies, and a second
file may hold its last words.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import secrets
import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ebbtide.brokers.sqlite.files import allocated

SLOTS = 1024
"""How many started and unsettled messages one process can note; further ones count as started by none."""

Claimed = tuple[int, int]
"""A row's seq, and which of its claims: the same row may be started, given back and claimed again."""

_SLOT = struct.Struct("<qq")
_HOLDER = "holder-"
_UNBORN = "unborn-"
_LAST_WORDS = "last-words-"
_mine: set[str] = set()  # tokens of this process: to probe an own lock would drop it


def _forked() -> None:
    _mine.clear()


os.register_at_fork(after_in_child=_forked)


class Holder:
    """This process as a holder of messages from one queue file."""

    def __init__(self, folder: Path) -> None:
        self.token = secrets.token_hex(8)
        self._folder = folder
        _mine.add(self.token)
        unborn = folder / (_UNBORN + self.token)  # it takes its name once it is locked, or somebody could think it dead
        try:
            self._file = allocated(unborn, SLOTS * _SLOT.size)
        except BaseException:
            unborn.unlink(missing_ok=True)
            raise
        fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.rename(unborn, folder / (_HOLDER + self.token))
        self._board = mmap.mmap(self._file, SLOTS * _SLOT.size)
        self._free = list(range(SLOTS - 1, -1, -1))
        self._slots: dict[Claimed, int] = {}
        self._words: int | None = None

    def begin(self, claimed: Claimed) -> None:
        """Note that this row is started. A store to shared memory: it outlives the process, and costs no write."""
        if self._free and claimed not in self._slots:
            slot = self._slots[claimed] = self._free.pop()
            _SLOT.pack_into(self._board, slot * _SLOT.size, *claimed)

    def end(self, settled: Iterable[Claimed]) -> None:
        """Strike out rows that are settled."""
        for claimed in settled:
            slot = self._slots.pop(claimed, None)
            if slot is not None:
                _SLOT.pack_into(self._board, slot * _SLOT.size, 0, 0)
                self._free.append(slot)

    def last_words(self) -> int:
        """The descriptor of a file that a dying process may write to, for `read` to find."""
        if self._words is None:
            path = self._folder / (_LAST_WORDS + self.token)
            self._words = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        return self._words

    def close(self) -> None:
        """Give up the lock. Messages still held come back; what was started among them has spent its attempt."""
        if not self._slots:
            forget(self._folder, self.token)
        if self._words is not None:
            os.close(self._words)
        self._board.close()
        os.close(self._file)
        _mine.discard(self.token)


@dataclass(frozen=True)
class Remains:
    """What a dead holder left: the rows it had started, and its last words if it had any."""

    started: frozenset[Claimed]
    last_words: str


def tokens(folder: Path) -> Iterator[str]:
    """All holders that have a file, dead or alive, but this process's own."""
    for entry in os.scandir(folder):
        token = entry.name.removeprefix(_HOLDER)
        if token != entry.name and token not in _mine:
            yield token


def remains(folder: Path, token: str) -> Remains | None:
    """What holder `token` left, or None while it lives."""
    if token in _mine:
        return None
    try:
        file = os.open(folder / (_HOLDER + token), os.O_RDWR)
    except FileNotFoundError:
        return Remains(frozenset(), "")
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        board = os.read(file, SLOTS * _SLOT.size)
    except (BlockingIOError, PermissionError):
        return None
    finally:
        os.close(file)
    noted: set[Claimed] = set(_SLOT.iter_unpack(board[: len(board) - len(board) % _SLOT.size]))
    words = ""
    with suppress(FileNotFoundError):
        words = (folder / (_LAST_WORDS + token)).read_text("utf-8", "replace")[-16_000:]
    return Remains(frozenset(noted - {(0, 0)}), words)


def living(folder: Path) -> int:
    """How many holders live, this process among them if it is one."""
    own = any((folder / (_HOLDER + token)).exists() for token in _mine)
    return own + sum(remains(folder, token) is None for token in tokens(folder))


def forget(folder: Path, token: str) -> None:
    """Remove a holder's files."""
    for name in (_HOLDER, _LAST_WORDS):
        with suppress(FileNotFoundError):
            os.unlink(folder / (name + token))
