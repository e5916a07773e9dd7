"""A coroutine run to its end by who cannot await it: in sync mode, and in an app's own tests."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Coroutine
from contextvars import copy_context
from threading import Thread
from typing import Any


def ended(value: Any) -> Any:
    """The value; of a coroutine, what it comes to. On a thread of its own, for a loop may be running on this one."""
    if not inspect.iscoroutine(value):
        return value
    came: list[Any] = []
    thread = Thread(target=copy_context().run, args=(_run_loop, value, came))
    thread.start()
    thread.join()
    result = came[0]
    if isinstance(result, _Raised):
        raise result.error
    return result


class _Raised:
    def __init__(self, error: BaseException) -> None:
        self.error = error


def _run_loop(coroutine: Coroutine[Any, Any, Any], came: list[Any]) -> None:
    try:
        # Who has no `async def` task does not wait 50 ms for it.
        came.append(importlib.import_module("asyncio").run(coroutine))
    except BaseException as error:
        came.append(_Raised(error))
