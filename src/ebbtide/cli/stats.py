"""`ebbtide stats TARGET`: what the tasks did in the last hour, and how long they waited and ran."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click

from ebbtide.app import App
from ebbtide.cli.options import figures_of, takes_app
from ebbtide.cli.output import answer_json, answer_table, console, note
from ebbtide.cli.words import span
from ebbtide.figures import SPAN, TaskHour, by_task, since_an_hour

COLUMNS = ("queue", "task", "ended#", "retried#", "failed#", "mean run#", "longest#", "mean wait#", "last hour#")
_BARS, _ASCII = " ▁▂▃▄▅▆▇█", " .:-=+*#@"
_BESIDE = 90
"""Characters that the other columns take, about."""


@click.command(epilog="\b\nExample:  ebbtide stats shop:app --json | jq '.[] | select(.failed > 0)'")
@takes_app
def command(app: App, as_json: bool) -> None:
    """Show what the tasks did in the last hour.

    'ended' are messages that came to their end, well or not; 'retried' are attempts that failed and were to be run
    again; 'failed' are dead letters. 'mean run' is of all attempts, 'mean wait' from when a message was due to its
    first start.
    """
    hours = by_task(figures_of(app).minutes(since_an_hour(app.now())), app.now())
    if as_json:
        answer_json([_described(hour) for hour in hours])
    elif hours:
        answer_table(COLUMNS, [_row(hour) for hour in hours])
    else:
        note("nothing has ended in the last hour")


def _row(hour: TaskHour) -> list[Any]:
    total = hour.total
    counts = (f"{count:,}" for count in (total.ended, total.retried, total.failed))
    times = (lasting(total.mean_run), lasting(total.longest), lasting(total.mean_wait))
    return [hour.queue, hour.task or "(none of ours)", *counts, *times, sparkline(hour.by_minute, *_drawing())]


def _drawing() -> tuple[int, str]:
    """How many bars fit, each of as many minutes, and what they are drawn with."""
    terminal = console()
    room = terminal.width - _BESIDE if terminal.is_terminal else SPAN
    width = next((bars for bars in (60, 30, 20, 12) if bars <= room), 12)
    return width, _BARS if "utf" in (sys.stdout.encoding or "").lower() else _ASCII


def sparkline(counts: Sequence[int], width: int, bars: str = _BARS) -> str:
    """Counts as `width` bars, the highest full, none but a count of 0 empty; width divides their number."""
    each = len(counts) // width
    sums = [sum(counts[start : start + each]) for start in range(0, len(counts), each)]
    most = max(sums, default=0) or 1
    return "".join(bars[-(-count * (len(bars) - 1) // most)] for count in sums)


def lasting(seconds: float | None) -> str:
    """A duration for people, below a second in milliseconds."""
    if seconds is None or seconds >= 1:
        return span(seconds)
    milliseconds = seconds * 1000
    return f"{milliseconds:.3g} ms" if milliseconds < 99.5 else f"{milliseconds:.0f} ms"


def _described(hour: TaskHour) -> dict[str, Any]:
    total = hour.total
    return {
        "queue": hour.queue,
        "task": hour.task,
        "succeeded": total.succeeded,
        "retried": total.retried,
        "failed": total.failed,
        "mean_run": total.mean_run,
        "longest_run": total.longest,
        "mean_wait": total.mean_wait,
        "by_minute": list(hour.by_minute),
    }
