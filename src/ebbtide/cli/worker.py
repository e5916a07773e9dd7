"""`ebbtide worker`: run tasks in N processes until stopped, or until the queues are empty."""

from __future__ import annotations

import json
import os
import socket
import sys
from functools import partial
from typing import Any

import click

from ebbtide.app import App
from ebbtide.cli import unfired
from ebbtide.cli.http import address, listen, routes_of, url_of, web_command
from ebbtide.cli.options import broker_of, duration
from ebbtide.cli.telling import teller
from ebbtide.connect.target import load
from ebbtide.dead_letters import check
from ebbtide.errors import TargetError
from ebbtide.names import nearest
from ebbtide.runners.logs import FORMS
from ebbtide.runners.supervisor import Command, Supervisor


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
@click.option("--http", type=address, metavar="[HOST:]PORT", help="Serve routes, results and health here.")
@click.option("--no-schedules", is_flag=True, help="Leave what is due by the clock to other workers.")
@click.option("--verbose", "-v", is_flag=True, help="Tell successes, too.")
@click.option(
    "--log-format", type=click.Choice(FORMS), default="text", show_default=True, help="json: a line for every event."
)
@click.option("--http-of-routes", is_flag=True, hidden=True)  # given by `ebbtide dev`: --http only if there are routes
@click.option("--leash", type=int, hidden=True)  # given by `ebbtide dev`: a descriptor that ends when dev does
def command(target: str, **options: Any) -> None:
    """Run the tasks of the app TARGET (module:app)."""
    app = load(target)
    try:
        check(app)
        options["queues"] = _queues(app, options["queues"])
        if options["broker"]:
            app.use(options["broker"])
        broker_of(app).depth(options["queues"][0])  # storage that cannot be used is told at once
        routes = routes_of(app)
        for one in unfired.here(app, options["queues"]):
            teller(options["log_format"])(str(one), event="trigger_unfired", task=one.task, trigger=one.trigger)
    finally:
        app.close()
    wanted = options["http"] and (routes or not options["http_of_routes"])
    listening = listen(*options["http"]) if wanted else None
    sys.exit(supervise(target, listening, routes, **options))


def supervise(target: str, listening: socket.socket | None, routes: list[str], **options: Any) -> int:
    """Keep the processes running that `options` ask for, and a web process if there is a socket; the exit code."""
    given = {
        "target": target,
        "broker": options["broker"],
        "queues": options["queues"],
        "log_format": options["log_format"],
        "log": "INFO" if options["verbose"] else "WARNING",
        "schedules": not options["no_schedules"],
        "settings": {name: options[name] for name in ("threads", "concurrency", "grace", "drain")},
    }
    processes = options["processes"]
    tell = teller(options["log_format"])
    started = f"{processes} worker process{'es' if processes > 1 else ''} for {target}; Ctrl-C stops"
    tell(started, event="worker_started", target=target, processes=processes)
    commands = [Command([sys.executable, "-m", "ebbtide.cli.process", json.dumps(given)])] * processes
    if listening:
        commands.append(web_command(listening, given))
        at, served = url_of(listening), ", ".join(routes) or "no routes, results and health alone"
        tell(f"{at} serves {served}", event="web_started", url=at, routes=routes)
    died = partial(tell, event="process_died", level="WARNING")
    code = Supervisor(commands, options["grace"], died, options["leash"]).run()
    if options["log_format"] == "json":
        tell("stopped", event="worker_stopped", exit_code=code)
    return code


def _queues(app: App, wanted: str | None) -> list[str]:
    ours = [queue.name for queue in app.queues.values() if queue.is_ours]
    names = [name.strip() for name in (wanted or "").split(",") if name.strip()] or ours
    for name in names:
        if name not in app.queues:
            raise TargetError(f"app {app.name!r} has no queue {name!r}.{nearest(name, app.queues)}")
        if name not in ours:
            raise TargetError(
                f"queue {name!r} is run elsewhere, as its declaration says; a worker takes {', '.join(ours)}"
            )
    return names
