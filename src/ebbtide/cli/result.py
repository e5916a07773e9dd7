"""`ebbtide result TARGET ID`: what became of an enqueued task."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import click

from ebbtide import strictjson
from ebbtide.app import App
from ebbtide.cli.options import broker_to_read, duration, takes_app
from ebbtide.cli.output import answer, answer_fields, answer_json, busy
from ebbtide.cli.words import moment, span
from ebbtide.errors import TaskNotFinished
from ebbtide.result import Record, Result, Status, TaskError, as_json

EXIT_CODES = {Status.SUCCESSFUL: 0, Status.FAILED: 1, Status.READY: 3, Status.RUNNING: 3}


@click.command(
    epilog="""\b
Exit codes: 0 successful, 1 failed or not known, 2 wrong command line, 3 not finished yet.
Example:  ebbtide result shop:app 0190163d-8694-739b-aea5-966c26f8ad91 --wait 30"""
)
@takes_app
@click.argument("id")
@click.option("--wait", type=duration, metavar="SECONDS", help="Wait so long for the task to end: 30, 5m.")
def command(app: App, as_json: bool, id: str, wait: float | None) -> int:
    """Show what became of an enqueued task.

    Its status, value, attempts and times, and the error and traceback of each failed attempt.
    """
    broker_to_read(app)
    handle = app.result(id)
    if wait is not None:
        wait_for(handle, wait)
    return show(handle.record, machine=as_json)


def wait_for(handle: Result[Any], seconds: float | None) -> None:
    """Wait until the task has ended, or the time has passed."""
    with suppress(TaskNotFinished), busy(f"waiting for {handle.task} {handle.id}; a worker must be running"):
        handle.wait(seconds)


def show(record: Record, machine: bool) -> int:
    """Print a record; the exit code its status stands for."""
    value = None if record.value is None else strictjson.loads(record.value)
    if machine:
        answer_json({**as_json(record), "return_value": value})
        return EXIT_CODES[record.status]
    ended, begun = record.finished_at, record.started_at
    answer_fields(
        [
            ("task", record.task),
            ("id", record.id),
            ("status", record.status.value),
            ("value", record.value),
            ("attempts", record.attempts),
            ("enqueued", moment(record.enqueued_at)),
            ("started", moment(begun)),
            ("finished", moment(ended)),
            ("took", span(ended - begun) if ended is not None and begun is not None else ""),
        ]
    )
    show_errors(record.errors)
    return EXIT_CODES[record.status]


def show_told(task: str, id: str, fields: Mapping[str, Any] | None, machine: bool) -> int:
    """Print what a log tells of a task's end, None if it tells of none; the exit code this stands for."""
    status = Status.READY if fields is None else Status.FAILED if fields["status"] == "failed" else Status.SUCCESSFUL
    told = fields or {}
    error: Mapping[str, str] = told.get("error") or {}
    attempts, took = told.get("attempt", 0), told.get("duration_ms")
    if machine:
        known = {"id": id, "task": task, "status": status.value, "attempts": attempts}
        answer_json({**known, "duration_ms": took, "error": error or None})
        return EXIT_CODES[status]
    answer_fields([("task", task), ("id", id), ("status", status.value), ("attempts", attempts)])
    answer_fields([("took", "" if took is None else span(took / 1_000))])
    if error:
        answer(f"\nattempt {attempts}: {error.get('type')}: {error.get('message')}", "red")
    return EXIT_CODES[status]


def show_errors(errors: tuple[TaskError, ...]) -> None:
    """Print each failed attempt with its traceback."""
    for error in errors:
        answer(f"\nattempt {error.attempt}: {error}", "red")
        if error.traceback:
            answer(error.traceback.rstrip())
