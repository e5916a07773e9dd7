"""`ebbtide purge TARGET`: throw messages away, slice by slice, after saying which and asking."""

from __future__ import annotations

from typing import get_args

import click

from ebbtide.app import App
from ebbtide.cli.consent import agree
from ebbtide.cli.options import duration, purgeable_of, takes_app
from ebbtide.cli.output import answer, answer_json, note
from ebbtide.cli.progress import counting
from ebbtide.cli.words import counted
from ebbtide.errors import TargetError
from ebbtide.names import nearest
from ebbtide.purge import STATES, Chosen, Place, State

WAITING: tuple[State, ...] = ("ready", "delayed")


@click.command(
    epilog="\b\nExamples:\n  ebbtide purge shop:app --queue mail\n"
    "  ebbtide purge shop:app --state done --older-than 7d --yes"
)
@takes_app
@click.option("--queue", "queues", multiple=True, metavar="NAME", help="Only this queue; may be given again.")
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice(get_args(State)),
    help="Only these; may be given again. Without it: ready and delayed.",
)
@click.option(
    "--older-than", type=duration, default="0", metavar="DURATION", help="Enqueued, dead or done so long ago: 7d."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
def command(
    app: App, as_json: bool, queues: tuple[str, ...], states: tuple[State, ...], older_than: float, yes: bool
) -> None:
    """Throw messages away for good, with their records.

    What runs is never touched, nor what is enqueued while it purges. Workers go on meanwhile.
    """
    broker = purgeable_of(app)
    wanted = tuple(state for state in STATES if state in (states or WAITING))
    chosen = Chosen(tuple(dict.fromkeys(queues or app.queues)), wanted, app.now() - older_than)
    found = broker.purgeable(chosen)
    for name in queues:  # one that is declared no more may still hold messages
        if name not in app.queues and all(queue != name for queue, _ in found):
            raise TargetError(f"app {app.name!r} has no queue {name!r}.{nearest(name, app.queues)}")
    total = sum(found.values())
    _announce(found)
    agree(f"Purge {counted(total, 'message')} for good?", yes or not total)
    gone = 0
    with counting("purged", total) as advance:
        for slice in broker.remove(chosen) if total else ():
            gone += slice
            advance(slice)
    if as_json:
        answer_json({"purged": gone})
    else:
        answer(f"{counted(gone, 'message')} purged")


def _announce(found: dict[Place, int]) -> None:
    """One remark for each queue: what goes."""
    for queue in dict.fromkeys(queue for queue, _ in found):
        note(f"{queue}: {', '.join(f'{number:,} {state}' for (of, state), number in found.items() if of == queue)}")
    if not found:
        note("there is nothing like that")
