"""`ebbtide worker`: run tasks in N processes until stopped, or until the queues are empty."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import click

from ebbtide.app import App
from ebbtide.cli.options import broker_of, duration
from ebbtide.cli.output import note
from ebbtide.connect.target import load
from ebbtide.errors import TargetError
from ebbtide.names import nearest
from ebbtide.runners.supervisor import Supervisor


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@click.command(
    epilog="SIGTERM or Ctrl-C: take nothing new, finish what runs within the grace, give back the rest; again: give "
    "back at once. Exit code 0 when stopped or drained, 1 for a queue that cannot be opened, 2 for a wrong TARGET or "
    "option."
)
@click.argument("target")
@click.option("--broker", metavar="URL", help="Another broker than the app's, as sqlite:///queue.db.")
@click.option("--processes", "-p", type=click.IntRange(1, 1000), default=_cores, show_default="cores", metavar="N")
@click.option("--threads", type=click.IntRange(0, 1000), default=0, metavar="N", help="Run def tasks on N threads.")
@click.option(
    "--concurrency",
    type=click.IntRange(1, 1000),
    default=100,
    show_default=True,
    metavar="N",
    help="async def tasks at once in each process.",
)
@click.option("--queues", "-q", metavar="A,B", help="Only these queues.")
@click.option("--drain", is_flag=True, help="End when nothing is left to run within a minute.")
@click.option(
    "--grace",
    type=duration,
    default="30",
    show_default=True,
    metavar="SECONDS",
    help="For what runs to end in, after a stop.",
)
@click.option("--verbose", "-v", is_flag=True, help="Tell successes, too.")
@click.option("--leash", type=int, hidden=True)  # given by `ebbtide dev`: a descriptor that ends when dev does
def command(target: str, **options: Any) -> None:
    """Run the tasks of the app TARGET (module:app)."""
    app = load(target)
    try:
        options["queues"] = _queues(app, options["queues"])
        if options["broker"]:
            app.use(options["broker"])
        broker_of(app).depth(options["queues"][0])  # storage that cannot be used is told at once
    finally:
        app.close()
    sys.exit(supervise(target, **options))


def supervise(target: str, **options: Any) -> int:
    """Keep the processes running that `options` ask for; the exit code."""
    given = {
        "target": target,
        "broker": options["broker"],
        "queues": options["queues"],
        "log": "INFO" if options["verbose"] else "WARNING",
        "settings": {name: options[name] for name in ("threads", "concurrency", "grace", "drain")},
    }
    processes = options["processes"]
    note(f"{processes} worker process{'es' if processes > 1 else ''} for {target}; Ctrl-C stops")
    argv = [sys.executable, "-m", "ebbtide.cli.process", json.dumps(given)]
    return Supervisor(argv, processes, options["grace"], note, options["leash"]).run()


def _queues(app: App, wanted: str | None) -> list[str]:
    names = [name.strip() for name in (wanted or "").split(",") if name.strip()] or list(app.queues)
    for name in names:
        if name not in app.queues:
            raise TargetError(f"app {app.name!r} has no queue {name!r}.{nearest(name, app.queues)}")
    return names
