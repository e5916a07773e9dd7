"""The health of an app: whether its queue can be used, whether anybody works it off, and how full it is."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from ebbtide.app import App
from ebbtide.broker import Depth, total
from ebbtide.triggers.http_problem import Problem
from ebbtide.version import __version__
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
            self._look = asyncio.create_task(self._stored.on_thread(self._read))
            self._looked = time.monotonic()
        try:
            found = await asyncio.wait_for(asyncio.shield(self._look), PATIENCE)
        except TimeoutError:
            raise Problem(503, f"the queue does not answer within {PATIENCE:g} s") from None
        if found["workers"] == 0:
            raise Problem(503, "no worker process lives")
        return found

    def _read(self) -> dict[str, Any]:
        broker = self._app.broker
        with broker.together():  # a write of nothing: what is read-only or locked says so
            pass
        return {
            "status": "ok",
            "version": __version__,
            "app": self._app.name,
            "queues": {name: _shown(total(broker.depth(name))) for name in self._app.queues},
            "workers": broker.workers(),
        }


def _shown(whole: Depth) -> dict[str, Any]:
    told = whole._asdict()
    del told["due_in"]
    return told
