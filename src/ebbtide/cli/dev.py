"""`ebbtide dev`: a worker for the desk, in one process tree, started anew whenever the code changes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

import click
from watchfiles import PythonFilter, watch

from ebbtide.cli.http import DEFAULT_PORT, LOCAL, address_or_none, written
from ebbtide.cli.options import duration
from ebbtide.cli.telling import teller
from ebbtide.runners.logs import FORMS, Form


@click.command(epilog="Ctrl-C ends it. Code that cannot be loaded is told, and tried again at the next change.")
@click.argument("target")
@click.option("--broker", metavar="URL", help="Another broker than the app's, as sqlite:///queue.db.")
@click.option("--processes", "-p", type=click.IntRange(1, 1000), default=1, show_default=True, metavar="N")
@click.option(
    "--grace", type=duration, default="5", show_default=True, metavar="SECONDS", help="To end in, at restart."
)
@click.option(
    "--http",
    type=address_or_none,
    show_default=f"{LOCAL}:{DEFAULT_PORT} if the app has routes",
    metavar="[HOST:]PORT",
    help="Serve routes, results and health here; none: nowhere.",
)
@click.option("--watch", "folders", multiple=True, type=click.Path(exists=True), help="Folders; default: this one.")
@click.option(
    "--log-format", type=click.Choice(FORMS), default="text", show_default=True, help="json: a line for every event."
)
def command(
    target: str,
    broker: str | None,
    processes: int,
    grace: float,
    http: tuple[str, int] | str | None,
    folders: tuple[str, ...],
    log_format: Form,
) -> None:
    """Run the app TARGET (module:app) here, one line a task, and restart it when a .py file changes."""
    tell = teller(log_format)
    argv = [sys.executable, "-m", "ebbtide.cli", "worker", target, "--verbose", "--log-format", log_format]
    argv += ["--processes", str(processes), "--grace", str(grace), *(["--broker", broker] if broker else [])]
    if http != "none":
        argv += (
            ["--http", written(*http)] if isinstance(http, tuple) else ["--http", str(DEFAULT_PORT), "--http-of-routes"]
        )
    watched = [Path(folder) for folder in folders] or [Path.cwd()]
    signal.signal(signal.SIGTERM, _interrupt)
    leash, _hold = os.pipe()  # the worker stops when this process is gone, however it went
    argv += ["--leash", str(leash)]
    worker = _start(argv, leash)
    try:
        for changes in watch(*watched, watch_filter=PythonFilter(), raise_interrupt=True):
            names = sorted({os.path.relpath(path) for _, path in changes})
            changed = f"{', '.join(names[:3])}{' and more' if len(names) > 3 else ''} changed: restarting"
            tell(changed, event="code_changed")
            _stop(worker, grace)
            worker = _start(argv, leash)
    except KeyboardInterrupt:
        pass
    finally:
        _stop(worker, grace)


def _start(argv: list[str], leash: int) -> subprocess.Popen[bytes]:
    # A session of its own: Ctrl-C is for this process, which passes it on once.
    return subprocess.Popen(argv, start_new_session=True, pass_fds=(leash,))  # noqa: S603 - our own argv, no shell


def _stop(worker: subprocess.Popen[bytes], grace: float) -> None:
    worker.send_signal(signal.SIGTERM)
    try:
        worker.wait(grace + 5)
    except subprocess.TimeoutExpired:
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
