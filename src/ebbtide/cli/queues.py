"""`ebbtide queues TARGET`: how many messages wait, run and have died, by queue and lane, and the queues' settings."""

from __future__ import annotations

from typing import Any

import click

from ebbtide.app import App
from ebbtide.broker import Depth
from ebbtide.cli.options import broker_to_read, duration, takes_app
from ebbtide.cli.output import answer, answer_json, answer_table
from ebbtide.cli.stages import queues_of
from ebbtide.cli.watch import watch
from ebbtide.cli.words import span
from ebbtide.queue import Queue

DEPTH = ("queue", "lane#", "ready#", "delayed#", "running#", "dead#", "oldest ready#")
SETTINGS = ("queue", "runner", "lanes#", "at once#", "timeout#", "loan#", "attempts#", "results kept#", "fifo")


@click.command(epilog="\b\nExample:  ebbtide queues shop:app --json | jq '[.[].depth[].dead] | add'")
@takes_app
@click.option(
    "--watch",
    "every",
    type=duration,
    is_flag=False,
    flag_value="2",
    metavar="[SECONDS]",
    help="Look again and again, with rates; q or Ctrl-C ends. Put it last, or write --watch=10.",
)
def command(app: App, as_json: bool, every: float | None) -> None:
    """Show how full the queues are, and their settings.

    'oldest ready' is how long ago the oldest message that could run was enqueued: how far behind the workers are.
    """
    if every is not None:
        watch(app, max(every, 0.1), as_json)
        return
    broker = broker_to_read(app)
    depths = {queue: _lanes(queue, broker.depth(queue.name)) for queue in queues_of(app, broker)}
    if as_json:
        answer_json([_described(queue, lanes) for queue, lanes in depths.items()])
        return
    rows = [_row(queue, lane, depth) for queue, lanes in depths.items() for lane, depth in enumerate(lanes)]
    answer_table(DEPTH, rows)
    for queue, lanes in depths.items():
        for lane in range(queue.lanes, len(lanes)):
            if lanes[lane].pending:
                answer(f"no worker takes from lane {lane} of {queue.name!r}: it declares lanes={queue.lanes}", "red")
    answer("")
    answer_table(SETTINGS, [_settings(queue) for queue in depths])


def _lanes(queue: Queue, found: list[Depth]) -> list[Depth]:
    """One Depth for each lane declared or in use."""
    return found + [Depth()] * (queue.lanes - len(found))


def _row(queue: Queue, lane: int, depth: Depth) -> list[Any]:
    counts = (depth.ready, depth.delayed, depth.running, depth.dead)
    return [queue.name, lane, *(f"{count:,}" for count in counts), span(depth.oldest)]


def _settings(queue: Queue) -> list[Any]:
    limits = [str(queue.limit(lane) or "any") for lane in range(queue.lanes)]
    return [
        queue.name,
        queue.runner,
        queue.lanes,
        ", ".join(limits) if len(set(limits)) > 1 else limits[0],
        span(queue.timeout),
        span(queue.loan),
        queue.attempts,
        span(queue.results) if queue.results else "no",
        "yes" if queue.fifo else "no",
    ]


def _described(queue: Queue, lanes: list[Depth]) -> dict[str, Any]:
    return {
        "name": queue.name,
        "depth": [{"lane": lane, **depth._asdict()} for lane, depth in enumerate(lanes)],
        "runner": queue.runner,
        "lanes": queue.lanes,
        "concurrency": [queue.limit(lane) for lane in range(queue.lanes)],
        "timeout": queue.timeout,
        "visibility": queue.loan,
        "attempts": queue.attempts,
        "results": queue.results,
        "fifo": queue.fifo,
        "memory": queue.memory,
        "cpu": queue.cpu,
    }
