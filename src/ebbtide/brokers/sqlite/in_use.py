"""Whether the files this process has open are still the queue's, for nothing says so by itself.

A file that is deleted or replaced lives on for those who have it open: they would go on storing messages where nobody
else finds them, and take each other for dead where the holders' folder is gone. So its names are looked up now and
then.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

EVERY = 0.2
"""Seconds between two looks: cheap enough for each write, and little is lost with a file that somebody deleted."""


class InUse:
    """Some files as they are when this is made."""

    def __init__(self, *paths: Path) -> None:
        self._known = [(path, _identity(path)) for path in paths]
        self._looked = time.monotonic()

    def gone(self) -> Path | None:
        """The first of them that is there no more, or is another one; None also if the last look was just now."""
        now = time.monotonic()
        if now - self._looked < EVERY:
            return None
        self._looked = now
        return next((path for path, identity in self._known if _identity(path) != identity), None)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
