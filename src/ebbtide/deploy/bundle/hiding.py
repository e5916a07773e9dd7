"""Files from several places at the top of one archive: the nearer place hides the farther, as on Python's path.

A module or a package hides all of another of its name, so that no package is put together from two versions. A folder
without `__init__.py` is a namespace, of which both places may have a part.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from ebbtide.deploy.bundle.entry import Entry

_CODE = (".py", ".pyc", ".so")


def hidden(places: Iterable[Sequence[Entry]]) -> list[list[Entry]]:
    """What is left of each place, the nearest first."""
    modules: set[str] = set()
    names: set[str] = set()
    seen = []
    for entries in places:
        left = [entry for entry in entries if entry.name not in names and _module(entry.name) not in modules]
        names |= {entry.name for entry in left}
        modules |= _whole(left)
        seen.append(left)
    return seen


def _module(name: str) -> str:
    """The top-level module that a file belongs to: `six` for `six.py` and `__pycache__/six.cpython-313.pyc`."""
    first, _, rest = name.partition("/")
    file = rest if first == "__pycache__" else first
    return file.partition(".")[0] if file.endswith(_CODE) else first


def _whole(entries: Iterable[Entry]) -> set[str]:
    """The modules that are there as one file or as a package."""
    paths = (PurePosixPath(entry.name) for entry in entries)
    return {
        _module(str(path))
        for path in paths
        if (len(path.parts) == 1 and path.suffix in _CODE) or path.parts[1:] == ("__init__.py",)
    }
