"""A change set as a diff in plain words: what is added, changed, replaced, removed, and what would be lost for good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from ebbtide.cli.output import console
from ebbtide.cli.words import printable
from ebbtide.deploy.stack.account import Account
from ebbtide.deploy.stack.change_set import Action, Change
from ebbtide.deploy.stack.words import called

_LOOKS: dict[Action, tuple[str, str, str]] = {
    "add": ("+", "add", "green"),
    "change": ("~", "change", "yellow"),
    "may replace": ("!", "MAY REPLACE", "yellow"),
    "replace": ("!", "REPLACE", "yellow"),
    "keep": ("-", "let go, and keep", "yellow"),
    "remove": ("-", "remove", "yellow"),
}
_NAMES = (
    *("FunctionName", "QueueName", "TableName", "BucketName", "TopicName", "RoleName", "LogGroupName", "RouteKey"),
    *("AlarmName", "LayerName", "Name"),
)
BECAUSE = 6
"""Causes shown of one change."""


def show(changes: Sequence[Change], template: Any, here: Account, stack: str) -> None:
    """Print what would become of each resource. template: names those that are not there yet, in the stack's place."""
    terminal = console()
    order = list(_LOOKS)
    ranked = sorted(changes, key=lambda change: (order.index(change.action), change.noun, change.logical))
    width = max((len(change.noun) for change in ranked), default=0)
    for change in ranked:
        sign, verb, style = _LOOKS[change.action]
        lost = f", and lose {change.loses}" if change.loses else ""
        text = f"  {sign} {change.noun:<{width}}  {name_of(change, template, here, stack)}"
        if change.action != "add":
            text += f": {verb}{lost}"
        terminal.print(Text(printable(text), style="bold red" if change.loses else style))
        more = len(change.because) - BECAUSE
        for cause in (*change.because[:BECAUSE], *([f"and {more} more"] if more > 0 else ())):
            terminal.print(Text(printable(f"      {cause}"), style="dim"))


def summed(changes: Sequence[Change]) -> str:
    """`3 to add, 1 to change, 1 to REPLACE`."""
    counts = {action: sum(change.action == action for change in changes) for action in _LOOKS}
    return ", ".join(f"{count} to {_LOOKS[action][1]}" for action, count in counts.items() if count)


def as_json(change: Change, template: Any, here: Account, stack: str) -> dict[str, Any]:
    """A change for programs."""
    return {
        "action": change.action,
        "type": change.kind,
        "logical_id": change.logical,
        "physical_id": change.physical or None,
        "name": name_of(change, template, here, stack),
        "because": list(change.because),
        "loses": change.loses,
    }


def name_of(change: Change, template: Any, here: Account, stack: str) -> str:
    """What people call it: its physical name, or the one it is to get."""
    if change.physical:
        return called(change.physical)
    properties = template["Resources"].get(change.logical, {}).get("Properties", {})
    given = (properties.get(name) for name in _NAMES)
    known = {"AWS::AccountId": here.id, "AWS::Region": here.region, "AWS::StackName": stack}
    return next((name for name in (_plain(one, known) for one in given) if name), change.logical)


def _plain(name: Any, known: Mapping[str, str]) -> str | None:
    """A name as text; None where CloudFormation alone knows it."""
    text = name.get("Fn::Sub") if isinstance(name, dict) else name
    if not isinstance(text, str):
        return None
    for variable, value in known.items():
        text = text.replace(f"${{{variable}}}", value)
    return None if "${" in text else text
