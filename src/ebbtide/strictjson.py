"""JSON as the wire knows it: what RFC 8259 leaves open is refused.

That is NaN and infinities, numbers past a double, and a name that stands twice in one object. Output is ASCII without
white space, so any text survives any broker, lone surrogates included.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

_encoder = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":"))
_FEW = 8


def dumps(value: Any) -> str:
    """JSON text of plain values. Raises ValueError for NaN, infinities and cycles, TypeError for anything not plain."""
    # JSONEncoder sets itself up anew for each text, which takes longer than writing what most of ours are: a scalar,
    # or a few of them in a row.
    if write := _SCALARS.get(type(value)):
        return write(value)
    if type(value) is list and len(value) <= _FEW:
        writers = [_SCALARS.get(type(item)) for item in value]
        if None not in writers:
            return f"[{','.join([write(item) for write, item in zip(writers, value, strict=True) if write])}]"
    return _encoder.encode(value) if value or type(value) is not dict else "{}"


def _number(value: float) -> str:
    return repr(value) if value - value == 0 else _encoder.encode(value)  # which refuses it


_SCALARS: dict[type, Callable[[Any], str]] = {
    str: json.encoder.encode_basestring_ascii,
    int: str,
    float: _number,
    bool: {True: "true", False: "false"}.__getitem__,
    type(None): lambda value: "null",
}


def loads(text: str) -> Any:
    """The value of a JSON text. Raises ValueError for everything else, however hostile the text."""
    try:
        try:
            value, end = _decoder.raw_decode(text)  # what our own text needs, and half the time of decode
            if end == len(text):
                return value
        except ValueError:  # white space in front, or worse
            pass
        return _decoder.decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = sorted(name for name, _ in pairs)
        twice = next(name for name, after in pairwise(names) if name == after)
        raise ValueError(f"the name {twice[:100]!r} stands twice in one object")
    return members


def _finite(digits: str) -> float:
    number = float(digits)
    if number - number != 0:
        raise ValueError(f"the number {digits[:40]} does not fit a double")
    return number


def _constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


_decoder = json.JSONDecoder(object_pairs_hook=_object, parse_float=_finite, parse_constant=_constant)
