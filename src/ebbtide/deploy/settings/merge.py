"""How a level of settings is laid over another: lists grow, maps merge, scalars override; nothing is destroyed.

An intrinsic function of CloudFormation, as `{"Ref": "Table"}`, is a scalar here: half of one is none.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

Path = tuple[str, ...]


class Clash(NamedTuple):
    """Two equals say different things at one place."""

    path: Path
    one: Any
    other: Any


def merge(below: Any, above: Any) -> Any:
    """Both, where `above` is the nearer level and wins. Neither is changed."""
    if _is_map(below) and _is_map(above):
        return {key: _both(below, above, key) for key in {**below, **above}}
    if isinstance(below, list) and isinstance(above, list):
        return without_repeats([*below, *above])
    return above


def clashes(one: Any, other: Any, path: Path = ()) -> Iterator[Clash]:
    """Where neither can win because both stand on the same level."""
    if _is_map(one) and _is_map(other):
        for key in one:
            if key in other:
                yield from clashes(one[key], other[key], (*path, key))
    elif not (isinstance(one, list) and isinstance(other, list)) and _text(one) != _text(other):
        yield Clash(path, one, other)


def without_repeats(items: list[Any]) -> list[Any]:
    """The items in order, each the first time it comes."""
    kept: dict[str, Any] = {}
    for item in items:
        kept.setdefault(_text(item), item)
    return list(kept.values())


def _both(below: Mapping[str, Any], above: Mapping[str, Any], key: str) -> Any:
    if key not in above:
        return below[key]
    return merge(below[key], above[key]) if key in below else above[key]


def _is_map(value: Any) -> bool:
    return isinstance(value, Mapping) and not _is_intrinsic(value)


def _is_intrinsic(value: Mapping[str, Any]) -> bool:
    return len(value) == 1 and (next(iter(value)) == "Ref" or next(iter(value)).startswith("Fn::"))


def _text(value: Any) -> str:
    # As JSON, where true is not 1.
    return json.dumps(value, sort_keys=True, default=str)
