"""`async-lambda ls MODULE`: the tasks of an app, and what starts them."""

from __future__ import annotations

import click

from ebbtide.cli.output import answer_table, note
from ebbtide.cli.words import span
from ebbtide.contrib.async_lambda.app import DoorApp
from ebbtide.contrib.async_lambda.cli.module import takes_module

COLUMNS = ("task", "kind", "started by", "lanes#", "timeout#", "memory#", "attempts#")


@click.command()
@takes_module(builds=True)
def command(app: DoorApp, module: str, stage: str | None) -> None:
    """List the tasks of an app, what starts each, its lanes, timeout, memory (MB) and attempts."""
    rows = []
    for name, one in sorted(app.declared.items()):
        task, queued = app.task_named(name), one.declared.queued
        started = "async_invoke" if queued else repr(one.declared.source) if one.declared.source else ""
        attempts = task.retry.attempts if one.kind != "api" else ""
        rows.append([name, one.kind, started, one.lane_count, span(task.queue.timeout), task.queue.memory, attempts])
    if rows:
        answer_table(COLUMNS, rows)
    else:
        note(f"{module} has no tasks; declare one with @app.async_task")
