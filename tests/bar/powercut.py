"""A disk that can be cut off: plays the journal of powercut.c up to any record and says what would be left.

Left is what was synced, and of the rest nothing, or the oldest part, or any sectors: a disk promises no order. The same
holds for names: a file that was created is there for sure once its folder was synced.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import NamedTuple

SECTOR = 512
_HEAD = struct.Struct("<c3xIQQq")
_SOURCE = Path(__file__).with_suffix(".c")
Key = tuple[int, int]


class Record(NamedTuple):
    """One record of the journal; see powercut.c."""

    op: str
    key: Key
    offset: int
    data: bytes


def compiler() -> str | None:
    """A C compiler, if this is Linux and has one."""
    return shutil.which("cc") if os.uname().sysname == "Linux" else None


def library(place: Path) -> Path:
    """The shim, compiled into this folder."""
    made = place / "powercut.so"
    command = [compiler() or "cc", "-shared", "-fPIC", "-O1", "-o", str(made), str(_SOURCE), "-ldl"]
    subprocess.run(command, check=True, timeout=60)
    return made


def watching(shim: Path, folder: Path, journal: Path) -> dict[str, str]:
    """The environment of a process whose writes to the folder are journaled."""
    return {**os.environ, "LD_PRELOAD": str(shim), "POWERCUT_FOLDER": str(folder), "POWERCUT_JOURNAL": str(journal)}


def records(journal: Path) -> Iterator[Record]:
    """The journal, oldest record first."""
    with journal.open("rb") as file:
        while head := file.read(_HEAD.size):
            op, length, inode, birth, offset = _HEAD.unpack(head)
            yield Record(op.decode(), (inode, birth), offset, file.read(length))


@dataclass
class _File:
    content: bytearray = field(default_factory=bytearray)  # what is on the disk for sure
    pending: list[Record] = field(default_factory=list)  # what came after, oldest first
    settled: int = 0  # how many records went into content


@dataclass
class _Folder:
    names: dict[str, Key] = field(default_factory=dict)
    pending: list[Record] = field(default_factory=list)  # creations, renamings, removals since its last sync
    settled: int = 0


@dataclass
class Disk:
    """What a sequence of records makes of a disk."""

    _files: dict[Key, _File] = field(default_factory=dict)
    _folders: dict[str, _Folder] = field(default_factory=dict)
    _begun: dict[int, int] = field(default_factory=dict)  # records each unfinished sync is to cover
    syncs: int = 0

    def play(self, record: Record) -> None:
        """One thing more happened."""
        file = self._files.setdefault(record.key, _File())
        match record.op:
            case "W" | "T":
                file.pending.append(record)
            case "C" | "U" | "M":
                self._folder(os.path.dirname(record.data.partition(b"\0")[0])).pending.append(record)
            case "B":
                self._begun[record.offset] = file.settled + len(file.pending)
            case "D":
                folder = self._folder(record.data)
                self._begun[record.offset] = folder.settled + len(folder.pending)
            case "E":
                self.syncs += 1
                covered = max(0, self._begun.pop(record.offset) - file.settled)
                for done in file.pending[:covered]:
                    _apply(file.content, done)
                del file.pending[:covered]
                file.settled += covered
            case "F":
                folder = self._folder(record.data)
                covered = max(0, self._begun.pop(record.offset) - folder.settled)
                for done in folder.pending[:covered]:
                    _rename(folder.names, done)
                del folder.pending[:covered]
                folder.settled += covered

    def _folder(self, name: bytes) -> _Folder:
        return self._folders.setdefault(os.fsdecode(name), _Folder())

    def cut(self, random: Random) -> dict[str, bytes]:
        """The files by name after a power cut now."""
        manner = random.choice((_nothing, _the_oldest, _any_sectors))
        names: dict[str, Key] = {}
        for folder in self._folders.values():
            here = dict(folder.names)
            for record in [] if manner is _nothing else folder.pending[: random.randint(0, len(folder.pending))]:
                _rename(here, record)
            names |= here
        left = {}
        for name, key in names.items():
            content = bytearray(self._files[key].content)
            for record in manner(self._files[key].pending, random):
                _apply(content, record)
            left[name] = bytes(content)
        return left


def _nothing(pending: list[Record], random: Random) -> list[Record]:
    return []


def _the_oldest(pending: list[Record], random: Random) -> list[Record]:
    return pending[: random.randint(0, len(pending))]


def _any_sectors(pending: list[Record], random: Random) -> Iterator[Record]:
    for record in pending:
        if record.op == "T":
            if random.random() < 0.5:
                yield record
            continue
        start = 0
        while start < len(record.data):
            end = min(len(record.data), (record.offset + start) // SECTOR * SECTOR + SECTOR - record.offset)
            if random.random() < 0.5:
                yield record._replace(offset=record.offset + start, data=record.data[start:end])
            start = end


def _apply(content: bytearray, record: Record) -> None:
    end = record.offset + len(record.data)
    if len(content) < end:
        content.extend(bytes(end - len(content)))
    if record.op == "T":
        del content[record.offset :]
    else:
        content[record.offset : end] = record.data


def _rename(names: dict[str, Key], record: Record) -> None:
    name, _, new = os.fsdecode(record.data).partition("\0")
    if record.op == "C":
        names[name] = record.key
    elif names.get(name) == record.key:
        del names[name]
    if record.op == "M":
        names[new] = record.key
