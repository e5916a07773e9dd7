"""Who needs what, as the tools that write a requirements.txt note it: `# via flask, ebbtide`.

Such a file lists everything, needed directly or not, so what only a left-out package needs can be known by its notes
alone.
"""

from __future__ import annotations

import re
from collections.abc import Collection

_NAME = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)")
_NOTE = re.compile(r"#\s*via\b(.*)$")
_MORE = re.compile(r"^\s*#\s{2,}(\S.*)$")


def normal(name: str) -> str:
    """A package's name as it is compared."""
    return re.sub(r"[-_.]+", "-", name).lower()


def needed_by(text: str) -> dict[str, set[str]]:
    """By package, who needs it according to the notes; whoever needs it by hand is called by a file's name."""
    found: dict[str, set[str]] = {}
    name, noting = "", False
    for line in text.splitlines():
        if named := _NAME.match(line):
            name, noting = normal(named[1]), False
            found[name] = set()
        if note := _NOTE.search(line):
            noting = True
            found.setdefault(name, set()).update(_names(note[1]))
        elif noting and (more := _MORE.match(line)):
            found[name].update(_names(more[1]))
        else:
            noting = False
    return found


def needed_only_by(left_out: Collection[str], text: str) -> tuple[str, ...]:
    """These packages and those that the notes say only they need, directly or not; sorted."""
    notes, gone = needed_by(text), set(left_out)
    while more := {name for name, by in notes.items() if by and by <= gone} - gone:
        gone |= more
    return tuple(sorted(gone))


def _names(listed: str) -> list[str]:
    return [normal(name) for name in re.split(r",\s*", listed.strip()) if name]
