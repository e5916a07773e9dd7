"""One task as async-lambda declares it: a frozen value, checked where it is declared."""

from __future__ import annotations

import inspect
import os
import re
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

from ebbtide.contrib.async_lambda.notices import AsyncLambdaWarning
from ebbtide.errors import DeclarationError
from ebbtide.trigger import Trigger

Kind = Literal["async", "batch", "sqs", "scheduled", "api", "dynamodb", "pure"]

QUEUED: tuple[Kind, ...] = ("async", "batch")
"""The kinds with queues of their own, to which `async_invoke` sends."""

InitTask = Callable[[], Any] | Callable[[str], Any]
Concurrency = int | Sequence[int] | None

LONGEST = 900
"""Seconds: the longest Lambda lets a function run."""

MOST_LANES = 100

_TASK_ID = re.compile(r"[A-Za-z0-9]{1,32}", re.ASCII)
_MEMORY, _STORAGE = (128, 10_240), (512, 10_240)


class Declared(NamedTuple):
    """timeout: seconds. memory, ephemeral_storage: MB, None for the app's default. max_receive_count: attempts in all,
    None for our default. source: what outside starts it, for the kinds without a queue of their own."""

    task_id: str
    kind: Kind
    function: Callable[..., Any]
    timeout: int = 60
    memory: int | None = None
    ephemeral_storage: int | None = None
    maximum_concurrency: Concurrency = None
    init_tasks: tuple[InitTask, ...] = ()
    snap_start: bool = False
    max_receive_count: int | None = None
    dlq_task_id: str | None = None
    is_dlq_task: bool = False
    lane_count: int | None = None
    propagate_lane_assignment: bool | None = None
    batch_size: int = 1
    max_batching_window: int = 0
    source: Trigger | None = None

    @property
    def gathers(self) -> bool:
        """Whether its function is called once for all that came together."""
        return self.kind in ("batch", "dynamodb")

    @property
    def queued(self) -> bool:
        """Whether `async_invoke` may send to it."""
        return self.kind in QUEUED

    def checked(self) -> Declared:
        """Itself. Raises DeclarationError, naming the task and the argument; warns of what is seldom meant."""
        if not isinstance(self.task_id, str) or not _TASK_ID.fullmatch(self.task_id):
            raise DeclarationError(f"{self.task_id!r} is no task id: 1 to 32 ASCII letters and digits")
        self._need("timeout", self.timeout, _whole(self.timeout, 1, LONGEST), f"seconds, 1 to {LONGEST}")
        for name, value, (low, high) in (
            ("memory", self.memory, _MEMORY),
            ("ephemeral_storage", self.ephemeral_storage, _STORAGE),
        ):
            self._need(name, value, value is None or _whole(value, low, high), f"MB, {low} to {high:,}")
        lanes, receives, window = self.lane_count, self.max_receive_count, self.max_batching_window
        self._need("lane_count", lanes, fits_lanes(lanes), f"1 to {MOST_LANES}")
        self._need("max_receive_count", receives, receives is None or _whole(receives, 1, 1000), "1 to 1,000")
        self._need("batch_size", self.batch_size, _whole(self.batch_size, 1, 10_000), "1 to 10,000")
        self._need("max_batching_window", window, _whole(window, 0, 300), "seconds, 0 to 300")
        if self.batch_size > 10:
            self._need("max_batching_window", window, window > 0, "1 or more, for a batch_size of more than 10")
        for name, value in (
            ("is_dlq_task", self.is_dlq_task),
            ("propagate_lane_assignment", self.propagate_lane_assignment),
            ("snap_start", self.snap_start),
        ):
            self._need(name, value, value is None or isinstance(value, bool), "True or False")
        self._check_concurrency()
        self._check_init_tasks()
        self._check_function()
        if "AWS_LAMBDA_FUNCTION_NAME" not in os.environ:  # there it would be told at each start
            self._warn()
        return self

    def _warn(self) -> None:
        if self.max_receive_count == 1:
            warnings.warn(
                f"task {self.task_id!r}: max_receive_count=1 makes a message a dead letter at its first failure; "
                f"leave it out for five attempts with growing waits",
                AsyncLambdaWarning,
                stacklevel=4,
            )
        if self.snap_start:
            warnings.warn(
                f"task {self.task_id!r}: snap_start=True starts nothing quicker: Lambda keeps snapshots of published "
                f"versions, and events come to the function itself, as with async-lambda",
                AsyncLambdaWarning,
                stacklevel=4,
            )

    def _check_concurrency(self) -> None:
        given = self.maximum_concurrency
        several = isinstance(given, Sequence) and not isinstance(given, (str, bytes)) and self.queued
        numbers = list(given) if several and isinstance(given, Sequence) else [given]
        fits = given is None or all(_whole(number, 2, 1000) for number in numbers)
        self._need("maximum_concurrency", given, fits, "a number from 2 to 1,000, or a list with one for each lane")

    def _check_init_tasks(self) -> None:
        for function in self.init_tasks:
            try:
                inspect.signature(function).bind(*[self.task_id] * takes(function))
            except TypeError:
                self._need("init_tasks", function, False, "functions with no argument, or one for the task id")

    def _check_function(self) -> None:
        try:
            inspect.signature(self.function).bind(None)
        except ValueError:  # a function of C that does not say
            return
        except TypeError as error:
            raise DeclarationError(f"task {self.task_id!r}: its function is called with the event: {error}") from None

    def _need(self, name: str, value: object, holds: bool, expected: str) -> None:
        if not holds:
            raise DeclarationError(f"task {self.task_id!r}: {name}={value!r:.80}: {expected}")


def takes(function: InitTask) -> int:
    """How many arguments an init task wants: none, or the task id. Raises TypeError for what cannot be called."""
    if not callable(function):
        raise TypeError(f"{function!r} cannot be called")
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:  # a function of C that does not say
        return 0
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return min(1, sum(p.kind in positional and p.default is p.empty for p in parameters))


def fits_lanes(count: object) -> bool:
    """Whether this is a number of lanes, or None."""
    return count is None or _whole(count, 1, MOST_LANES)


def _whole(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
