"""What our core runs for a task of async-lambda: a function with the parameters of the core, around the user's own."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any

from ebbtide.broker import Delivery
from ebbtide.contrib.async_lambda.running import Runnable
from ebbtide.triggers.http_response import Response


def task_function(task: Runnable) -> Callable[..., Any]:
    """The function: `async def` where the user's is; what it is given, its annotations say."""
    declared = task.declared
    make = _asynchronous if inspect.iscoroutinefunction(declared.function) else _synchronous
    return _in_place_of(declared.function, make(task, declared.kind, declared.gathers))


def _synchronous(task: Runnable, kind: str, gathers: bool) -> Callable[..., Any]:
    if kind == "api":

        def answer(delivery: Delivery, event: dict[str, Any]) -> Response:
            return _answer(task.run(task.event(delivery, event)))

        return answer
    if gathers:

        def gathered(deliveries: list[Delivery], payload: list[Any]) -> None:
            task.run(task.several(deliveries, payload))
            task.done(*deliveries)

        return gathered

    def run(delivery: Delivery, payload: Any = None) -> Any:
        returned = task.run(task.event(delivery, payload))
        task.done(delivery)
        return returned if kind == "pure" else None

    return run


def _asynchronous(task: Runnable, kind: str, gathers: bool) -> Callable[..., Any]:
    if kind == "api":

        async def answer(delivery: Delivery, event: dict[str, Any]) -> Response:
            return _answer(await task.run(task.event(delivery, event)))

        return answer
    if gathers:

        async def gathered(deliveries: list[Delivery], payload: list[Any]) -> None:
            await task.run(task.several(deliveries, payload))
            task.done(*deliveries)

        return gathered

    async def run(delivery: Delivery, payload: Any = None) -> Any:
        returned = await task.run(task.event(delivery, payload))
        task.done(delivery)
        return returned if kind == "pure" else None

    return run


def _in_place_of(function: Callable[..., Any], made: Callable[..., Any]) -> Callable[..., Any]:
    """What was made, called and shown as the user's own function is; its parameters are its own."""
    vars(made)["__signature__"] = inspect.signature(made, eval_str=True)
    made.__annotations__ = inspect.get_annotations(made, eval_str=True)
    for name in ("__name__", "__qualname__", "__doc__", "__module__"):
        setattr(made, name, getattr(function, name, getattr(made, name)))
    if inspect.isfunction(function):
        vars(made)["__wrapped__"] = function  # where a fault is told to be
    return made


def _answer(value: Any) -> Response:
    # Only functions with a route need it.
    made: Response = importlib.import_module("ebbtide.contrib.async_lambda.answer").answer_of(value)
    return made
