"""Writing an archive that is the same, byte for byte, whenever and wherever the same files go in.

Sorted names, one time (1980, the oldest a zip can hold), two permissions (0644, 0755), no owner, no folder entries. The
standard library's zipfile compresses one file after another; here all processors do, and each file's bytes are put in
place in order. What it lays down is the classic form, for at most 65,535 files and 4 GB; source: PKWARE's APPNOTE.
"""

from __future__ import annotations

import os
import shutil
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from ebbtide.deploy.bundle.entry import Entry
from ebbtide.deploy.bundle.making import beside
from ebbtide.deploy.bundle.wrong import BundleError

MOST_ENTRIES = 65_535
MOST_BYTES = 2**32 - 1

_LEVEL = 6
"""Level 9 took three times as long for a half percent, with Django, Pillow and psycopg."""

_VERSION = 20
_BY_UNIX = 3 << 8 | _VERSION
_UTF8 = 0x0800
_DEFLATED = 8
_MIDNIGHT, _OLDEST_DAY = 0, 1 << 5 | 1
_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")


class Archive(NamedTuple):
    """One archive written. bytes: its size; unpacked: what its files are together."""

    path: Path
    sha256: str
    bytes: int
    unpacked: int


class _Packed(NamedTuple):
    name: bytes
    data: bytes
    crc: int
    size: int
    mode: int


def written(path: Path, entries: Iterable[Entry]) -> Archive:
    """Write the archive, taking the place of one that is there at the very end. Raises BundleError."""
    sorted_entries = sorted(entries)
    _check(sorted_entries)
    made = beside(path)
    try:
        with made.open("wb") as file, ThreadPoolExecutor(os.cpu_count()) as packing:
            written, unpacked = _lay_down(packing.map(_packed, sorted_entries), file.write)
        os.replace(made, path)
    finally:
        made.unlink(missing_ok=True)
    return Archive(path, written, path.stat().st_size, unpacked)


def copied(archive: Archive, target: Path) -> Archive:
    """A copy of the archive, put in place at once."""
    made = beside(target)
    shutil.copyfile(archive.path, made)
    os.replace(made, target)
    return archive._replace(path=target)


def moved(archive: Archive, target: Path) -> Archive:
    """The archive put in place at once."""
    os.replace(archive.path, target)
    return archive._replace(path=target)


def _check(entries: list[Entry]) -> None:
    if len(entries) > MOST_ENTRIES:
        raise BundleError(
            f"{len(entries):,} files are more than an archive can hold ({MOST_ENTRIES:,}): "
            f"leave out what is not needed, or build a container image: --image"
        )
    for one, other in pairwise(entries):
        if one.name == other.name:
            raise BundleError(f"{one.name} is there twice, as {one.path} and as {other.path}: rename or exclude one")


def _packed(entry: Entry) -> _Packed:
    data = entry.path.read_bytes()
    deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    mode = 0o100755 if entry.executable else 0o100644
    return _Packed(
        entry.name.encode(), deflate.compress(data) + deflate.flush(), zlib.crc32(data), len(data), mode << 16
    )


def _lay_down(packed: Iterator[_Packed], write: Callable[[bytes], int]) -> tuple[str, int]:
    """Write every file, then the directory; the digest of it all, and the bytes unpacked."""
    digest, offset, unpacked, directory = sha256(), 0, 0, []
    for entry in packed:
        facts = (_UTF8, _DEFLATED, _MIDNIGHT, _OLDEST_DAY, entry.crc, len(entry.data), entry.size, len(entry.name), 0)
        directory.append(_CENTRAL.pack(b"PK\1\2", _BY_UNIX, _VERSION, *facts, 0, 0, 0, entry.mode, offset) + entry.name)
        for part in (_LOCAL.pack(b"PK\3\4", _VERSION, *facts), entry.name, entry.data):
            digest.update(part)
            offset += write(part)
        unpacked += entry.size
        if offset > MOST_BYTES:
            raise BundleError("the archive would be over 4 GB: build a container image: --image")
    listing = b"".join(directory)
    end = _END.pack(b"PK\5\6", 0, 0, len(directory), len(directory), len(listing), offset, 0)
    for part in (listing, end):
        digest.update(part)
        write(part)
    return digest.hexdigest(), unpacked
