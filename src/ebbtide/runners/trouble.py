"""Trouble with the storage: told at once, and now and then while it lasts; the end of the process if it is for good."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable

from ebbtide.errors import StorageError, StorageLost
from ebbtide.runners.supervisor import NOT_YET_STARTABLE

AGAIN = 10.0
"""Seconds after which what still lasts is told again."""

OVER = 2.0
"""Seconds without it after which it counts as new: everything that fails is tried again well within that."""


class Trouble:
    """Told each error that the storage makes a thread of this process wait for; by any thread.

    A full disk passes, and what is held is kept meanwhile. After StorageLost nothing this process holds or has open can
    be trusted: it ends at once, without a last word to the file, and the supervisor starts another.
    """

    def __init__(self, log: logging.Logger, end: Callable[[int], object] = os._exit) -> None:
        self._log = log
        self._end = end
        self._text = ""
        self._told = self._seen = float("-inf")

    def __call__(self, error: Exception) -> None:
        """One more failure."""
        about = {"event": "storage_trouble" if isinstance(error, StorageError) else "trouble"}
        if isinstance(error, StorageLost):
            self._log.error("%s; this process ends", error, extra=about)
            self._end(NOT_YET_STARTABLE)
            return
        now = time.monotonic()
        new = str(error) != self._text or now - self._seen > OVER
        self._seen = now
        if new or now - self._told >= AGAIN:
            self._text, self._told = str(error), now
            self._log.error("%s; trying again", error, extra=about)
