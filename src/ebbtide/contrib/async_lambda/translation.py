"""From a controller to a core app: a queue for each task, with its lanes, and in it one task of the same name."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from ebbtide.contrib.async_lambda.app import DoorApp
from ebbtide.contrib.async_lambda.declared import Declared
from ebbtide.contrib.async_lambda.globals import config
from ebbtide.contrib.async_lambda.managed import Managed
from ebbtide.contrib.async_lambda.resolved import Owner, Resolved, resolved
from ebbtide.contrib.async_lambda.running import Runnable
from ebbtide.contrib.async_lambda.sources import Invoked
from ebbtide.contrib.async_lambda.task_functions import task_function
from ebbtide.contrib.async_lambda.writing import Writer
from ebbtide.errors import DeclarationError
from ebbtide.names import nearest
from ebbtide.queue import Queue
from ebbtide.retry import RetryPolicy
from ebbtide.trigger import Trigger

ATTEMPTS = 5
"""Attempts in all, with growing waits, of a task that says nothing; async-lambda's own default is a single one."""

QUEUE = "EBBTIDE_QUEUE"
"""The variable that tells a deployed function whose it is."""


class Tree(Protocol):
    """A root controller."""

    delete_s3_payloads: bool

    def owned(self) -> Iterable[tuple[Declared, Iterable[Owner]]]: ...

    def external(self) -> list[str]: ...


def app_of(root: Tree) -> DoorApp:
    """The app. Raises DeclarationError. In a deployed function its task's init tasks have run then."""
    tasks = {declared.task_id: resolved(declared, owners) for declared, owners in root.owned()}
    for one in tasks.values():
        _check_dlq(one, tasks)
    externals = root.external()
    runnables = {id: Runnable(one, root.delete_s3_payloads) for id, one in tasks.items()}
    app = DoorApp(
        config.name,
        tasks,
        runnables,
        queues=[
            *(_queue(one) for one in tasks.values()),
            *(Queue(name, runner="elsewhere", results=0) for name in externals),
        ],
        send_middleware=[Writer(config.name, externals)],
    )
    for id, one in tasks.items():
        _declare(app, one, runnables[id], root.delete_s3_payloads)
    for name in externals:
        app.task(name=name, queue=name)(_elsewhere)
    if "AWS_LAMBDA_FUNCTION_NAME" in os.environ and (here := os.environ.get(QUEUE)) in runnables:
        runnables[here].init()
    return app


def _queue(one: Resolved) -> Queue:
    said = one.declared
    limit = said.maximum_concurrency if said.kind != "sqs" else None
    return Queue(
        said.task_id,
        timeout=said.timeout,
        lanes=one.lane_count,
        concurrency=limit,
        attempts=said.max_receive_count or ATTEMPTS,
        results=0,
        memory=said.memory or config.memory,
        batch=said.batch_size,
        batch_window=said.max_batching_window,
        dead_letters=one.dlq_task_id,
    )


def _declare(app: DoorApp, one: Resolved, running: Runnable, deletes: bool) -> None:
    said = one.declared
    triggers: list[Trigger] = [Managed(said.queued, deletes, config.retention)]
    triggers += [said.source] if said.source else []
    triggers += [Invoked()] if said.kind in ("pure", "scheduled") else []
    retry = RetryPolicy(attempts=said.max_receive_count or ATTEMPTS)
    options: dict[str, Any] = {"takes_context": True, **({"gathers": True} if said.gathers else {})}
    app.task(*triggers, name=said.task_id, queue=said.task_id, retry=retry, **options)(task_function(running))


def _check_dlq(one: Resolved, tasks: Mapping[str, Resolved]) -> None:
    wanted = one.dlq_task_id
    if wanted is None:
        return
    if wanted not in tasks or not tasks[wanted].declared.queued:
        known = [id for id, other in tasks.items() if other.declared.queued]
        raise DeclarationError(
            f"task {one.declared.task_id!r}: dlq_task_id={wanted!r} is no async task.{nearest(wanted, known)}"
        )


def _elsewhere(payload: object = None) -> None:
    raise RuntimeError("this task is another app's")
