"""`ebbtide deploy TARGET --stage NAME`: build, upload, show what would change, and change it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from ebbtide.app import App
from ebbtide.cli import changes
from ebbtide.cli.build import build
from ebbtide.cli.consent import agree, agree_by_name
from ebbtide.cli.following import follow, summed
from ebbtide.cli.options import takes_stage
from ebbtide.cli.output import answer, answer_fields, answer_json, busy, console, note
from ebbtide.cli.words import listed
from ebbtide.deploy.stack import execution, upload
from ebbtide.deploy.stack.account import Account
from ebbtide.deploy.stack.account import account as account_of
from ebbtide.deploy.stack.change_set import ChangeSet, discard
from ebbtide.deploy.stack.deployment import Plan, plan, store
from ebbtide.deploy.stack.state import find
from ebbtide.deploy.stack.words import called
from ebbtide.physical import Place

WAITING = 3
"""The exit code of --plan when there is something to do."""

LOSS = "--accept-data-loss"


def _parameter(context: click.Context, option: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    for pair in given:
        if "=" not in pair:
            raise click.BadParameter(f"{pair!r} is no NAME=VALUE")
    return {name: value for name, _, value in (pair.partition("=") for pair in given)}


@click.command(
    epilog="""\b
Exit codes: 0 deployed, or nothing to do; 1 it failed; 2 wrong command line; with --plan: 3 there is something to do.

\b
Examples:
  ebbtide deploy shop:app --stage prod
  ebbtide deploy shop:app --stage prod --plan
  ebbtide deploy shop:app --stage prod --yes --built .ebbtide/prod"""
)
@takes_stage
@click.option(
    "--built",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Deploy what 'ebbtide build' wrote there; default: build now.",
)
@click.option("--plan", "only_plan", is_flag=True, help="Show what would change, and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask before changing something.")
@click.option(LOSS, "losing", is_flag=True, help="Do not ask before data is lost with what is replaced or removed.")
@click.option(
    *("--parameter", "-P", "parameters"),
    multiple=True,
    callback=_parameter,
    metavar="NAME=VALUE",
    help="A value for a parameter of the template; may be given again. A stack keeps those it was given before.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(
    app: App,
    target: str,
    place: Place,
    region: str | None,
    endpoint_url: str | None,
    built: Path | None,
    only_plan: bool,
    yes: bool,
    losing: bool,
    parameters: dict[str, str],
    as_json: bool,
) -> int:
    """Put an app on AWS, or what changed of it.

    Builds it, uploads what is not there yet, shows what CloudFormation would change, asks, and follows the change to
    its end. If it fails all of it is taken back, and the first cause is told.
    """
    here = account_of(region, endpoint_url)
    folder = built or build(app, target, place.stage)
    with busy(f"comparing {place.stack} with what is in {here.where}"):
        made = plan(here, place, folder, parameters, note)
    if made.proposed is None:
        return _nothing_to_do(here, place, made, as_json)
    if not as_json:
        changes.show(made.proposed.changes, made.template, here, place.stack)
        answer(f"{place.stack} in {here.where}: {changes.summed(made.proposed.changes)}", "bold")
    if only_plan:
        discard(here, made.proposed)
        if as_json:
            answer_json(_described(place, here, made, "planned"))
        return WAITING
    _agreed(here, place, made.proposed, yes, losing)
    return _carry_out(here, place, made, made.proposed, as_json)


def _carry_out(here: Account, place: Place, made: Plan, proposed: ChangeSet, as_json: bool) -> int:
    store(here, made, _send)
    events = _executed(here, place, proposed)
    execution.succeeded(here, proposed.stack, events, f"deploying {place.stack}")
    if as_json:
        answer_json(_described(place, here, made, "deployed"))
    else:
        answer(f"deployed: {summed(events)}", "green")
        _show_outputs(here, place)
    return 0


def _nothing_to_do(here: Account, place: Place, made: Plan, as_json: bool) -> int:
    if as_json:
        answer_json(_described(place, here, made, "nothing to do"))
    else:
        answer(f"{place.stack} in {here.where}: nothing to do")
    return 0


def _agreed(here: Account, place: Place, proposed: ChangeSet, yes: bool, losing: bool) -> None:
    lost = [change for change in proposed.changes if change.loses]
    try:
        if lost:
            names = listed(f"{change.noun} {called(change.physical)}" for change in lost)
            agree_by_name(f"This loses data for good: {names}.", place.stage, losing, LOSS)
        agree(f"Change {place.stack} in {here.where}?", yes or bool(lost))
    except click.ClickException:
        discard(here, proposed)
        raise


def _executed(here: Account, place: Place, proposed: ChangeSet) -> list[execution.Event]:
    try:
        return follow(execution.execute(here, proposed), f"deploying {place.stack}")
    except KeyboardInterrupt:
        note(f"AWS goes on without being watched; 'ebbtide deploy' waits for its turn. Stack: {proposed.stack}")
        raise


def _send(account: Account, bucket: str, piece: upload.Piece) -> None:
    terminal = console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn())
    with Progress(*columns, console=terminal, transient=True, disable=not terminal.is_terminal) as progress:
        task = progress.add_task(f"uploading {piece.path.name}", total=piece.size)
        upload.upload(account, bucket, piece, lambda count: progress.advance(task, count))
    note(f"uploaded {piece.path.name}, {piece.size / 1_000:,.0f} kB")


def _show_outputs(here: Account, place: Place) -> None:
    stack = find(here, place.stack)
    if stack and stack.outputs:
        answer_fields(sorted(stack.outputs.items()))


def _described(place: Place, here: Account, made: Plan, status: str) -> dict[str, Any]:
    stack = find(here, place.stack)
    return {
        "stack": place.stack,
        "region": here.region,
        "account": here.id,
        "status": status,
        "changes": [
            changes.as_json(change, made.template, here, place.stack)
            for change in (made.proposed.changes if made.proposed else ())
        ],
        "outputs": dict(stack.outputs) if stack else {},
    }
