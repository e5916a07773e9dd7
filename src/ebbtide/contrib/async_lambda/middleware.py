"""Layers around a task's function: `def layer(event, call_next): return call_next(event)`.

A layer is registered for types of events and is called for those it names, subtypes included. It may pass another event
on, look at what comes back, catch what is raised, call twice, or not at all. Around an `async def` task `call_next`
answers with an awaitable, for which an `async def` layer waits; a plain one may hand it on.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias, TypeVar

from ebbtide.contrib.async_lambda.events import BaseEvent
from ebbtide.errors import DeclarationError, EbbtideError

E = TypeVar("E", bound=BaseEvent)
R = TypeVar("R")

Middleware: TypeAlias = Callable[[E, Callable[[E], R]], R]
"""`layer(event, call_next)` returns what the task returned, or something in its place."""

Layer: TypeAlias = tuple[Sequence[type[BaseEvent]], Middleware[Any, Any]]
"""The types of events it is for, and the layer itself."""

MiddlewareFunction: TypeAlias = Callable[[E, Callable[[E], R]], R]
MiddlewareRegistration: TypeAlias = tuple[list[type[E]], Callable[[E, Callable[[E], R]], R]]
"""The same, by async-lambda's names for them."""


class BatchInvokeException(EbbtideError):
    """Of an `async_invoke_batch` some payloads were not sent: `failed_payloads` are their places in the sequence."""

    failed_payloads: list[int]

    def __init__(self, msg: str, failed_payloads: list[int]) -> None:
        super().__init__(msg)
        self.failed_payloads = failed_payloads


def checked(layer: Layer) -> Layer:
    """Itself. Raises DeclarationError for what is no pair of event types and a function."""
    try:
        kinds, function = layer
        fits = all(issubclass(kind, BaseEvent) for kind in kinds) and callable(function)
    except TypeError:
        fits = False
    if fits:
        return tuple(kinds), function
    raise DeclarationError(
        f"{layer!r:.120} is no middleware: a list of types of events and a function, as ([ManagedSQSEvent], timing)"
    )


def around(event: E, layers: Sequence[Layer], function: Callable[[E], R]) -> R:
    """What the function returns for the event, called through the layers that are for it, the first one outermost.

    A layer that was registered twice is called once. For an `async def` function the answer is always an awaitable.
    Raises DeclarationError if an `async def` layer stands around a function that is none.
    """
    runs_async = inspect.iscoroutinefunction(function)
    call: Callable[[Any], Any] = function
    for layer in reversed(_chosen(event, layers)):
        if not runs_async and inspect.iscoroutinefunction(layer):
            raise DeclarationError(
                f"the middleware {_name(layer)} is `async def`, but the task {_name(function)} is not, "
                "so nobody would wait for it; write it `def`, or the task `async def`"
            )
        call = _through(layer, call, runs_async)
    result: R = call(event)
    return result


def _chosen(event: BaseEvent, layers: Sequence[Layer]) -> list[Middleware[Any, Any]]:
    chosen: list[Middleware[Any, Any]] = []
    for kinds, layer in layers:
        if layer not in chosen and isinstance(event, tuple(kinds)):
            chosen.append(layer)
    return chosen


def _through(layer: Middleware[Any, Any], inner: Callable[[Any], Any], runs_async: bool) -> Callable[[Any], Any]:
    if not runs_async:
        return lambda event: layer(event, inner)

    def call(event: Any) -> Awaitable[Any]:
        value = layer(event, inner)
        return value if inspect.isawaitable(value) else _at_once(value)

    return call


async def _at_once(value: R) -> R:
    return value


def _name(function: object) -> str:
    return repr(getattr(function, "__name__", type(function).__name__))
