"""A file system of a few megabytes to fill, on Linux: a tmpfs in a mount namespace of this process and its children.

The kernel gives such a namespace to anybody who may make a user namespace, and to root. Where it does not, rows that
need one say so.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

_INSIDE = "BAR_IN_NAMESPACE"
_UNSHARE = ("unshare", "--user", "--map-root-user", "--mount")


def possible() -> bool:
    """Whether a file system can be mounted in a namespace here."""
    if sys.platform != "linux" or not shutil.which("unshare"):
        return False
    script = "mount -t tmpfs -o size=1m none /tmp"
    return subprocess.run([*_UNSHARE, "sh", "-c", script], capture_output=True, check=False).returncode == 0


def enter(module: str) -> None:
    """Run `python -m module` with this process's arguments once more, in a namespace, in place of this process."""
    if os.environ.get(_INSIDE) or not possible():
        return
    os.environ[_INSIDE] = "1"
    os.execvp(_UNSHARE[0], [*_UNSHARE, sys.executable, "-m", module, *sys.argv[1:]])  # noqa: S606 - our own argv


def entered() -> bool:
    """Whether this process is in a namespace of its own."""
    return _INSIDE in os.environ


def mount(place: Path, *options: str) -> None:
    """Have an empty file system at this new folder: `size=8m`, `nr_inodes=100`."""
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join(options), "none", str(place)], check=True)


def unmount(place: Path) -> None:
    """Take it away again, also from under those who use it."""
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(place: Path) -> Path:
    """Use up all the space; the file that holds it."""
    filler = place / "filler"
    with open(filler, "ab", buffering=0) as file:
        for size in (1 << 20, 1 << 16, 1 << 12):
            with suppress(OSError):
                while True:
                    file.write(b"x" * size)
    return filler
