"""What a file needs so that others, or a power cut, find it whole: its name on disk, and room for all of it."""

from __future__ import annotations

import os
from errno import ENOSPC
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """A new file is safe once its name is, too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def allocated(path: Path, size: int) -> int:
    """A descriptor of a file of at least `size` bytes, made if need be, new bytes being zero.

    The bytes are written, not only promised: to store into a mapped page for which a full disk has no room would end
    the process. Raises OSError, also for want of room.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        missing = size - os.fstat(file).st_size
        if missing > 0 and os.pwrite(file, bytes(missing), size - missing) < missing:  # the last page was taken
            raise OSError(ENOSPC, os.strerror(ENOSPC), str(path))
    except BaseException:
        os.close(file)
        raise
    return file
