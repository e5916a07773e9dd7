"""`async_invoke` and `async_invoke_batch`: from a task's id and payloads to messages, stored or run here and now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ebbtide import strictjson
from ebbtide.contrib.async_lambda import current
from ebbtide.contrib.async_lambda.app import DoorApp
from ebbtide.contrib.async_lambda.globals import config
from ebbtide.contrib.async_lambda.middleware import BatchInvokeException
from ebbtide.contrib.async_lambda.payload import encode
from ebbtide.errors import ArgumentError, PartlyStored, StorageError
from ebbtide.message import Message
from ebbtide.task import Task


class Invoker:
    """Invokes one task of an app. Raises UnknownTask, ArgumentError."""

    def __init__(self, app: DoorApp, task_id: str) -> None:
        self._app = app
        self._task: Task[Any, Any, Any] = app.task_named(task_id)
        self._declared = app.declared.get(task_id)
        if self._declared and not self._declared.declared.queued:
            raise ArgumentError(
                f"async_invoke({task_id!r}): it is declared as {self._declared.kind}_task; only async tasks are invoked"
            )

    def one(
        self,
        payload: Any,
        delay: float,
        force_sync: bool,
        lane: int | None,
        group: str | None,
        unique_delay_id: str | None,
    ) -> Any:
        """One call; None, or in sync mode what it returned."""
        message = self._message(payload, delay, lane, group, unique_delay_id)
        if self._sync(force_sync):
            return self._here(message)
        self._app.submit([message])
        return None

    def many(
        self,
        payloads: Iterable[Any],
        delay: float | Sequence[float],
        group: str | Sequence[str | None] | None,
        force_sync: bool,
        lane: int | None,
    ) -> Any:
        """A call for each payload; None, or in sync mode a list of what they returned. Raises BatchInvokeException."""
        if isinstance(payloads, (str, bytes, Mapping)):
            raise ArgumentError(f"async_invoke_batch(): payloads is {type(payloads).__name__}; give a list of them")
        payloads = list(payloads)
        delays = _each("delay", delay, len(payloads))
        groups = _each("message_group_id", group, len(payloads))
        messages = [
            self._message(payload, wait or 0, lane, group, None)
            for payload, wait, group in zip(payloads, delays, groups, strict=True)
        ]
        if self._sync(force_sync):
            return [self._here(message) for message in messages]
        try:
            self._app.submit(messages)
        except PartlyStored as error:
            failed = [place for place, message in enumerate(messages) if message.id in error.missing]
            raise BatchInvokeException(str(error), failed) from error
        except StorageError as error:
            raise BatchInvokeException(str(error), list(range(len(messages)))) from error
        return None

    def _message(self, payload: Any, delay: float, lane: int | None, group: str | None, unique: str | None) -> Message:
        declared = self._declared
        if declared is None or (lane is None and not declared.propagates_lane):
            lane = 0  # another app's task has no other that we know of
        if group is None and (declared is None or declared.propagates_group):
            group = current.group()
        task = self._task.using(lane=lane, delay=delay or None, group=group or None, key=unique)
        return task.message(strictjson.loads(encode(payload)))

    def _sync(self, force_sync: bool) -> bool:
        return (force_sync or config.force_sync) and self._declared is not None

    def _here(self, message: Message) -> Any:
        return self._app.running(message.task).here(message)


def _each(name: str, given: Any, count: int) -> list[Any]:
    """One value for each of so many payloads."""
    if isinstance(given, str) or not isinstance(given, Sequence):
        return [given] * count
    if len(given) != count:
        raise ArgumentError(f"async_invoke_batch(): {len(given)} values of {name} for {count} payloads")
    return list(given)
