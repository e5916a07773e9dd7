"""`ebbtide rehearse TARGET`: the app as deployed, on this machine: MiniStack in place of AWS, all else the same."""

from __future__ import annotations

import platform
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import redirect_stdout, suppress
from pathlib import Path
from types import FrameType
from typing import Any

import click

from ebbtide.app import App
from ebbtide.cli import log_lines
from ebbtide.cli.build import FOLDER, Options, build
from ebbtide.cli.calls import Arguments, from_words
from ebbtide.cli.enqueue import Words
from ebbtide.cli.options import duration
from ebbtide.cli.output import answer, answer_fields, note
from ebbtide.cli.parameters import AnyTask
from ebbtide.cli.rehearsed import REGION, Rehearsed, rehearsed
from ebbtide.cli.result import show, show_told
from ebbtide.cli.stages import region_of
from ebbtide.cli.words import one_line
from ebbtide.connect.target import load
from ebbtide.deploy.artefacts import Architecture
from ebbtide.deploy.logs import Wanted
from ebbtide.deploy.logs import follow as follow_logs
from ebbtide.deploy.stack.destroy import Member, members
from ebbtide.deploy.stack.state import find
from ebbtide.errors import UnknownResult
from ebbtide.physical import Place

HERE: Architecture = "arm64" if platform.machine().lower() in ("arm64", "aarch64") else "x86_64"
ALARMING = ("WARNING", "ERROR", "CRITICAL")
PAUSE = 0.3
"""Seconds between two looks at the log, which asks nobody's account."""


@click.command(
    cls=Words,
    context_settings={"ignore_unknown_options": True},
    epilog="""\b
Exit codes: 0 done (with --run: successful), 1 failed, 2 wrong command line, 3 not finished in time.

\b
Examples:
  ebbtide rehearse shop:app
  ebbtide rehearse shop:app --stage prod --run receipt 42 day=2027-01-01""",
)
@click.argument("target")
@click.argument("words", metavar="[ARGS]...", nargs=-1, type=click.UNPROCESSED)
@click.option(
    "--run", "task", metavar="TASK", help="Enqueue one call of this task with ARGS, show its result, and end."
)
@click.option("--stage", default="rehearsal", show_default=True, metavar="NAME", help="The stage to rehearse.")
@click.option("--region", metavar="NAME", help=f"The region to pretend; default: the settings', else {REGION}.")
@click.option(
    "--built",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Rehearse what 'ebbtide build' wrote there; default: build now, for this machine.",
)
@click.option("--python", metavar="VERSION", help="Build for this Python; default: the settings', else this one.")
@click.option(
    "--runtime-python",
    envvar="EBBTIDE_RUNTIME_PYTHON",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="PATH",
    help="Run functions in this interpreter, which has awslambdaric and boto3; default: one made with uv, and kept.",
)
@click.option("--timeout", type=duration, default="5m", show_default=True, metavar="SECONDS", help="With --run.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON document.")
def command(
    target: str,
    words: tuple[str, ...],
    task: str | None,
    stage: str,
    region: str | None,
    built: Path | None,
    python: str | None,
    runtime_python: Path | None,
    timeout: float,
    as_json: bool,
) -> int:
    """Deploy an app to MiniStack on this machine, and drive it.

    Runs it as it would run on AWS, with the template and the bundle a deployment has: with --run one call of a task,
    else until Ctrl-C, with an address for its HTTP routes, its schedules, and its log. What is there already in the
    account, as far as triggers name it, is made anew. Nothing is left behind.
    """
    with redirect_stdout(sys.stderr):  # whatever the user's module prints is no part of the answer
        app = load(target, stage)
    chosen = app.task_named(task) if task else None
    if words and chosen is None:
        raise click.UsageError(f"{words[0]!r} belongs to no task; give --run TASK")
    call = from_words(chosen, words, None, None) if chosen else Arguments([], {})
    if chosen is not None:
        chosen.signature.unpack(*call)  # what is wrong with it is told before anything is started
    place = app.place(stage)
    folder = built or build(app, target, stage, _for_here(place, python))
    signal.signal(signal.SIGTERM, _interrupt)
    groups = [place.log_group(queue) for queue in app.queues.values() if queue.runner == "lambda"]
    with rehearsed(app, place, folder, region_of(app, stage, region), runtime_python) as made:
        if chosen is not None:
            return _one(chosen, call, made, groups, timeout, as_json)
        _stay(app, place, target, made, groups)
    return 0


def _for_here(place: Place, python: str | None) -> Options:
    note(f"building for this machine ({HERE}); a deployment builds for the stage's own processor")
    return Options(output=FOLDER / f"{place.stage}-here", architecture=HERE, python=python)


def _one(task: AnyTask, call: Arguments, made: Rehearsed, groups: list[str], timeout: float, as_json: bool) -> int:
    """Run one call, with what goes wrong meanwhile on standard error.

    What became of it is told by its result, or by the log if its queue keeps none.
    """
    args, kwargs = task.signature.unpack(*call)
    handle = task.enqueue(*args, **kwargs)
    note(f"enqueued {handle.id}")
    until, kept, ended = time.monotonic() + timeout, task.queue.results > 0, None
    for lines in follow_logs(made.here, groups, Wanted(), time.time() - 60, PAUSE):
        for line in lines:
            if not line.platform and (line.fields is None or line.fields["level"] in ALARMING):
                note(log_lines.written(line))
        ended = ended or log_lines.end_of(handle.id, lines)
        if (handle.refresh().is_finished if kept else ended) or time.monotonic() > until:
            break
    if not kept:
        note(f"queue {task.queue.name!r} keeps no results; this is what its log says")
    return show(handle.record, as_json) if kept else show_told(task.name, handle.id, ended, as_json)


def _stay(app: App, place: Place, target: str, made: Rehearsed, groups: list[str]) -> None:
    stack = find(made.here, made.stack)
    assert stack is not None  # noqa: S101 - it was deployed just now
    _tell_where(place, target, made, members(made.here, stack))
    try:
        for lines in follow_logs(made.here, groups, Wanted(), time.time() - 60, PAUSE):
            for line in lines:
                if not line.platform:
                    log_lines.show(line)
                    _show_value(app, line.fields or {})
    except KeyboardInterrupt:
        note("ending the rehearsal")


def _tell_where(place: Place, target: str, made: Rehearsed, held: list[Member]) -> None:
    server = made.server
    apis = [one.physical for one in held if one.kind == "AWS::ApiGatewayV2::Api"]
    answer_fields([("HTTP", f"{server.endpoint}/_aws/execute-api/{api}/$default/") for api in apis])
    keys = "AWS_ACCESS_KEY_ID=rehearsal AWS_SECRET_ACCESS_KEY=rehearsal"
    options = f"--stage {place.stage} --region {server.region} --endpoint-url {server.endpoint}"
    answer(f"from another terminal:\n  {keys} \\\n  ebbtide enqueue {target} TASK ... {options}")
    note("Ctrl-C ends it and leaves nothing behind")


def _show_value(app: App, fields: Mapping[str, Any]) -> None:
    """Say what a task returned, if that is kept."""
    if fields.get("event") == "task" and fields.get("status") == "succeeded" and "id" in fields:
        with suppress(UnknownResult):
            value = app.result(fields["id"]).record.value
            if value not in (None, "null"):
                answer(f"         returned {one_line(value)}", "dim")


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
