"""The claim check: a body over 256 KiB waits in a file of its own beside the queue, not in its row.

SQLite rewrites a row whole when its state changes, under the write lock: with 60 MiB in it a claim took four seconds.
The file is written and safe before its row is; one whose row never came, because its sender died in between, is swept
away by a later purge.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

INLINE = 256 * 1024
"""Bytes a body may have to stay in its row."""

ABANDONED = 3_600.0
"""Seconds after which a file without a row counts as forsaken by its sender."""

_PREFIX = "payload-"


def put(folder: Path, id: str, body: bytes) -> None:
    """Have the body on disk under this id."""
    path = folder / (_PREFIX + id)
    draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
    with open(draft, "wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def get(folder: Path, id: str) -> bytes:
    """The body under this id; empty, which no envelope is, if its file is gone."""
    with suppress(FileNotFoundError):
        return (folder / (_PREFIX + id)).read_bytes()
    return b""


def forget(folder: Path, id: str) -> None:
    """Remove the file under this id, if there is one."""
    with suppress(FileNotFoundError):
        os.unlink(folder / (_PREFIX + id))


def old(folder: Path) -> Iterator[str]:
    """Ids of files that have been there long enough to be without a sender."""
    for entry in os.scandir(folder):
        if entry.name.startswith(_PREFIX):
            with suppress(FileNotFoundError):
                if time.time() - entry.stat().st_mtime > ABANDONED:
                    yield entry.name.removeprefix(_PREFIX)
