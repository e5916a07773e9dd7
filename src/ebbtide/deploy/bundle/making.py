"""Places to make something in, beside the one it will be put in: what is moved within one disk is moved at once."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

_PREFIX = ".making-"
_DAY = 86_400


def beside(path: Path) -> Path:
    """A name in the same folder that no other thread or process uses."""
    return path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")


@contextmanager
def making(place: Path) -> Iterator[Path]:
    """An empty folder in this one, which is made if need be. What a killed build left there a day ago is removed."""
    place.mkdir(parents=True, exist_ok=True)
    for left in place.glob(f"{_PREFIX}*"):
        if time.time() - left.stat().st_mtime > _DAY:
            shutil.rmtree(left, ignore_errors=True)
    with TemporaryDirectory(prefix=_PREFIX, dir=place) as folder:
        yield Path(folder)
