"""`ebbtide schedules TARGET`: what is due by the clock: every schedule, its next times, and when it was last fired."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any

import click

from ebbtide.app import App
from ebbtide.broker import Broker
from ebbtide.cli.options import broker_to_read, takes_app
from ebbtide.cli.output import answer_json, answer_table, note
from ebbtide.cli.stages import called
from ebbtide.cli.words import iso, moment
from ebbtide.ticks import Cursor, Scheduled, Ticks, schedules
from ebbtide.triggers.zone import zone_named

COLUMNS = ("task", "schedule", "zone", "next, local", "next, UTC", "last fired")


@click.command(epilog="\b\nExample:  ebbtide schedules shop:app --next 5 --json | jq -r '.[].next[].utc'")
@takes_app
@click.option(
    "--next",
    "count",
    type=click.IntRange(1, 1000),
    default=1,
    show_default=True,
    metavar="N",
    help="So many times ahead of each.",
)
def command(app: App, as_json: bool, count: int) -> None:
    """Show what is due by the clock, and when.

    Each schedule of each task with its time zone, its next times there and in UTC, and when it was last fired. A rate
    that no worker has seen yet counts from now.
    """
    found = schedules(app.tasks)
    if not found:
        note(f"app {app.name!r} has no schedules; as in @app.task(Schedule('rate(5 minutes)'))")
    known = _cursors(broker_to_read(app), found) if found else {}
    now = app.now()
    described = [_described(scheduled, known.get(scheduled.name), now, count) for scheduled in found]
    if as_json:
        answer_json(described)
    elif found:
        answer_table(COLUMNS, [row for one in described for row in _rows(one)])


def _cursors(broker: Broker, found: list[Scheduled]) -> dict[str, Cursor]:
    if not isinstance(broker, Ticks):
        note(f"{called(broker)} does not tell when they were last fired")
        return {}
    return broker.cursors(scheduled.name for scheduled in found)


def _described(scheduled: Scheduled, cursor: Cursor | None, now: float, count: int) -> dict[str, Any]:
    task, trigger = scheduled.task, scheduled.trigger
    _, arguments = task.signature.pack((), trigger.keywords)
    return {
        "name": scheduled.name,
        "task": task.name,
        "queue": task.queue.name,
        "expression": trigger.expression,
        "timezone": trigger.zone,
        "missed": trigger.missed,
        "arguments": arguments,
        "first_seen": iso(cursor.anchor) if cursor else None,
        "last_fired": iso(cursor.fired) if cursor else None,
        "next": list(islice(_next(scheduled, cursor or Cursor(now), now), count)),
    }


def _next(scheduled: Scheduled, cursor: Cursor, now: float) -> Iterator[dict[str, Any]]:
    zone = zone_named(scheduled.trigger.zone)
    for tick in scheduled.trigger.ticks(max(now, cursor.reached), cursor.anchor):
        yield {"local": datetime.fromtimestamp(tick, zone).isoformat(), "utc": moment(tick)}


def _rows(described: dict[str, Any]) -> list[list[Any]]:
    """One row a time; one without if there is none."""
    about = [described["task"], described["expression"], described["timezone"]]
    last = (described["last_fired"] or "").replace("+00:00", "Z")
    times = described["next"] or [{"local": "never again", "utc": ""}]
    return [[*about, tick["local"], tick["utc"], last] for tick in times]
