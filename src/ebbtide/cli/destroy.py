"""`ebbtide destroy TARGET --stage NAME`: take a stage away, and say what stays."""

from __future__ import annotations

import click

from ebbtide.app import App
from ebbtide.cli.consent import agree_by_name
from ebbtide.cli.following import follow, summed
from ebbtide.cli.options import takes_stage
from ebbtide.cli.output import answer, answer_json, note
from ebbtide.cli.words import counted
from ebbtide.deploy.stack import execution
from ebbtide.deploy.stack.account import Account
from ebbtide.deploy.stack.account import account as account_of
from ebbtide.deploy.stack.deployment import stack_to_remove
from ebbtide.deploy.stack.destroy import Member, clear_artefacts, destroy, members
from ebbtide.deploy.stack.state import Stack
from ebbtide.deploy.stack.upload import bucket_of
from ebbtide.deploy.stack.words import HOLDS, called
from ebbtide.physical import Place


@click.command(epilog="\b\nExample:  ebbtide destroy shop:app --stage dev")
@takes_stage
@click.option("--yes", is_flag=True, help="Do not ask for the stage's name.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(
    app: App, target: str, place: Place, region: str | None, endpoint_url: str | None, yes: bool, as_json: bool
) -> None:
    """Take a stage away from AWS, with all it holds.

    Its queues with the messages in them, its table of results, its bucket, its functions and their logs. What the
    template says is to be kept stays, and is named.
    """
    here = account_of(region, endpoint_url)
    stack = stack_to_remove(here, place)
    held = members(here, stack) if stack else []
    if stack is not None:
        _agreed(here, place, held, yes)
        events = follow(destroy(here, stack, held), f"removing {place.stack}")
        execution.succeeded(here, stack.id, events, f"removing {place.stack}")
    bucket_gone = clear_artefacts(here, place)
    kept = [member for member in held if member.kept]
    if as_json:
        answer_json(_described(here, place, stack, kept, bucket_gone))
    elif stack is None:
        answer(f"there is no {place.stack} in {here.where}: nothing to do")
    else:
        answer(f"removed {place.stack}: {summed(events)}", "green")
        for member in kept:
            answer(f"kept, as the template says: {member.noun} {called(member.physical)}", "yellow")
        if not bucket_gone:
            note(f"the bucket {bucket_of(here)} stays: other stages have their artefacts there")


def _agreed(here: Account, place: Place, held: list[Member], yes: bool) -> None:
    lost = [member for member in held if member.kind in HOLDS and not member.kept]
    if not yes:
        for member in lost:
            answer(f"  - {member.noun} {called(member.physical)}, with {HOLDS[member.kind]}", "bold red")
    question = f"This removes {place.stack} from {here.where}: {counted(len(held), 'resource')}."
    agree_by_name(question, place.stage, yes, "--yes")


def _described(here: Account, place: Place, stack: Stack | None, kept: list[Member], bucket_gone: bool) -> object:
    return {
        "stack": place.stack,
        "region": here.region,
        "account": here.id,
        "status": "removed" if stack else "nothing to do",
        "kept": [member._asdict() for member in kept] + ([] if bucket_gone else [{"bucket": bucket_of(here)}]),
    }
