"""What kinds of values settings have, and what is wrong with one that is of another."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from ebbtide.deploy.settings.merge import Path
from ebbtide.names import nearest


class Wrong(NamedTuple):
    """What is wrong, and where."""

    path: Path
    message: str


class Kind(NamedTuple):
    """wanted: in words, "text". holds: whether a value is of it. members: the keys a table may have; each: what all
    values of a table or list must be, their keys being the user's own. required: members that may not be left out.
    quiet: never show a value that is wrong."""

    wanted: str
    holds: Callable[[Any], bool]
    members: Mapping[str, Kind] | None = None
    each: Kind | None = None
    required: tuple[str, ...] = ()
    quiet: bool = False


def wrong(kind: Kind, value: Any, path: Path) -> Iterator[Wrong]:
    """Everything that is wrong with a value."""
    if not kind.holds(value):
        yield Wrong(path, f"{path[-1]}{'' if kind.quiet else f' = {_shown(value)}'}: {kind.wanted} expected")
        return
    if missing := [name for name in kind.required if name not in value]:
        yield Wrong(path, f"{path[-1]} has no {' and no '.join(missing)}")
    if kind.members is not None:
        for key, member in value.items():
            if key not in kind.members:
                yield Wrong((*path, key), f"unknown key {key!r}.{nearest(key, kind.members)}")
            else:
                yield from wrong(kind.members[key], member, (*path, key))
    if kind.each is not None:
        for key, member in value.items() if isinstance(value, dict) else enumerate(value):
            yield from wrong(kind.each, member, (*path, str(key)) if isinstance(value, dict) else path)


def _shown(value: Any) -> str:
    return f"{value!r:.60}".replace("True", "true").replace("False", "false")


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _is_table(value: Any) -> bool:
    return isinstance(value, dict)


def _is_plain(value: Any) -> bool:
    """Whether JSON has it; TOML has dates and infinity besides."""
    if isinstance(value, dict):
        return all(map(_is_plain, value.values()))
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return isinstance(value, (str, bool, int)) or (isinstance(value, float) and value - value == 0)


def matching(pattern: str, wanted: str) -> Kind:
    """Text of a form."""
    return Kind(wanted, lambda value: isinstance(value, str) and re.fullmatch(pattern, value, re.ASCII) is not None)


def one_of(*choices: Any) -> Kind:
    """One of a few."""
    words = ", ".join(map(repr, choices))
    return Kind(f"one of {words}", lambda value: not isinstance(value, bool) and value in choices)


def table_of(*required: str, **members: Kind) -> Kind:
    """A table of these keys, of which some are required."""
    return Kind(f"a table with {', '.join(members)}", _is_table, members, required=required)


def named(each: Kind) -> Kind:
    """A table whose keys are names of the user's."""
    return Kind("a table", _is_table, each=each)


TEXT = Kind('text in quotes, as "text",', _is_text)
FLAG = Kind("true or false", lambda value: isinstance(value, bool))
WHOLE = Kind("a whole number, 0 or more,", lambda value: type(value) is int and value >= 0)
TEXTS = Kind('a list of texts, as ["one", "two"],', _is_list, each=TEXT)
TEXTS_BY_NAME = named(TEXT)
PLAIN = Kind("a value JSON has (no dates)", _is_plain, quiet=True)
TABLE = named(PLAIN)._replace(quiet=True)
