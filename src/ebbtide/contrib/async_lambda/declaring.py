"""The decorators of async-lambda: each writes down a task as it is declared, and gives the function back unchanged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from ebbtide.contrib.async_lambda.declared import Concurrency, Declared, InitTask
from ebbtide.contrib.async_lambda.request import Request
from ebbtide.contrib.async_lambda.sources import Scheduled, Stream, Unmanaged
from ebbtide.errors import DeclarationError

F = TypeVar("F", bound=Callable[..., Any])

GATHERED = 30
"""Seconds a batch of more than ten messages is gathered where nothing is said: SQS wants a window then."""


class Declarations:
    """What the decorators of one controller have written down, by task id.

    All take timeout (seconds, at most 900), memory and ephemeral_storage (MB), init_tasks (functions run once in each
    process of this task, before its first event) and snap_start. Raises DeclarationError.
    """

    def __init__(self) -> None:
        self._own: dict[str, Declared] = {}

    def _declare(self, declared: Declared) -> None:
        raise NotImplementedError

    def _declares(self, task_id: str, kind: Any, said: dict[str, Any]) -> Callable[[F], F]:
        if not isinstance(task_id, str):
            raise DeclarationError(f'{task_id!r:.80} is no task id; the decorator wants one first, as ("Task", ...)')
        inits = said.get("init_tasks") or ()
        if not isinstance(inits, Sequence):
            raise DeclarationError(f"task {task_id!r}: init_tasks={inits!r:.80}: a list of functions")
        said["init_tasks"] = tuple(inits)

        def declare(function: F) -> F:
            self._declare(Declared(task_id, kind, function, **said).checked())
            return function

        return declare

    def async_task(
        self,
        task_id: str,
        max_receive_count: int | None = None,
        dlq_task_id: str | None = None,
        is_dlq_task: bool = False,
        lane_count: int | None = None,
        propagate_lane_assignment: bool | None = None,
        timeout: int = 60,
        memory: int | None = None,
        ephemeral_storage: int | None = None,
        snap_start: bool = False,
        *,
        maximum_concurrency: Concurrency = None,
        init_tasks: Sequence[InitTask] | None = None,
    ) -> Callable[[F], F]:
        """A task with a queue for each lane, called with one ManagedSQSEvent for each message.

        max_receive_count: attempts in all; left out, five with growing waits. dlq_task_id: the task that is called with
        what failed for good; is_dlq_task: this is one. maximum_concurrency: for all lanes, or a list of one for each.
        """
        return self._declares(task_id, "async", _without_self(locals()))

    def async_batch_task(
        self,
        task_id: str,
        max_receive_count: int | None = None,
        dlq_task_id: str | None = None,
        is_dlq_task: bool = False,
        lane_count: int | None = None,
        propagate_lane_assignment: bool | None = None,
        batch_size: int = 20,
        max_batching_window: int | None = None,
        timeout: int = 60,
        memory: int | None = None,
        ephemeral_storage: int | None = None,
        snap_start: bool = False,
        *,
        maximum_concurrency: Concurrency = None,
        init_tasks: Sequence[InitTask] | None = None,
    ) -> Callable[[F], F]:
        """The same, called with one ManagedSQSBatchEvent for up to batch_size messages that came together.

        max_batching_window: seconds they are gathered; left out, 30 for more than ten messages.
        """
        said = _without_self(locals())
        if max_batching_window is None:
            said["max_batching_window"] = GATHERED if batch_size > 10 else 0
        return self._declares(task_id, "batch", said)

    def sqs_task(
        self,
        task_id: str,
        queue_arn: str | Mapping[str, Any],
        timeout: int = 60,
        memory: int | None = None,
        ephemeral_storage: int | None = None,
        snap_start: bool = False,
        *,
        maximum_concurrency: int | None = None,
        init_tasks: Sequence[InitTask] | None = None,
    ) -> Callable[[F], F]:
        """A task for a queue that is none of this app's, called with one UnmanagedSQSEvent for each message."""
        said = _without_self(locals())
        said["source"] = Unmanaged(said.pop("queue_arn"), maximum_concurrency)
        return self._declares(task_id, "sqs", said)

    def scheduled_task(
        self,
        task_id: str,
        schedule_expression: str,
        timeout: int = 60,
        memory: int | None = None,
        ephemeral_storage: int | None = None,
        snap_start: bool = False,
        *,
        maximum_concurrency: Concurrency = None,
        init_tasks: Sequence[InitTask] | None = None,
    ) -> Callable[[F], F]:
        """A task started by the clock, by `rate(...)` or `cron(...)` in UTC, called with a ScheduledEvent."""
        said = _without_self(locals())
        said["source"] = Scheduled(said.pop("schedule_expression"))
        return self._declares(task_id, "scheduled", said)

    def api_task(
        self,
        task_id: str,
        path: str,
        method: str,
        timeout: int = 60,
        memory: int | None = None,
        ephemeral_storage: int | None = None,
        snap_start: bool = False,
        *,
        maximum_concurrency: Concurrency = None,
        init_tasks: Sequence[InitTask] | None = None,
    ) -> Callable[[F], F]:
        """A task that answers an HTTP request, called with an APIEvent; anybody may call it."""
        said = _without_self(locals())
        said["source"] = Request(said.pop("path"), said.pop("method"))
        return self._declares(task_id, "api", said)

    def dynamodb_task(
        self,
        task_id: str,
        *,
        stream_arn: str | Mapping[str, Any],
        batch_size: int,
        max_batching_window: int = 0,
        timeout: int = 60,
        memory: int | None = None,
        ephemeral_storage: int | None = None,
        snap_start: bool = False,
        maximum_concurrency: Concurrency = None,
        init_tasks: Sequence[InitTask] | None = None,
    ) -> Callable[[F], F]:
        """A task for the changes of a table, called with a DynamoDBEvent."""
        said = _without_self(locals())
        window = said.pop("max_batching_window")
        said["source"] = Stream(said.pop("stream_arn"), said.pop("batch_size"), window)
        return self._declares(task_id, "dynamodb", said)

    def pure_task(
        self,
        task_id: str,
        timeout: int = 60,
        memory: int | None = None,
        ephemeral_storage: int | None = None,
        snap_start: bool = False,
        *,
        maximum_concurrency: Concurrency = None,
        init_tasks: Sequence[InitTask] | None = None,
    ) -> Callable[[F], F]:
        """A function that nothing starts by itself: whoever has the right invokes it, with any event."""
        return self._declares(task_id, "pure", _without_self(locals()))


def _without_self(said: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if name not in ("self", "task_id")}


def twice(task_id: str) -> DeclarationError:
    """The error for a second task of the same id."""
    return DeclarationError(f"two tasks are called {task_id!r}; a task's id is its own in the whole app")
