"""The health of an app, looked at once for all who ask at the same time, and not waited for without end."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from ebbtide.app import App
from ebbtide.triggers.http_problem import Problem
from ebbtide.web.condition import condition_of
from ebbtide.web.stored import Stored

KEPT = 1.0
"""Seconds for which one look serves all who ask."""

PATIENCE = 2.0
"""Seconds the storage has to answer in."""


class Health:
    """What GET /health tells."""

    def __init__(self, app: App, stored: Stored) -> None:
        self._app = app
        self._stored = stored
        self._look: asyncio.Task[dict[str, Any]] | None = None
        self._looked = float("-inf")

    async def report(self) -> dict[str, Any]:
        """The report, at most KEPT seconds old. Raises Problem 503."""
        if self._look is None or (self._look.done() and time.monotonic() - self._looked > KEPT):
            self._look = asyncio.create_task(self._stored.on_thread(lambda: condition_of(self._app)))
            self._looked = time.monotonic()
        try:
            found = await asyncio.wait_for(asyncio.shield(self._look), PATIENCE)
        except TimeoutError:
            raise Problem(503, f"the queue does not answer within {PATIENCE:g} s") from None
        if found["workers"] == 0:
            raise Problem(503, "no worker process lives")
        return found
