"""A stack's change on the screen: a line for each resource that is done, and what is under way where someone looks."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from datetime import datetime

from rich.text import Text

from ebbtide.cli.output import console
from ebbtide.cli.words import counted, one_line, printable, span
from ebbtide.deploy.stack.execution import Event
from ebbtide.deploy.stack.words import called

_DONE = {"CREATE": "created", "UPDATE": "changed", "DELETE": "removed", "IMPORT": "taken in"}


def follow(events: Iterable[Event], doing: str) -> list[Event]:
    """Show the events as they come; all of them."""
    terminal = console(stderr=True)
    begun: dict[str, datetime] = {}
    seen: list[Event] = []
    with terminal.status(doing) if terminal.is_terminal else nullcontext() as status:
        for event in events:
            seen.append(event)
            if event.of_stack:
                if event.status.endswith("ROLLBACK_IN_PROGRESS"):
                    terminal.print(Text(f"{event.reason or 'something failed'}; taking all of it back", style="red"))
            elif event.status.endswith("_IN_PROGRESS"):
                begun.setdefault(event.logical, event.at)
            else:
                terminal.print(_line(event, (event.at - begun.pop(event.logical, event.at)).total_seconds()))
            if status is not None:
                status.update(f"{doing}: {', '.join(list(begun)[:3])}" if begun else doing)
    return seen


def name_of(event: Event) -> str:
    return printable(called(event.physical) or event.logical)


def _line(event: Event, took: float) -> Text:
    verb, _, ending = event.status.partition("_")
    if event.status.endswith("_FAILED"):
        style = "red" if event.failed else "dim"
        return Text(f"  failed {event.noun} {name_of(event)}: {one_line(event.reason, 2_000)}", style=style)
    if ending != "COMPLETE":
        return Text(f"  {event.status.lower().replace('_', ' ')} {event.noun} {name_of(event)}", style="dim")
    lasted = f" in {span(took)}" if took >= 1 else ""
    return Text(f"  {_DONE.get(verb, verb.lower())} {event.noun} {name_of(event)}{lasted}")


def summed(events: Iterable[Event]) -> str:
    """`12 resources`: how many were touched."""
    return counted(len({event.logical for event in events if not event.of_stack}), "resource")
