"""`async-lambda invoke MODULE TASK_ID`: one task, run here and now with an event made of the options."""

from __future__ import annotations

import json
from typing import Any

import click

from ebbtide.cli.output import answer
from ebbtide.contrib.async_lambda.app import DoorApp
from ebbtide.contrib.async_lambda.cli.module import takes_module
from ebbtide.contrib.async_lambda.cli.trial import ran
from ebbtide.contrib.async_lambda.globals import enable_force_sync_mode


@click.command(
    epilog="""\b
Examples:
  async-lambda invoke app AsyncTask1 -b '{"foo": "bar"}'
  async-lambda invoke app GetReport -q 'year=2027' -h Accept text/csv"""
)
@takes_module()
@click.argument("task_id")
@click.option("-b", "--body", help="The payload as JSON, or as text; of an API task the body; of a stream the event.")
@click.option("-q", "--query-string", help="Of an API task: a=1&b=2.")
@click.option("-h", "--header", "headers", type=(str, str), multiple=True, metavar="NAME VALUE", help="Of an API task.")
def command(
    app: DoorApp,
    module: str,
    stage: str | None,
    task_id: str,
    body: str | None,
    query_string: str | None,
    headers: tuple[tuple[str, str], ...],
) -> None:
    """Run a task here and now, and all that it invokes, each before its async_invoke returns. Nothing is queued."""
    app.task_named(task_id)
    kind = app.declared[task_id].kind if task_id in app.declared else "pure"
    if kind != "api" and (query_string is not None or headers):
        raise click.UsageError(f"task {task_id!r} is no API task: --query-string and --header are for these alone")
    enable_force_sync_mode()
    returned = ran(app, task_id, body, query_string or "", headers)
    if returned is not None:
        answer(_written(returned))


def _written(value: Any) -> str:
    try:
        return json.dumps(value, indent=2, ensure_ascii=False)
    except (TypeError, ValueError):
        return repr(value)
