"""The claim check: a body over 256 KiB waits in a file of its own beside the queue, not in its row.

SQLite rewrites a row whole when its state changes, under the write lock: with 60 MiB in it a claim took four seconds.
The file is written and safe before its row is; one whose row never came, because its sender died in between, is swept
away by a later purge.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from ebbtide.brokers.sqlite.files import sync_folder

INLINE = 256 * 1024
"""Bytes a body may have to stay in its row."""

ABANDONED = 3_600.0
"""Seconds after which a file without a row counts as forsaken by its sender."""

_PREFIX = "payload-"


def put(folder: Path, bodies: Iterable[tuple[str, bytes]]) -> None:
    """Have these bodies on disk, each under its id; the folder, which holds their names, is flushed once for all."""
    for id, body in bodies:
        path = folder / name(id)
        draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
        try:
            with open(draft, "wb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:  # half a file would use up what little room there is on a full disk
            draft.unlink(missing_ok=True)
            raise
        os.replace(draft, path)
    sync_folder(folder)


def get(folder: Path, id: str) -> bytes:
    """The body under this id; empty, which no envelope is, if its file is gone."""
    with suppress(FileNotFoundError):
        return (folder / name(id)).read_bytes()
    return b""


def forget(folder: Path, id: str) -> None:
    """Remove the file under this id, if there is one. If that fails a later sweep will: its message is settled."""
    with suppress(OSError):
        os.unlink(folder / name(id))


def sweep(folder: Path, wanted: Iterable[str]) -> None:
    """Remove files that have been there for long and are under none of the ids `wanted`."""
    names = {name(id) for id in wanted}
    for entry in os.scandir(folder):
        if entry.name.startswith(_PREFIX) and entry.name not in names:
            with suppress(FileNotFoundError):
                if time.time() - entry.stat().st_mtime > ABANDONED:
                    os.unlink(entry)


def name(id: str) -> str:
    """The file's name: a digest, for an id may hold anything."""
    return _PREFIX + hashlib.sha256(id.encode("utf-8", "surrogatepass")).hexdigest()
