"""`ebbtide logs TARGET --stage NAME`: what the functions of a stage wrote."""

from __future__ import annotations

import json
import time

import click

from ebbtide.app import App
from ebbtide.cli import log_lines
from ebbtide.cli.options import duration, takes_stage
from ebbtide.cli.output import note
from ebbtide.deploy.logs import LEVELS, Line, Wanted, follow, is_there, read
from ebbtide.deploy.stack.account import account as account_of
from ebbtide.deploy.stack.trouble import DeployError
from ebbtide.errors import TargetError
from ebbtide.names import nearest
from ebbtide.physical import Place


@click.command(
    epilog="""\b
Examples:
  ebbtide logs shop:app --stage prod --follow
  ebbtide logs shop:app --stage prod --since 1d --level ERROR
  ebbtide logs shop:app --stage prod --id 0190163d-8694-739b-aea5-966c26f8ad91 --since 2d --json"""
)
@takes_stage
@click.option("--follow", "-f", "following", is_flag=True, help="Go on as lines come; Ctrl-C ends.")
@click.option("--since", type=duration, default="15m", show_default=True, metavar="SECONDS", help="How far back.")
@click.option("--queue", "queues", multiple=True, metavar="NAME", help="Of this queue only; may be given again.")
@click.option("--task", metavar="NAME", help="Of this task only.")
@click.option("--id", "id", metavar="ID", help="Of this one call only.")
@click.option("--level", type=click.Choice(LEVELS, case_sensitive=False), help="This one and above.")
@click.option("--grep", metavar="TEXT", help="Lines with this text only.")
@click.option("--json", "as_json", is_flag=True, help="Print each line as it was written.")
def command(
    app: App,
    target: str,
    place: Place,
    region: str | None,
    endpoint_url: str | None,
    following: bool,
    since: float,
    queues: tuple[str, ...],
    task: str | None,
    id: str | None,
    level: str | None,
    grep: str | None,
    as_json: bool,
) -> None:
    """Show what the functions of a stage wrote.

    Oldest first. Lambda's own lines (START, REPORT) are shown unless a task, an id or a level is asked for.
    """
    groups = _groups(app, place, queues)  # a typo is told without asking AWS
    wanted = Wanted(app.task_named(task).name if task else None, id, level, grep)
    here = account_of(region, endpoint_url)
    begin = time.time() - since
    if not following:
        found = read(here, groups, wanted, begin)
        for line in found:
            _show(line, as_json)
        if not found and not is_there(here, groups):
            raise DeployError(f"there is no log of {place.prefix} in {here.where}; 'ebbtide deploy' makes the stage")
        if not found:
            note(f"no such line in {', '.join(groups)} since then; --since looks further back")
        return
    for lines in follow(here, groups, wanted, begin):
        for line in lines:
            _show(line, as_json)


def _groups(app: App, place: Place, queues: tuple[str, ...]) -> list[str]:
    for name in queues:
        if name not in app.queues:
            raise TargetError(f"app {app.name!r} has no queue {name!r}.{nearest(name, app.queues)}")
    chosen = queues or [queue.name for queue in app.queues.values() if queue.runner == "lambda"]
    return [place.log_group(app.queues[name]) for name in chosen]


def _show(line: Line, as_json: bool) -> None:
    if not as_json:
        log_lines.show(line)
    elif line.fields is not None:
        click.echo(line.text)
    else:
        click.echo(json.dumps({"event": "platform", "function": line.function, "message": line.text}))
