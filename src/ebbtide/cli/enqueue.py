"""`ebbtide enqueue TARGET TASK …`: one call typed by hand, or many from lines of JSON."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import click

from ebbtide.app import App
from ebbtide.cli.calls import Arguments, from_lines, from_words
from ebbtide.cli.options import broker_of, duration, duration_or_moment, moment, takes_app
from ebbtide.cli.output import answer, answer_json, note
from ebbtide.cli.parameters import AnyTask
from ebbtide.cli.progress import counting
from ebbtide.cli.result import show, wait_for
from ebbtide.cli.words import counted
from ebbtide.errors import ArgumentError, EbbtideError
from ebbtide.names import nearest

PAGE = 500
"""Calls stored as one write."""

FOR_EVER = float("inf")


class Words(click.Command):
    """A command whose arguments may be negative numbers; any other unknown word with a dash is a mistyped option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        verbatim = len(args) - args.index("--") - 1 if "--" in args else 0
        rest = super().parse_args(ctx, args)
        words: Sequence[str] = ctx.params.get("words", ())
        for word in words[: len(words) - verbatim]:
            if word.startswith("-") and word != "-" and not _is_number(word):
                known = [option for parameter in self.params for option in parameter.opts if option.startswith("-")]
                raise click.UsageError(f"no option {word!r}.{_near(word, known)} A text goes after '--'.", ctx)
        return rest


def _near(word: str, known: list[str]) -> str:
    near = nearest(word.partition("=")[0], known)
    return near if "Did you mean" in near else ""


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _patience(value: str) -> float:
    return FOR_EVER if value == "forever" else duration(value)


@click.command(
    cls=Words,
    context_settings={"ignore_unknown_options": True},
    epilog="""\b
Exit codes: 0 enqueued (with --wait: successful), 1 failed, 2 wrong command line,
TARGET or arguments, 3 not finished within --wait.

\b
Examples:
  ebbtide enqueue shop:app receipt 42 day=2027-01-01
  ebbtide enqueue shop:app receipt 42 --delay 15m --key receipt-42
  ebbtide enqueue shop:app receipt 42 --wait=30
  jq -c '.orders[] | [.id]' orders.json | ebbtide enqueue shop:app receipt -""",
)
@takes_app
@click.argument("task")
@click.argument("words", metavar="[ARGS]...", nargs=-1, type=click.UNPROCESSED)
@click.option("--args", metavar="JSON", help="All positional arguments, as a JSON array.")
@click.option("--kwargs", metavar="JSON", help="Keyword arguments, as a JSON object.")
@click.option("--lane", type=int, help="The queue's lane, from 0.")
@click.option("--delay", type=duration, metavar="SECONDS", help="Not before so long from now: 90, 15m, 2h, 1d.")
@click.option("--run-after", type=moment, metavar="ISO", help="Not before then: 2027-01-01T12:00:00Z.")
@click.option("--expires", type=duration_or_moment, metavar="SECONDS|ISO", help="Not after then.")
@click.option("--key", help="Enqueue nothing while a call with this key is pending.")
@click.option("--key-window", type=duration, metavar="SECONDS", help="Hold the key at least so long.")
@click.option("--group", help="Tenant, or unit of order on a FIFO queue.")
@click.option("--priority", type=int, help="-100 to 100, higher first.")
@click.option(
    "--wait",
    type=_patience,
    is_flag=False,
    flag_value="forever",
    metavar="[SECONDS]",
    help="Wait for the task to end and show its result. Put it last, or write --wait=30.",
)
def command(
    app: App,
    as_json: bool,
    task: str,
    words: tuple[str, ...],
    args: str | None,
    kwargs: str | None,
    wait: float | None,
    **options: Any,
) -> int:
    """Enqueue one call of a task, or many.

    ARGS are words or name=value pairs, read as JSON or else as text, and checked against the task's parameters. A lone
    '-' reads many calls from standard input: one JSON array or object a line.
    """
    broker_of(app)
    chosen = app.task_named(task).using(**options)
    if words == ("-",):
        if wait is not None or args is not None or kwargs is not None:
            raise click.UsageError("'-' takes all calls from standard input; leave out --wait, --args and --kwargs")
        return _many(chosen, sys.stdin.buffer, as_json)
    if wait is not None and not chosen.queue.results:
        raise click.UsageError(
            f"queue {chosen.queue.name!r} keeps no results (results=0): there is nothing to wait for"
        )
    return _one(chosen, from_words(chosen, words, args, kwargs), wait, as_json)


def _one(task: AnyTask, call: Arguments, wait: float | None, machine: bool) -> int:
    args, kwargs = task.signature.unpack(*call)
    message = task.message(*args, **kwargs)
    (id,) = task.house.submit([message])
    if wait is not None:
        note(f"enqueued {id}")  # known even if the waiting is interrupted
        handle = task.house.handle(id, task)
        wait_for(handle, None if wait == FOR_EVER else wait)
        return show(handle.record, machine)
    if machine:
        answer_json({"id": id, "task": task.name, "queue": task.queue.name, "new": id == message.id})
    elif id == message.id:
        answer(id)
    else:
        answer(f"{id} (already there under this key; nothing was enqueued)")
    return 0


def _many(task: AnyTask, lines: Iterable[bytes], machine: bool) -> int:
    ids: list[str] = []
    last = 0
    try:
        with counting(task.name, None) as advance:
            calls = _checked(task, lines)
            while page := list(islice(calls, PAGE)):
                ids += task.house.submit([message for _, message in page])
                last = page[-1][0]
                advance(len(page))
    except EbbtideError as error:
        before = f"lines 1 to {last} are enqueued" if last else "nothing is enqueued"
        raise type(error)(f"{error}; {before}, none from line {last + 1} on") from error
    if machine:
        answer_json({"task": task.name, "queue": task.queue.name, "enqueued": len(set(ids)), "ids": ids})
    else:
        answer(f"{counted(len(set(ids)), 'call')} of {task.name} enqueued")
    return 0


def _checked(task: AnyTask, lines: Iterable[bytes]) -> Iterator[tuple[int, Any]]:
    for number, call in from_lines(lines):
        try:
            args, kwargs = task.signature.unpack(*call)
            yield number, task.message(*args, **kwargs)
        except ArgumentError as error:
            raise ArgumentError(f"line {number}: {error}") from None
