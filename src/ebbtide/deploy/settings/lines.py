"""On which line a TOML file says what: the standard library's reader keeps no lines, an error message needs one."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ebbtide.deploy.settings.merge import Path

_KEY = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
_DOTTED = rf"{_KEY}(?:\s*\.\s*{_KEY})*"
_HEADER = re.compile(rf"\s*\[(\[?)\s*({_DOTTED})\s*\]")
_ASSIGNED = re.compile(rf"\s*({_DOTTED})\s*=")
_LONG = ('"""', "'''")


def lines_of(text: str) -> dict[Path, int]:
    """Where each table begins and each key is given, by its path; what stands within a value is not listed."""
    found: dict[Path, int] = {}
    table: Path = ()
    open_text: str | None = None
    for number, line in enumerate(text.splitlines(), 1):
        if open_text:
            open_text = None if line.count(open_text) % 2 else open_text
            continue
        if header := _HEADER.match(line):
            table = _path(header[2])
            found.setdefault(table, number)
        elif assigned := _ASSIGNED.match(line):
            path = (*table, *_path(assigned[1]))
            for length in range(len(table) + 1, len(path) + 1):
                found.setdefault(path[:length], number)
        open_text = next((quotes for quotes in _LONG if line.count(quotes) % 2), None)
    return found


def line_of(path: Path, lines: Mapping[Path, int]) -> int:
    """The line of what stands there, or of the nearest that holds it; 1 if nothing does."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


def _path(dotted: str) -> Path:
    return tuple(part if part[0] not in "\"'" else part[1:-1] for part in re.findall(_KEY, dotted))
