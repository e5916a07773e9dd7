"""What a stage is called: anything in the file, as `prod-eu`; on AWS up to 16 small letters and digits, as `prodeu`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ebbtide.deploy.settings.file import Written
from ebbtide.errors import DeclarationError
from ebbtide.names import nearest

NO_STAGE = "default"
"""What the place is called of a build that names no stage."""

REHEARSAL = "rehearsal"
"""The stage of `ebbtide rehearse`, which nobody need write down."""

NEEDED = "it needs ASCII letters or digits"

_LONGEST = 16


def place_stage(name: str | None) -> str:
    """What a stage is called on AWS: its letters and digits, small, 16 at most. Raises DeclarationError if it has none.

    >>> place_stage("prod-eu"), place_stage("2024"), place_stage(None)
    ('prodeu', 's2024', 'default')
    """
    if name is None:
        return NO_STAGE
    if not (placed := placed_as(name)):
        raise DeclarationError(f"a stage cannot be called {name!r}: {NEEDED}")
    return placed


def placed_as(name: str) -> str:
    """The same; empty if there is none."""
    kept = re.sub("[^a-z0-9]", "", name.lower())
    return f"{'s' if kept[:1].isdigit() else ''}{kept}"[:_LONGEST]


def known_stages(content: Mapping[str, Any]) -> list[str]:
    """Those of the app's level if it has any, else those of its tasks; empty if nobody names one."""
    of_tasks = [stage for own in table(content, "tasks").values() for stage in table(own, "stages")]
    return list(table(content, "stages")) or list(dict.fromkeys(of_tasks))


def config_stage(given: Written, asked: str | None) -> str | None:
    """The name in the file of the stage that is asked for; None if no stage's level applies.

    It is found by its name, or else by what it is called on AWS. Raises DeclarationError for a stage that nobody knows,
    and for one that could be either of two.
    """
    known = known_stages(given.content)
    if asked is None or asked in known:
        return asked
    alike = [stage for stage in known if placed_as(stage) == placed_as(asked) != ""]
    if len(alike) > 1:
        either = " or ".join(map(repr, alike))
        raise DeclarationError(
            f"{given.where(('stages', alike[1]))}: stage {asked!r} can be {either}; rename one of them"
        )
    if alike:
        return alike[0]
    if known and asked not in (NO_STAGE, REHEARSAL):
        path = ("stages" if table(given.content, "stages") else "tasks",)
        raise DeclarationError(
            f"{given.where(path)}: there is no stage {asked!r}.{nearest(asked, known)} "
            f'To have one to which only what is said for all applies, add "{asked}": {{}} to "stages"'
        )
    return None


def table(holder: Any, name: str) -> Mapping[str, Any]:
    """The table of that name in another; empty if either is none."""
    found = holder.get(name) if isinstance(holder, dict) else None
    return found if isinstance(found, dict) else {}
