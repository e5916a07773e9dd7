"""`ebbtide tasks TARGET`: what the app can be asked to do. Opens no broker."""

from __future__ import annotations

import inspect
from inspect import Parameter
from typing import Any

import click

from ebbtide.app import App
from ebbtide.cli import unfired
from ebbtide.cli.options import takes_app
from ebbtide.cli.output import answer_json, answer_table, note
from ebbtide.cli.parameters import AnyTask, annotation_of, parameters, without_modules
from ebbtide.cli.words import one_line, span

COLUMNS = ("task", "parameters", "queue", "lanes#", "attempts#", "timeout#", "triggers", "kind")

_STARS: dict[Any, str] = {Parameter.VAR_POSITIONAL: "*", Parameter.VAR_KEYWORD: "**"}


@click.command(epilog="\b\nExample:  ebbtide tasks shop:app --json | jq -r '.[].name'")
@takes_app
def command(app: App, as_json: bool) -> None:
    """List the tasks of an app.

    With their parameters, queue, lanes, attempts, timeout, triggers, and whether they are async.
    """
    tasks = sorted(app.tasks.values(), key=lambda task: task.name)
    if as_json:
        answer_json([described(task) for task in tasks])
    elif tasks:
        answer_table(COLUMNS, [_row(task) for task in tasks])
        for one in unfired.of_tasks(app):
            note(str(one))
    else:
        note(f"app {app.name!r} has no tasks; put @app.task on a function, in a module that {app.name!r} imports")


def described(task: AnyTask) -> dict[str, Any]:
    """A task as plain JSON."""
    return {
        "name": task.name,
        "doc": (inspect.getdoc(task.function) or "").partition("\n")[0],
        "queue": task.queue.name,
        "lanes": task.queue.lanes,
        "attempts": task.retry.attempts,
        "timeout": task.queue.timeout,
        "triggers": [repr(trigger) for trigger in task.triggers],
        "async": task.is_async,
        "takes_context": task.takes_context,
        "parameters": [_parameter(p) for p in parameters(task)],
    }


def _parameter(parameter: Parameter) -> dict[str, Any]:
    variadic = parameter.kind in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
    default = None if parameter.default is Parameter.empty else one_line(repr(parameter.default))
    return {
        "name": parameter.name,
        "type": annotation_of(parameter),
        "kind": parameter.kind.name.lower(),
        "required": parameter.default is Parameter.empty and not variadic,
        "default": default,
    }


def _row(task: AnyTask) -> list[Any]:
    return [
        task.name,
        ", ".join(map(_shown, parameters(task))),
        task.queue.name,
        task.queue.lanes,
        task.retry.attempts,
        span(task.queue.timeout),
        ", ".join(repr(trigger) for trigger in task.triggers),
        "async" if task.is_async else "sync",
    ]


def _shown(parameter: Parameter) -> str:
    stars = _STARS.get(parameter.kind, "")
    kind = without_modules(annotation_of(parameter) or "")
    default = "" if parameter.default is Parameter.empty else one_line(repr(parameter.default), 40)
    equals = (" = " if kind else "=") if default else ""
    return f"{stars}{parameter.name}{f': {kind}' if kind else ''}{equals}{default}"
