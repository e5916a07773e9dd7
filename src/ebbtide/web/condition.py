"""What GET /health tells: whether the app's queue can be used, whether anybody works it off, and how full it is."""

from __future__ import annotations

from typing import Any

from ebbtide.app import App
from ebbtide.broker import Depth, total
from ebbtide.version import __version__


def condition_of(app: App) -> dict[str, Any]:
    """The report, read now. Raises StorageError."""
    broker = app.broker
    with broker.together():  # a write of nothing: what is read-only or locked says so
        pass
    return {
        "status": "ok",
        "version": __version__,
        "app": app.name,
        "queues": {name: _shown(total(broker.depth(name))) for name, queue in app.queues.items() if queue.is_ours},
        "workers": broker.workers(),
    }


def _shown(whole: Depth) -> dict[str, Any]:
    told = whole._asdict()
    del told["due_in"]
    return told
